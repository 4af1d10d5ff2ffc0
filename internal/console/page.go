package console

import (
	"dsync/internal/management"
	"dsync/internal/web"
)

// pageSize is how many rows a list shows.
const pageSize = 25

// pageRequest is the page of a list that the URL asks for.
func (r *request) pageRequest() management.PageRequest {
	p := management.PageRequest{After: r.Cursor("after"), Limit: pageSize}
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
	return web.Pager{Newer: link("before", p.Before), Older: link("after", p.After)}
}
