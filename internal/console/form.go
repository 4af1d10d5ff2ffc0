package console

import (
	"errors"
	"net/url"
	"strings"

	"dsync/internal/fault"
	"dsync/internal/management"
)

// form is a form with what was typed, and what is wrong with it. The zero form is
// empty.
type form struct {
	values  url.Values
	Errors  map[string]string // by the name of a field
	Problem string            // what is wrong with the form as a whole
}

// form reads the form of a request.
func (r *request) form() (form, error) {
	if err := r.http.ParseForm(); err != nil {
		return form{}, fault.New(fault.TooLarge, "", "The form is too large, or has no form's format.").Because(err)
	}
	return form{values: r.http.PostForm}, nil
}

// Value is what was typed into a field.
func (f form) Value(field string) string { return f.values.Get(field) }

// Error is what is wrong with a field that has that label, "" for nothing.
func (f form) Error(field, label string) string {
	text := f.Errors[field]
	if strings.HasPrefix(text, "must ") {
		return label + " " + text
	}
	return text
}

// Failed reports whether the form was refused.
func (f form) Failed() bool { return f.Problem != "" || len(f.Errors) > 0 }

// invalid notes what a field must be.
func (f *form) invalid(field, text string) {
	if f.Errors == nil {
		f.Errors = map[string]string{}
	}
	f.Errors[field] = text
}

// refused notes why a change was refused. It reports whether the person can mend
// that in the form: then the form is shown again, else the error is.
func (f *form) refused(err error) bool {
	var e *fault.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case fault.Invalid:
		for _, field := range e.Fields {
			name, _, _ := strings.Cut(strings.TrimPrefix(field.Name, "settings."), ".")
			f.invalid(name, strings.TrimPrefix(strings.TrimPrefix(field.Code, field.Name+" "), "settings."))
		}
	case fault.Conflict, fault.Busy:
		f.Problem = e.Detail
	default:
		return false
	}
	return true
}

// pageSize is how many rows a list shows.
const pageSize = 25

// pageRequest is the page of a list that the URL asks for. A cursor that can be none
// is left out.
func (r *request) pageRequest() management.PageRequest {
	q := r.http.URL.Query()
	p := management.PageRequest{After: cursor(q.Get("after")), Limit: pageSize}
	if p.After == "" {
		p.Before = cursor(q.Get("before"))
	}
	return p
}

// maxCursor is more than the bytes of any id.
const maxCursor = 64

// cursor is a cursor of a URL, "" for what can be none: it would be too long for a
// key.
func cursor(text string) string {
	if len(text) > maxCursor {
		return ""
	}
	return text
}

// maxSearch bounds a search text in bytes, as the REST API does.
const maxSearch = 1_024

// search is the text that the URL asks for.
func (r *request) search() string {
	text := strings.TrimSpace(r.http.URL.Query().Get("search"))
	if len(text) > maxSearch {
		return strings.ToValidUTF8(text[:maxSearch], "")
	}
	return text
}

// withQuery adds parameters to a path, names and values by turns. Values that are ""
// are left out.
func withQuery(path string, pairs ...string) string {
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

// pager are the links to the pages around a page.
type pager struct{ Newer, Older string }

// pagerOf makes the links around a page, which keep the other parameters.
func pagerOf[T any](r *request, p management.Page[T]) pager {
	link := func(name, cursor string) string {
		if cursor == "" {
			return ""
		}
		q := r.http.URL.Query()
		q.Del("after")
		q.Del("before")
		q.Set(name, cursor)
		return r.http.URL.Path + "?" + q.Encode()
	}
	return pager{link("before", p.Before), link("after", p.After)}
}
