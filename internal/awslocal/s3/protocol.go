package s3

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"dsync/internal/awslocal/uuid"
)

// Error is an error of S3.
type Error struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
	status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

var (
	errNoSuchBucket = &Error{Code: "NoSuchBucket", Message: "The specified bucket does not exist", status: http.StatusNotFound}
	errNoSuchKey    = &Error{Code: "NoSuchKey", Message: "The specified key does not exist.", status: http.StatusNotFound}
	errKeyTooLong   = &Error{Code: "KeyTooLongError", Message: "Your key is too long", status: http.StatusBadRequest}
	errTooLarge     = &Error{Code: "EntityTooLarge", Message: "Your proposed upload exceeds the maximum allowed object size.", status: http.StatusBadRequest}
	errBadDigest    = &Error{Code: "BadDigest", Message: "The CRC32 you specified did not match the calculated checksum.", status: http.StatusBadRequest}
	errArgument     = &Error{Code: "InvalidArgument", Message: "A parameter of the list is not valid.", status: http.StatusBadRequest}
	errForbidden    = &Error{Code: "AccessDenied", Message: "The Host header must be 127.0.0.1 or localhost, and the request must not come from a web page.", status: http.StatusForbidden}
)

func unsupported(what string) error {
	return &Error{Code: "NotImplemented", Message: "The local S3 does not support " + what + ".", status: http.StatusNotImplemented}
}

// ServeHTTP serves the requests of S3 clients.
func (b *Buckets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-amz-request-id", uuid.New())
	err := b.serve(w, r)
	if err == nil {
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Code: "InternalError", Message: err.Error(), status: http.StatusInternalServerError}
	}
	writeXML(w, e.status, e)
}

func writeXML(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(body) // fails only when the client has disconnected
}

func (b *Buckets) serve(w http.ResponseWriter, r *http.Request) error {
	// A web page can reach the loopback address, also under a host name of its
	// own (DNS rebinding).
	host := (&url.URL{Host: r.Host}).Hostname()
	if host != "127.0.0.1" && host != "localhost" || http.NewCrossOriginProtection().Check(r) != nil {
		return errForbidden
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	switch {
	case key == "" && r.Method == http.MethodGet && query.Get("list-type") == "2":
		return b.serveList(w, bucket, query)
	case key == "" || query.Has("uploadId") || query.Has("versionId"):
		return unsupported("this operation")
	case r.Method == http.MethodPut:
		return b.servePut(w, r, bucket, key)
	case r.Method == http.MethodGet:
		return b.serveGet(w, bucket, key)
	case r.Method == http.MethodDelete:
		if err := b.Delete(bucket, key); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return unsupported("this operation")
}

func (b *Buckets) servePut(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	if strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		return unsupported("chunked uploads")
	}
	if r.Header.Get("x-amz-copy-source") != "" {
		return unsupported("copies")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxObject))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return errTooLarge
	}
	if err != nil {
		return err
	}
	if sum := r.Header.Get("x-amz-checksum-crc32"); sum != "" && sum != checksum(body) {
		return errBadDigest
	}
	if err := b.Put(bucket, key, body); err != nil {
		return err
	}
	w.Header().Set("ETag", etag(body))
	return nil
}

func (b *Buckets) serveGet(w http.ResponseWriter, bucket, key string) error {
	body, modified, err := b.Get(bucket, key)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(body))
	w.Header().Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
	w.Header().Set("x-amz-checksum-crc32", checksum(body))
	w.Header().Set("Content-Type", "binary/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // fails only when the client has disconnected
	return nil
}

// list is the response of ListObjectsV2.
type list struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string
	Prefix                string
	StartAfter            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	KeyCount              int
	MaxKeys               int
	IsTruncated           bool
	Contents              []listed
}

type listed struct {
	Key          string
	LastModified string
	Size         int64
	StorageClass string
}

func (b *Buckets) serveList(w http.ResponseWriter, bucket string, query url.Values) error {
	if query.Get("delimiter") != "" || query.Get("encoding-type") != "" {
		return unsupported("delimiters and encoded lists")
	}
	l := list{Name: bucket, Prefix: query.Get("prefix"), StartAfter: query.Get("start-after"), ContinuationToken: query.Get("continuation-token"), MaxKeys: maxKeys}
	if text := query.Get("max-keys"); text != "" {
		var err error
		if l.MaxKeys, err = strconv.Atoi(text); err != nil || l.MaxKeys < 0 {
			return errArgument
		}
	}
	after := l.StartAfter
	if l.ContinuationToken != "" {
		last, err := base64.URLEncoding.DecodeString(l.ContinuationToken)
		if err != nil {
			return errArgument
		}
		after = string(last)
	}
	objects, more, err := b.List(bucket, l.Prefix, after, l.MaxKeys)
	if err != nil {
		return err
	}
	for _, o := range objects {
		l.Contents = append(l.Contents, listed{o.Key, o.LastModified.UTC().Format("2006-01-02T15:04:05.000Z"), o.Size, "STANDARD"})
	}
	l.KeyCount, l.IsTruncated = len(objects), more && len(objects) > 0
	if l.IsTruncated {
		l.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(objects[len(objects)-1].Key))
	}
	writeXML(w, http.StatusOK, l)
	return nil
}
