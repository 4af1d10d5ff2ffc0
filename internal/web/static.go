package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"

	"dsync/internal/fault"
)

//go:embed static
var staticFiles embed.FS

// asset is a static file. Its path has its hash, so that browsers may keep it.
type asset struct {
	path, mediaType string
	integrity       string // its SHA-256, as browsers check it
	content         []byte
	compressed      []byte // gzip
}

// assetsUnder are the static files of a site by name.
func assetsUnder(base string) map[string]asset {
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
			integrity:  "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
			path:       base + "/static/" + hex.EncodeToString(sum[:8]) + "/" + e.Name(),
			mediaType:  mime.TypeByExtension(path.Ext(e.Name())),
			content:    content,
			compressed: compress(content),
		}
	}
	return all
}

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

// StaticPattern is the pattern of the static files of a site, which need no session.
func StaticPattern(base string) string { return "GET " + base + "/static/{hash}/{name}" }

// Static serves a static file by its hash and name: API Gateway does not compress
// answers.
func (x *Exchange) Static() error {
	a, ok := x.site.assets[x.Request.PathValue("name")]
	if !ok || a.path != x.Request.URL.Path {
		return fault.Missing("File", "")
	}
	h := x.Header()
	h.Set("Content-Type", a.mediaType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(x.Request.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		x.Write(http.StatusOK, a.compressed)
		return nil
	}
	x.Write(http.StatusOK, a.content)
	return nil
}
