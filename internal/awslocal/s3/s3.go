// Package s3 is a local S3. It serves PutObject, GetObject, DeleteObject and
// ListObjectsV2 with path-style URLs.
//
// An accepted object is on the disk, in a file of its own with mode 0600. A
// write replaces the file atomically. The name of the file is the escaped key,
// so no key reaches another folder. Versions, metadata, multipart uploads,
// delimiters and streamed signatures are rejected as unsupported. Signatures are
// not checked.
package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"dsync/internal/awslocal/uuid"
)

const (
	// MaxObject limits an object, in bytes. The batches of Lambda have 6 MB.
	MaxObject = 64 << 20
	// maxKeys is the largest page of a list.
	maxKeys = 1000
	// maxName is the longest name of a file on the common file systems, in bytes.
	// S3 allows keys of 1,024 bytes.
	maxName = 255
	// suffix ends the names of files with objects. Other files are being written.
	suffix = ".object"
)

// Options describe the buckets.
type Options struct {
	Dir      string // has a folder for each bucket
	Buckets  []string
	PageSize int // keys in a page of a list, at most; 0 means 1,000, as on S3
}

// Buckets are the buckets of an endpoint. Buckets is an http.Handler, and safe
// for concurrent use.
type Buckets struct {
	pageSize int
	byName   map[string]*os.Root
}

// Object describes an object in a list.
type Object struct {
	Key          string
	LastModified time.Time
	Size         int64
}

// Open returns the buckets with the objects that are in the folder.
func Open(o Options) (*Buckets, error) {
	if o.PageSize == 0 {
		o.PageSize = maxKeys
	}
	b := &Buckets{pageSize: min(o.PageSize, maxKeys), byName: map[string]*os.Root{}}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	folder, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	defer folder.Close()
	for _, name := range o.Buckets {
		err := folder.Mkdir(name, 0o700)
		if err == nil || errors.Is(err, fs.ErrExist) {
			b.byName[name], err = folder.OpenRoot(name)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("s3: bucket %s: %w", name, err), b.Close())
		}
	}
	return b, nil
}

// Close closes the folders.
func (b *Buckets) Close() error {
	var errs []error
	for _, bucket := range b.byName {
		if bucket != nil {
			errs = append(errs, bucket.Close())
		}
	}
	return errors.Join(errs...)
}

func (b *Buckets) bucket(name string) (*os.Root, error) {
	if bucket := b.byName[name]; bucket != nil {
		return bucket, nil
	}
	return nil, errNoSuchBucket
}

// fileName returns the name of the file of an object.
func fileName(key string) (string, error) {
	name := url.PathEscape(key) + suffix
	if key == "" || len(name) > maxName {
		return "", errKeyTooLong
	}
	return name, nil
}

// Put is PutObject for callers in this process.
func (b *Buckets) Put(bucket, key string, body []byte) (err error) {
	folder, err := b.bucket(bucket)
	if err != nil {
		return err
	}
	name, err := fileName(key)
	if err != nil {
		return err
	}
	temporary := uuid.New() + ".part"
	f, err := folder.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = folder.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, folder.Remove(temporary))
	}
	return nil
}

// Get is GetObject for callers in this process.
func (b *Buckets) Get(bucket, key string) (body []byte, modified time.Time, err error) {
	folder, err := b.bucket(bucket)
	if err != nil {
		return nil, modified, err
	}
	name, err := fileName(key)
	if err != nil {
		return nil, modified, err
	}
	f, err := folder.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, modified, errNoSuchKey
	}
	if err != nil {
		return nil, modified, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, modified, err
	}
	var content bytes.Buffer
	_, err = content.ReadFrom(f)
	return content.Bytes(), info.ModTime(), err
}

// Delete is DeleteObject for callers in this process. As in S3, it succeeds if
// there is no such object.
func (b *Buckets) Delete(bucket, key string) error {
	folder, err := b.bucket(bucket)
	if err != nil {
		return err
	}
	name, err := fileName(key)
	if err != nil {
		return err
	}
	if err := folder.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// List is ListObjectsV2 for callers in this process. It returns at most limit
// objects whose keys begin with prefix and sort after the key after. more says
// whether others follow.
func (b *Buckets) List(bucket, prefix, after string, limit int) (objects []Object, more bool, err error) {
	folder, err := b.bucket(bucket)
	if err != nil {
		return nil, false, err
	}
	entries, err := fs.ReadDir(folder.FS(), ".")
	if err != nil {
		return nil, false, err
	}
	var keys []string
	for _, e := range entries {
		escaped, complete := strings.CutSuffix(e.Name(), suffix)
		key, err := url.PathUnescape(escaped)
		if complete && err == nil && strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys) // escaping changes the order
	limit = min(limit, b.pageSize)
	for _, key := range keys {
		if len(objects) == limit {
			return objects, true, nil
		}
		info, err := folder.Stat(url.PathEscape(key) + suffix)
		if errors.Is(err, fs.ErrNotExist) { // deleted since
			continue
		}
		if err != nil {
			return nil, false, err
		}
		objects = append(objects, Object{key, info.ModTime(), info.Size()})
	}
	return objects, false, nil
}

// etag is the entity tag of an object that was uploaded in one part.
func etag(body []byte) string {
	sum := md5.Sum(body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// checksum is the value of the header x-amz-checksum-crc32.
func checksum(body []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
}
