package session

import (
	"context"
	"slices"
	"strconv"
	"time"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
)

const (
	// MaxScan is how many resources one request may read: at 2 KB each that is
	// 20 MB in 20 reads, within a function's 10 seconds.
	MaxScan = 10_000
	// maxPageBytes bounds the stored size of a page: a function's response has
	// 6 MB at most. A page that would be larger is shorter than the client asks.
	maxPageBytes = 4 << 20
)

// Page is a part of a list.
type Page struct {
	Resources []Resource
	Total     int    // of the whole list; -1 when it was not counted
	Next      string // cursor of the next page; "" on the last one, and without cursors
}

// List finds the resources that a query asks for, oldest first unless it sorts.
// The filters that Entra sends are key reads; other filters read the resources
// of the directory, up to MaxScan. With cursors a list of any length can be read
// to its end.
func (s *Session) List(ctx context.Context, t Type, q query.Query) (Page, error) {
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

// fit shortens a page to the size that a response can have.
func fit(page []Resource) []Resource {
	size := 0
	for i, r := range page {
		if size += r.size; size > maxPageBytes && i > 0 {
			return page[:i]
		}
	}
	return page
}

// browse lists without a filter: the index has the count and the ids of the page,
// whose resources are read by key.
func (s *Session) browse(ctx context.Context, t Type, q query.Query) (Page, error) {
	ids, err := s.table.IDs(ctx, t.kind, s.directoryID, "", 0)
	if err != nil {
		return Page{}, err
	}
	page := Page{Total: len(ids)}
	for record, err := range s.read(ctx, t, window(ids, q.StartIndex-1, q.Count)) {
		if err != nil {
			return Page{}, err
		}
		r, err := parse(record)
		if err != nil {
			return Page{}, err
		}
		page.Resources = append(page.Resources, r)
	}
	page.Resources = fit(page.Resources)
	return page, nil
}

// all finds every resource that matches, or fails with tooMany.
func (s *Session) all(ctx context.Context, t Type, f filter.Expr) ([]Resource, error) {
	var found []Resource
	seen := 0
	for c, err := range s.candidates(ctx, t, f, "", maxChunk) {
		if err != nil {
			return nil, err
		}
		seen++
		if seen > MaxScan || late(ctx) {
			return nil, fault.New(fault.Invalid, scim.TooMany,
				"this looks at more resources than the %d or so that one request may: filter by id, %s or externalId, or page by cursor without sorting", MaxScan, t.key)
		}
		if c.matches {
			found = append(found, c.resource)
		}
	}
	return found, nil
}

// responseTime is what a function keeps of its time for its response.
const responseTime = 2 * time.Second

// late reports whether it is time to respond: a function that times out cannot
// respond with tooMany.
func late(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < responseTime
}

// follow reads the page after a cursor, whose position is the id of the last
// resource that was read.
func (s *Session) follow(ctx context.Context, t Type, q query.Query) (Page, error) {
	last, err := s.open(t, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Total: -1}
	seen, size, more := 0, 0, false
	for c, err := range s.candidates(ctx, t, q.Filter, last, q.Count+1) {
		if err != nil {
			return Page{}, err
		}
		if c.matches {
			full := len(page.Resources) == q.Count || size+c.resource.size > maxPageBytes && len(page.Resources) > 0
			if full {
				more = true
				break
			}
			page.Resources = append(page.Resources, c.resource)
			size += c.resource.size
		}
		last = c.resource.Meta.ID
		seen++
		if seen == MaxScan || late(ctx) {
			more = true // perhaps: the next page can be empty
			break
		}
	}
	if more {
		page.Next = s.seal(t, q, last)
	}
	return page, nil
}

// sorted reads a page of the whole list in the order that the query asks for.
// The position of its cursors is an offset.
func (s *Session) sorted(ctx context.Context, t Type, q query.Query) (Page, error) {
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
		rendered[r.Meta.ID] = resource.Render(t.ResourceType, r.Document, r.Meta)
	}
	slices.SortStableFunc(all, func(a, b Resource) int { return q.Compare(rendered[a.Meta.ID], rendered[b.Meta.ID]) })
	page := Page{fit(window(all, from, q.Count)), len(all), ""}
	if end := from + len(page.Resources); q.Cursor != nil && end < len(all) {
		page.Next = s.seal(t, q, strconv.Itoa(end))
	}
	return page, nil
}

// bound is what a cursor is valid for: this directory, type and query.
func (s *Session) bound(t Type, q query.Query) string {
	return s.directoryID + " " + t.Name + " " + q.Bound()
}

func (s *Session) seal(t Type, q query.Query, position string) string {
	return query.SealCursor(s.cursorKey, s.bound(t, q), position, s.now().Add(query.CursorLife))
}

// open reads the position of the query's cursor; "" is the beginning.
func (s *Session) open(t Type, q query.Query) (string, error) {
	if *q.Cursor == "" {
		return "", nil
	}
	return query.OpenCursor(s.cursorKey, s.bound(t, q), *q.Cursor, s.now())
}
