package console

import (
	"dsync/internal/management"
	"dsync/internal/web"
)

// pageSize is how many rows a list shows.
const pageSize = 25

// pageRequest is the page of a list that the URL asks for.
func (r *request) pageRequest() management.PageRequest {
	p := management.PageRequest{After: r.Cursor("after"), Limit: pageSize, Oldest: r.oldest()}
	if p.After == "" {
		p.Before = r.Cursor("before")
	}
	return p
}

// pagerOf makes the links around a page, which keep the other parameters.
func pagerOf[T any](r *request, p management.Page[T]) web.Pager {
	link := func(name, cursor string) string {
		if cursor == "" {
			return ""
		}
		q := r.Request.URL.Query()
		q.Del("after")
		q.Del("before")
		q.Set(name, cursor)
		return r.Request.URL.Path + "?" + q.Encode()
	}
	return web.Pager{Previous: link("before", p.Before), Next: link("after", p.After), Oldest: r.oldest()}
}

// oldest reports whether the URL asks for the oldest first.
func (r *request) oldest() bool { return r.Request.URL.Query().Get("order") == "asc" }

// sorting is the order of a list, by creation: the table can no other.
type sorting struct {
	Oldest bool
	Path   string // of the other order
}

func (r *request) order() sorting {
	q := r.Request.URL.Query()
	q.Del("after")
	q.Del("before")
	q.Set("order", "asc")
	if r.oldest() {
		q.Del("order")
	}
	path := r.Request.URL.Path
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return sorting{r.oldest(), path}
}
