package web

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/gateway"
)

// Exchange is a request and its answer, which is written once.
type Exchange struct {
	Request *http.Request
	w       http.ResponseWriter
	site    *Site
	status  int // of the answer; 0 before it is written
}

// ID is the id of the request, as its answer and the log have it.
func (x *Exchange) ID() string { return gateway.RequestID(x.Request.Context()) }

// Header has the headers of the answer.
func (x *Exchange) Header() http.Header { return x.w.Header() }

// Secure reports whether the site is served over https. Only a local machine serves it
// without.
func (x *Exchange) Secure() bool { return x.Request.URL.Scheme == "https" }

// Live reports whether htmx asks for a part of a page.
func (x *Exchange) Live() bool { return x.Request.Header.Get("HX-Request") == "true" }

// URL is the absolute URL of a path. The gateway sets the host: it is that of the
// configuration, where one is configured.
func (x *Exchange) URL(path string) string {
	return x.Request.URL.Scheme + "://" + x.Request.Host + path
}

// Write writes the answer.
func (x *Exchange) Write(status int, body []byte) {
	x.status = status
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

// Execute answers with a template of a page, and writes nothing if that fails. "layout"
// is the whole page.
func (x *Exchange) Execute(page, template string, status int, data any) error {
	var b bytes.Buffer
	if err := x.site.templates[page].ExecuteTemplate(&b, template, data); err != nil {
		return err
	}
	x.Header().Set("Content-Type", "text/html; charset=utf-8")
	x.Write(status, b.Bytes())
	return nil
}

// Redirect leads to a path of the site.
func (x *Exchange) Redirect(path string) error {
	x.Header().Set("Location", path)
	x.Write(http.StatusSeeOther, nil)
	return nil
}

const (
	toastCookie   = "toast"
	toastLifetime = 30 * time.Second
	maxToast      = 200 // bytes
)

// Done leads from an action to a page, on which a toast says what was done.
func (x *Exchange) Done(path, toast string) error {
	x.SetCookie(toastCookie, base64.RawURLEncoding.EncodeToString([]byte(toast)), toastLifetime)
	return x.Redirect(path)
}

// TakeToast returns the toast of the action that led here, "" for none.
func (x *Exchange) TakeToast() string {
	value := x.Cookie(toastCookie)
	if value == "" {
		return ""
	}
	x.SetCookie(toastCookie, "", 0)
	toast, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(toast) > maxToast {
		return ""
	}
	return string(toast)
}

// Form reads the form of the request.
func (x *Exchange) Form() (Form, error) {
	if err := x.Request.ParseForm(); err != nil {
		return Form{}, fault.New(fault.TooLarge, "", "The form is too large, or has no form's format.").Because(err)
	}
	return Form{values: x.Request.PostForm}, nil
}

// maxCursor is more than the bytes of any id.
const maxCursor = 64

// Cursor is a parameter of the URL that is a cursor, "" for what can be none: it would
// be too long for a key.
func (x *Exchange) Cursor(name string) string {
	text := x.Request.URL.Query().Get(name)
	if len(text) > maxCursor {
		return ""
	}
	return text
}

// maxSearch bounds a search text in bytes, as the REST API does.
const maxSearch = 1_024

// Search is a parameter of the URL that is a text to search for.
func (x *Exchange) Search(name string) string {
	text := strings.TrimSpace(x.Request.URL.Query().Get(name))
	if len(text) > maxSearch {
		return strings.ToValidUTF8(text[:maxSearch], "")
	}
	return text
}

// WithQuery adds parameters to a path, names and values by turns. Values that are ""
// are left out.
func WithQuery(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
