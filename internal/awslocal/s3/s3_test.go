package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"dsync/internal/awslocal/awsconfig"
	locals3 "dsync/internal/awslocal/s3"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const bucket = "failures"

func open(t *testing.T, dir string, pageSize int) (*s3.Client, string) {
	t.Helper()
	b, err := locals3.Open(locals3.Options{Dir: dir, Buckets: []string{bucket, "other"}, PageSize: pageSize})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b)
	t.Cleanup(func() {
		server.Close()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	client := s3.NewFromConfig(awsconfig.Config("us-east-1", server.URL), func(o *s3.Options) {
		o.UsePathStyle = true
		o.RetryMaxAttempts = 1
	})
	return client, server.URL
}

func put(t *testing.T, c *s3.Client, key, body string) {
	t.Helper()
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader(body)}); err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
}

func get(t *testing.T, c *s3.Client, key string) string {
	t.Helper()
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil || out.LastModified == nil || aws.ToInt64(out.ContentLength) != int64(len(body)) {
		t.Fatalf("get %q: %v, %d bytes of %v, %v", key, err, len(body), out.ContentLength, out.LastModified)
	}
	return string(body)
}

func list(t *testing.T, c *s3.Client, prefix string) (keys []string, pages int) {
	t.Helper()
	for p := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: &prefix}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out.Contents {
			if o.LastModified == nil || o.Size == nil {
				t.Errorf("%s has no time or size", *o.Key)
			}
			keys = append(keys, *o.Key)
		}
	}
	return keys, pages
}

// Keys of every kind, also those that look like paths, are stored, listed in the
// order of S3 and found after a restart. No file is outside of the folder or
// readable by others.
func TestObjectsSurviveARestart(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "s3")
	keys := []string{
		"aws/lambda/0e1d/shardId-00000001573689847184-864758bb/2026/11/26/2026-11-26T13.52.12-4f",
		"parked/a.json.gz", "a b+c%2F&<>\"'=?#", "ünï/cödé", "A", "a!", "a.b", "a/b", "..%2f..", "x/../../y", "/slash", ".hidden",
	}
	c, _ := open(t, dir, 0)
	for i, key := range keys {
		put(t, c, key, "first")
		put(t, c, key, fmt.Sprint("body ", i))
	}
	large := strings.Repeat("0123456789abcdef", 1<<19) // 8 MB
	put(t, c, "large", large)
	again, _ := open(t, dir, 0)
	for i, key := range keys {
		if body := get(t, again, key); body != fmt.Sprint("body ", i) {
			t.Errorf("%q has %q", key, body)
		}
	}
	if get(t, again, "large") != large {
		t.Error("the large object is damaged")
	}
	want := append(slices.Clone(keys), "large")
	slices.Sort(want)
	if got, _ := list(t, again, ""); !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	files := 0
	err := filepath.WalkDir(parent, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 && path != parent {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if !d.IsDir() {
			files++
			if filepath.Dir(path) != filepath.Join(dir, bucket) {
				t.Errorf("%s is outside of its bucket", path)
			}
		}
		return err
	})
	if err != nil || files != len(want) {
		t.Errorf("%d files for %d objects, %v", files, len(want), err)
	}
}

func TestPages(t *testing.T) {
	c, _ := open(t, t.TempDir(), 3)
	var want []string
	for i := range 10 {
		key := fmt.Sprintf("p/%02d", i)
		want = append(want, key)
		put(t, c, key, "x")
	}
	put(t, c, "other", "x")
	if got, pages := list(t, c, "p/"); !slices.Equal(got, want) || pages != 4 {
		t.Errorf("%q in %d pages", got, pages)
	}
	out, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket), MaxKeys: aws.Int32(2), StartAfter: aws.String("p/07")})
	if err != nil || len(out.Contents) != 2 || *out.Contents[0].Key != "p/08" || aws.ToBool(out.IsTruncated) {
		t.Errorf("after p/07: %+v, %v", out, err)
	}
	// A page whose last object is deleted continues behind it.
	p := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String("p/")})
	var seen []string
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			seen = append(seen, *o.Key)
			if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: o.Key}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if left, _ := list(t, c, ""); !slices.Equal(seen, want) || !slices.Equal(left, []string{"other"}) {
		t.Errorf("deleted %q, left %q", seen, left)
	}
}

// Whoever reads an object while it is replaced reads the old or the new one.
func TestReplacementIsAtomic(t *testing.T) {
	c, _ := open(t, t.TempDir(), 0)
	bodies := []string{strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<15)}
	put(t, c, "k", bodies[0])
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				_, err := c.PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader(bodies[i%2])})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 40 {
		if body := get(t, c, "k"); !slices.Contains(bodies, body) {
			t.Errorf("a mixture of %d bytes", len(body))
		}
	}
	wg.Wait()
}

func TestErrors(t *testing.T) {
	c, url := open(t, t.TempDir(), 0)
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("nothing")})
	if _, ok := errors.AsType[*types.NoSuchKey](err); !ok {
		t.Errorf("no such key: %v", err)
	}
	for name, err := range map[string]error{
		"NoSuchBucket": func() error {
			_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("unknown"), Key: aws.String("k")})
			return err
		}(),
		"KeyTooLongError": func() error {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(strings.Repeat("k", 300)), Body: strings.NewReader("x")})
			return err
		}(),
		"NotImplemented": func() error {
			_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Delimiter: aws.String("/")})
			return err
		}(),
		"EntityTooLarge": func() error {
			_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"), Body: bytes.NewReader(make([]byte, locals3.MaxObject+1))})
			return err
		}(),
	} {
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String("nothing")}); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	for name, change := range map[string]func(*http.Request){
		"a foreign host":   func(r *http.Request) { r.Host = "rebound.example" },
		"a foreign origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"a wrong checksum": func(r *http.Request) { r.Header.Set("x-amz-checksum-crc32", "AAAAAA==") },
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/"+bucket+"/k", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode/100 != 4 {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
	if keys, _ := list(t, c, ""); len(keys) != 0 {
		t.Errorf("refused requests stored %q", keys)
	}
}
