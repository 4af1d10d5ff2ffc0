package session

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
	"dsync/internal/table/count"

	"golang.org/x/sync/errgroup"
)

const (
	// MaxScan is how many resources one request may read: at 2 KB each that is
	// 20 MB in 20 reads, within a function's 10 seconds.
	MaxScan = 10_000
	// maxPageBytes bounds the stored size of a page: a function's response has
	// 6 MB at most. A page that would be larger is shorter than the client asks.
	maxPageBytes = 4 << 20
)

// maxCost bounds the CPU time of one request that reads resources of any size and
// compares them: 0.3 seconds of a full core, on which one takes about 0.1
// microseconds. A term of a filter costs one for each element that it looks at,
// and filter.Matcher.Cost says what large text costs.
const (
	maxCost        = 2_500_000
	costOfResource = 100
	bytesOfCost    = 4 // of a document, read for the cost of one
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
	if err == nil && t.kind == table.User {
		s.observe(q.Filter, len(all))
	}
	return Page{fit(window(all, q.StartIndex-1, q.Count)), len(all), ""}, err
}

// observe notes a query for users by one attribute.
func (s *Session) observe(f filter.Expr, found int) {
	if !filter.IsEquality(f) {
		return
	}
	for _, e := range filter.Cover(f, func(filter.Target) int { return 0 }) {
		s.trace.Observe(doctor.ExamineLookUp(e.Target.Attribute.Name, e.Value, found)...)
	}
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

// MaxCounted is how many resources are counted by their keys: then the total of
// a list is exact. The total of more resources is the count that the directory
// keeps, which is as far behind as its events. Keys of 1,000 resources cost 16
// read units, so they are not read if the directory counts many more.
const MaxCounted = 1_000

// MaxIndex is the last place that a list is paged to by index: the keys of all
// resources before it are read, 16 units for each 1,000 of them. Cursors lead
// further, at the same price for every page.
const MaxIndex = 100_000

// browse lists without a filter: the index has the ids of the page, whose
// resources are read by key. A directory that was not counted yet is counted by
// its keys, to MaxIndex.
func (s *Session) browse(ctx context.Context, t Type, q query.Query) (Page, error) {
	from := q.StartIndex - 1
	if from >= MaxIndex {
		return Page{}, fault.New(fault.Invalid, scim.TooMany,
			"startIndex is %d at most: page by cursor, which has no such limit and reads no page twice", MaxIndex)
	}
	var counts count.Counts
	var ids []string
	more := true
	first, reading := errgroup.WithContext(ctx)
	first.Go(func() (err error) {
		counts, err = s.table.Counts(reading, s.directoryID)
		return err
	})
	if keys := from + q.Count; keys > 0 {
		first.Go(func() (err error) {
			ids, more, err = s.table.IDs(reading, t.kind, s.directoryID, "", keys)
			return err
		})
	}
	if err := first.Wait(); err != nil {
		return Page{}, err
	}
	page := Page{Total: len(ids)}
	var records []table.Resource
	reads, ctx := errgroup.WithContext(ctx)
	reads.Go(func() (err error) {
		records, err = s.table.ResourcesEventually(ctx, t.kind, s.directoryID, window(ids, from, q.Count))
		return err
	})
	if more {
		reads.Go(func() (err error) {
			page.Total, err = s.total(ctx, t, ids, counts)
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return Page{}, err
	}
	for _, record := range records {
		if record.Deleted {
			continue // the index follows
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

// total is the total of a list that goes on after these ids. What is not known of
// it is counted by keys.
func (s *Session) total(ctx context.Context, t Type, ids []string, counts count.Counts) (int, error) {
	n := counted(counts, t)
	if counts.Known && (n > 2*MaxCounted || len(ids) >= MaxCounted) {
		return max(n, len(ids)+1), nil
	}
	last, limit := "", MaxIndex
	if len(ids) > 0 {
		last = ids[len(ids)-1]
	}
	if counts.Known {
		limit = MaxCounted - len(ids)
	}
	rest, more, err := s.table.CountIDs(ctx, t.kind, s.directoryID, last, limit)
	total := len(ids) + rest
	switch {
	case more && counts.Known:
		total = max(n, total+1)
	case more:
		total++
	}
	return total, err
}

// counted is the number of resources of a type.
func counted(c count.Counts, t Type) int {
	if t.kind == table.Group {
		return c.Groups
	}
	return c.Users()
}

// all finds every resource that matches, or fails with tooMany.
func (s *Session) all(ctx context.Context, t Type, f filter.Expr) ([]Resource, error) {
	var found []Resource
	seen, cost := 0, 0
	for c, err := range s.candidates(ctx, t, f, "", maxChunk) {
		if err != nil {
			return nil, err
		}
		seen++
		s.compared.Add(int64(c.cost - cost))
		cost = c.cost
		if seen > MaxScan || c.cost > maxCost || late(ctx) {
			return nil, fault.New(fault.Invalid, scim.TooMany,
				"this looks at more resources than one request may, %d or so, and fewer if they are large: filter by id, %s or externalId, or page by cursor without sorting", MaxScan, t.key)
		}
		if c.matches {
			found = append(found, c.resource)
		}
	}
	return found, nil
}

// responseTime is what a function keeps of its time for its response.
const responseTime = time.Second

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
	read, err := s.listed(ctx, t, q.Filter)
	if err != nil {
		return Page{}, err
	}
	var page Page
	more := false
	if read != nil {
		page.Resources, last, more, err = s.next(ctx, read, last, q.Count)
	} else {
		page.Resources, last, more, err = s.nextMatches(ctx, t, q, last)
	}
	if err != nil {
		return Page{}, err
	}
	page.Total = -1
	if more {
		page.Next = s.seal(t, q, last)
	}
	return page, nil
}

// chunkReader reads at most limit resources of a list after an id.
type chunkReader func(ctx context.Context, last string, limit int) (table.Chunk[table.Resource], error)

// listed reads the list that has what a filter asks for and nothing else: all
// resources, or the users in a group. It is nil if there is none.
func (s *Session) listed(ctx context.Context, t Type, f filter.Expr) (chunkReader, error) {
	if f == nil {
		return func(ctx context.Context, last string, limit int) (table.Chunk[table.Resource], error) {
			return table.ResourcesOf(t.kind, s.directoryID).ReadEventually(ctx, s.table, last, false, limit)
		}, nil
	}
	if t.kind != table.User || !filter.IsEquality(f) {
		return nil, nil
	}
	cover := filter.Cover(f, func(target filter.Target) int { return s.rank(t, target) })
	if len(cover) != 1 || t.keyPaths()[s.rank(t, cover[0].Target)] != userGroupsPath {
		return nil, nil
	}
	group := cover[0].Value
	record, err := s.table.Resource(ctx, table.Group, s.directoryID, group)
	if errors.Is(err, table.ErrNotFound) || record.Emptied != 0 {
		return nil, nil // no resource matches, or not all that are listed
	}
	return func(ctx context.Context, last string, limit int) (table.Chunk[table.Resource], error) {
		return table.UsersIn(s.directoryID, group).Read(ctx, s.table, last, false, limit)
	}, err
}

// next reads the next resources of a list: a query for their ids and a batch. It
// returns the id of the last one, and whether others follow.
func (s *Session) next(ctx context.Context, read chunkReader, last string, count int) (page []Resource, _ string, more bool, err error) {
	size := 0
	for more = true; more && len(page) < count; {
		chunk, err := read(ctx, last, count-len(page))
		if err != nil {
			return nil, "", false, err
		}
		for _, e := range chunk.Entries {
			r, err := parse(e.Record)
			if err != nil {
				return nil, "", false, err
			}
			if size += r.size; size > maxPageBytes && len(page) > 0 {
				return page, last, true, nil
			}
			page, last = append(page, r), e.ID
		}
		last, more = chunk.Last, chunk.More
		if late(ctx) {
			break
		}
	}
	return page, last, more, nil
}

// nextMatches reads the next resources that match a filter. It returns the id of
// the last resource that was read, and whether others may match.
func (s *Session) nextMatches(ctx context.Context, t Type, q query.Query, last string) (page []Resource, _ string, more bool, err error) {
	seen, size, cost := 0, 0, 0
	for c, err := range s.candidates(ctx, t, q.Filter, last, q.Count+1) {
		if err != nil {
			return nil, "", false, err
		}
		s.compared.Add(int64(c.cost - cost))
		cost = c.cost
		if c.matches {
			full := len(page) == q.Count || size+c.resource.size > maxPageBytes && len(page) > 0
			if full {
				return page, last, true, nil
			}
			page = append(page, c.resource)
			size += c.resource.size
		}
		last = c.resource.Meta.ID
		seen++
		if seen == MaxScan || c.cost > maxCost || late(ctx) {
			return page, last, true, nil // perhaps: the next page can be empty
		}
	}
	return page, last, false, nil
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
	keys := make(map[string]query.SortKey, len(all))
	for _, r := range all {
		keys[r.Meta.ID] = q.SortKey(resource.Render(t.ResourceType, r.Document, r.Meta))
	}
	slices.SortStableFunc(all, func(a, b Resource) int { return q.Compare(keys[a.Meta.ID], keys[b.Meta.ID]) })
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
