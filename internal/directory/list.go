package directory

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"dsync/internal/scim"
	"dsync/internal/table"
)

const (
	// MaxScan is how many resources one request may look at: at 2 KB each
	// that is 20 MB in 20 reads, within a function's 10 seconds.
	MaxScan = 10_000
	// maxPageBytes bounds the stored size of a page: a function answers 6 MB
	// at most. A page that would be larger is shorter than was asked.
	maxPageBytes = 4 << 20
)

// Page is a part of a list.
type Page struct {
	Resources []Resource
	Total     int    // of the whole list; -1 when it was not counted
	Next      string // cursor of the next page; "" on the last one, and without cursors
}

// List finds the resources that a query asks for, oldest first unless it
// sorts. What Entra filters by is answered by key; other filters look at the
// resources of the directory, up to MaxScan. By cursor a list of any length
// can be read to its end.
func (s *Session) List(ctx context.Context, t Type, q scim.Query) (Page, error) {
	switch {
	case q.SortBy != nil:
		return s.sorted(ctx, t, q)
	case q.Cursor != nil:
		return s.follow(ctx, t, q)
	case q.Filter == nil:
		return s.browse(ctx, t, q)
	}
	all, err := s.all(ctx, t, q.Filter)
	return Page{fit(window(all, q.StartIndex-1, q.Count)), len(all), ""}, err
}

func window[T any](all []T, from, count int) []T {
	from = min(from, len(all))
	return all[from:min(from+count, len(all))]
}

// fit shortens a page to what an answer can hold.
func fit(page []Resource) []Resource {
	size := 0
	for i, r := range page {
		if size += r.size; size > maxPageBytes && i > 0 {
			return page[:i]
		}
	}
	return page
}

// browse lists without a filter: the index counts and pages, the resources of
// the page are read by key.
func (s *Session) browse(ctx context.Context, t Type, q scim.Query) (Page, error) {
	ids, err := s.table.IDs(ctx, t.kind, s.token.DirectoryID, "", 0)
	if err != nil {
		return Page{}, err
	}
	page := Page{Total: len(ids)}
	err = s.readAll(ctx, t, window(ids, q.StartIndex-1, q.Count), func(record table.Resource) (bool, error) {
		r, err := read(record)
		page.Resources = append(page.Resources, r)
		return true, err
	})
	page.Resources = fit(page.Resources)
	return page, err
}

// all finds every resource that matches, or fails with tooMany.
func (s *Session) all(ctx context.Context, t Type, f scim.Expr) ([]Resource, error) {
	var found []Resource
	seen := 0
	err := s.walk(ctx, t, f, "", maxChunk, func(r Resource, ok bool) (bool, error) {
		if seen++; seen > MaxScan || late(ctx) {
			return false, scim.Errorf(http.StatusBadRequest, scim.TooMany,
				"this looks at more resources than the %d or so that one request may: filter by id, %s or externalId, or page by cursor without sorting", MaxScan, t.name)
		}
		if ok {
			found = append(found, r)
		}
		return true, nil
	})
	return found, err
}

// answerTime is what a function keeps of its time for writing its answer.
const answerTime = 2 * time.Second

// late reports whether it is time to answer with what was found: a function
// that is stopped cannot even say that there was too much to look at.
func late(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < answerTime
}

// follow reads the page behind a cursor, whose position is the id of the last
// resource that was looked at.
func (s *Session) follow(ctx context.Context, t Type, q scim.Query) (Page, error) {
	last, err := s.open(t, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Total: -1}
	seen, size, more := 0, 0, false
	err = s.walk(ctx, t, q.Filter, last, q.Count+1, func(r Resource, ok bool) (bool, error) {
		if ok {
			full := len(page.Resources) == q.Count || size+r.size > maxPageBytes && len(page.Resources) > 0
			if more = full; full {
				return false, nil
			}
			page.Resources = append(page.Resources, r)
			size += r.size
		}
		last = r.Meta.ID
		if seen++; seen == MaxScan || late(ctx) {
			more = true // perhaps: the next page tells
		}
		return !more, nil
	})
	if more {
		page.Next = s.seal(t, q, last)
	}
	return page, err
}

// sorted reads a page of the whole list in the order that the query asks for.
// The position of its cursors is an offset.
func (s *Session) sorted(ctx context.Context, t Type, q scim.Query) (Page, error) {
	from := q.StartIndex - 1
	if q.Cursor != nil {
		position, err := s.open(t, q)
		if err != nil {
			return Page{}, err
		}
		from, _ = strconv.Atoi(position) // "" is the first page
	}
	all, err := s.all(ctx, t, q.Filter)
	if err != nil {
		return Page{}, err
	}
	// Equal values stay in the order of creation, so that pages fit together.
	rendered := make(map[string]map[string]any, len(all))
	for _, r := range all {
		rendered[r.Meta.ID] = t.Render(r.Document, r.Meta)
	}
	slices.SortStableFunc(all, func(a, b Resource) int { return q.Compare(rendered[a.Meta.ID], rendered[b.Meta.ID]) })
	page := Page{fit(window(all, from, q.Count)), len(all), ""}
	if end := from + len(page.Resources); q.Cursor != nil && end < len(all) {
		page.Next = s.seal(t, q, strconv.Itoa(end))
	}
	return page, nil
}

// bound is what a cursor is good for: this directory, type and query.
func (s *Session) bound(t Type, q scim.Query) string {
	return s.token.DirectoryID + " " + t.Name + " " + q.Bound()
}

func (s *Session) seal(t Type, q scim.Query, position string) string {
	return scim.SealCursor(s.token.CursorKey, s.bound(t, q), position, s.now().Add(scim.CursorLife))
}

// open reads the position of the query's cursor; "" is the beginning.
func (s *Session) open(t Type, q scim.Query) (string, error) {
	if *q.Cursor == "" {
		return "", nil
	}
	return scim.OpenCursor(s.token.CursorKey, s.bound(t, q), *q.Cursor, s.now())
}
