package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"

	"dsync/internal/fault"
)

//go:embed static
var staticFiles embed.FS

var staticRoutes = []Route{{"GET " + Base + "/static/{hash}/{name}", Public, serveStatic}}

// asset is a static file. Its path has its hash, so that browsers may keep it.
type asset struct {
	path, mediaType string
	content         []byte
	compressed      []byte // gzip
}

// assets are the static files by name.
var assets = func() map[string]asset {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err)
	}
	all := map[string]asset{}
	for _, e := range entries {
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = asset{
			path:       Base + "/static/" + hex.EncodeToString(sum[:8]) + "/" + e.Name(),
			mediaType:  mime.TypeByExtension(path.Ext(e.Name())),
			content:    content,
			compressed: compress(content),
		}
	}
	return all
}()

func compress(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(content); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// serveStatic serves a static file by its hash and name: API Gateway does not
// compress answers.
func serveStatic(r *request) error {
	a, ok := assets[r.http.PathValue("name")]
	if !ok || a.path != r.http.URL.Path {
		return fault.Missing("File", "")
	}
	h := r.w.Header()
	h.Set("Content-Type", a.mediaType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.http.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		r.write(http.StatusOK, a.compressed)
		return nil
	}
	r.write(http.StatusOK, a.content)
	return nil
}
