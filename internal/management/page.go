package management

import (
	"context"
	"slices"

	"dsync/internal/table"
)

const (
	// DefaultLimit and MaxLimit are how many objects one page lists (workos.md
	// section 3).
	DefaultLimit = 10
	MaxLimit     = 100
	// maxRead is how many records one request reads to find those that it asks
	// for. Then the list goes on after its cursor.
	maxRead = 1_000
	// maxChunk is how many records a list reads at a time.
	maxChunk = 100
)

// PageRequest asks for a page of a list, which is in the order of creation:
// newest first, unless Oldest.
type PageRequest struct {
	// After asks for what follows an object in this order, Before for what
	// comes right before it, by id; one of them at most.
	After, Before string
	Limit         int
	Oldest        bool
}

// Page is a part of a list. Its cursors are "" when there is nothing in that
// direction. A page may be shorter than the limit, even empty, and go on.
type Page[T any] struct {
	Items         []T
	After, Before string
}

// convert is the page with other items.
func convert[T, U any](p Page[T], to func(T) U) Page[U] {
	converted := Page[U]{After: p.After, Before: p.Before}
	for _, item := range p.Items {
		converted.Items = append(converted.Items, to(item))
	}
	return converted
}

// chunkReader reads a chunk of a list, as table.List.Read does.
type chunkReader[T any] func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[T], error)

// chunksOf reads the records of a list.
func chunksOf[T any](t *table.Table, l table.List[T]) chunkReader[T] {
	return func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[T], error) {
		return l.Read(ctx, t, from, newest, limit)
	}
}

// merge reads several lists as one. A chunk ends where the shortest chunk of
// the lists ends.
func merge[T any](readers []chunkReader[T]) chunkReader[T] {
	return func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[T], error) {
		merged := table.Chunk[T]{Last: from}
		for _, read := range readers {
			c, err := read(ctx, from, newest, limit)
			if err != nil {
				return merged, err
			}
			merged.Entries = append(merged.Entries, c.Entries...)
			if c.More && (!merged.More || compareIDs(c.Last, merged.Last, newest) < 0) {
				merged.More, merged.Last = true, c.Last
			}
		}
		slices.SortFunc(merged.Entries, func(a, b table.ListEntry[T]) int { return compareIDs(a.ID, b.ID, newest) })
		merged.Entries = slices.CompactFunc(merged.Entries, func(a, b table.ListEntry[T]) bool { return a.ID == b.ID })
		if merged.More {
			merged.Entries = slices.DeleteFunc(merged.Entries, func(e table.ListEntry[T]) bool { return compareIDs(e.ID, merged.Last, newest) > 0 })
		}
		if len(merged.Entries) > limit {
			merged.Entries, merged.More = merged.Entries[:limit], true
			merged.Last = merged.Entries[limit-1].ID
		}
		return merged, nil
	}
}

// rows are the records of a page, in the order of reading: a page before an
// object is read away from it.
type rows[T any] struct {
	request PageRequest
	entries []table.ListEntry[T]
	last    string // id where reading stopped
	more    bool   // there may be more after it
}

// readRows reads a list until it has the page, or has read maxRead records.
// wanted is nil if all are.
func readRows[T any](ctx context.Context, p PageRequest, read chunkReader[T], wanted func(T) bool) (rows[T], error) {
	r := rows[T]{request: p, last: p.After + p.Before, more: true}
	newest := p.Oldest == (p.Before != "")
	size := p.Limit
	if wanted != nil {
		size = maxChunk
	}
	for count := 0; r.more && len(r.entries) < p.Limit && count < maxRead; {
		c, err := read(ctx, r.last, newest, size)
		if err != nil {
			return r, err
		}
		r.last, r.more = c.Last, c.More
		count += size
		size = min(2*size, maxChunk) // many are deleted, it seems
		for _, e := range c.Entries {
			if wanted != nil && !wanted(e.Record) {
				continue
			}
			r.entries = append(r.entries, e)
			if len(r.entries) > p.Limit {
				r.truncate(p.Limit)
				break
			}
		}
	}
	return r, nil
}

// truncate leaves the first n records.
func (r *rows[T]) truncate(n int) {
	r.entries, r.last, r.more = r.entries[:n], r.entries[n-1].ID, true
}

// pageOf makes a page of items, one for each row, in the order that was asked
// for.
func pageOf[T, U any](r rows[T], items []U) Page[U] {
	page := Page[U]{Items: items}
	if r.more {
		page.After = r.last
	}
	if len(r.entries) > 0 && (r.request.After != "" || r.request.Before != "") {
		page.Before = r.entries[0].ID
	}
	if r.request.Before != "" {
		slices.Reverse(page.Items)
		page.After, page.Before = page.Before, page.After
	}
	return page
}

// list reads a page of records.
func list[T any](ctx context.Context, p PageRequest, read chunkReader[T], wanted func(T) bool) (Page[T], error) {
	r, err := readRows(ctx, p, read, wanted)
	if err != nil {
		return Page[T]{}, err
	}
	items := make([]T, len(r.entries))
	for i, e := range r.entries {
		items[i] = e.Record
	}
	return pageOf(r, items), nil
}

// compareIDs compares two ids in the order of a list.
func compareIDs(a, b string, newest bool) int {
	switch {
	case a == b:
		return 0
	case a < b == newest:
		return 1
	}
	return -1
}
