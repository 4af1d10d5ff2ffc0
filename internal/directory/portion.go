package directory

import (
	"context"
	"slices"

	"dsync/internal/table"
)

const (
	// DefaultPortion and MaxPortion are how many objects one answer lists
	// (workos.md section 3).
	DefaultPortion = 10
	MaxPortion     = 100
	// maxLook is how many records one request looks at to find those that are
	// asked for. Then the list goes on behind its cursor.
	maxLook = 1_000
)

// Portion asks for a part of a list, which is in the order of creation: newest
// first, unless Oldest.
type Portion struct {
	// After asks for what follows an object in this order, Before for what
	// comes right before it, by id; one of them at most.
	After, Before string
	Limit         int
	Oldest        bool
}

// Found is a part of a list. Its cursors are "" when there is nothing in that
// direction. A part may be shorter than the limit, even empty, and go on.
type Found[T any] struct {
	Items         []T
	After, Before string
}

// reader reads a stretch of a list, as table.List does.
type reader[T any] func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[T], error)

// stretches reads the records of a list.
func stretches[T any](t *table.Table, l table.List[T]) reader[T] {
	return func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[T], error) {
		return l.Read(ctx, t, from, newest, limit)
	}
}

// merged reads several lists as one. It goes no further than the list that has
// told least.
func merged[T any](readers []reader[T]) reader[T] {
	return func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[T], error) {
		all := table.Chunk[T]{Last: from}
		for _, read := range readers {
			s, err := read(ctx, from, newest, limit)
			if err != nil {
				return all, err
			}
			all.Entries = append(all.Entries, s.Entries...)
			if s.More && (!all.More || inOrder(s.Last, all.Last, newest) < 0) {
				all.More, all.Last = true, s.Last
			}
		}
		slices.SortFunc(all.Entries, func(a, b table.ListEntry[T]) int { return inOrder(a.ID, b.ID, newest) })
		all.Entries = slices.CompactFunc(all.Entries, func(a, b table.ListEntry[T]) bool { return a.ID == b.ID })
		if all.More {
			all.Entries = slices.DeleteFunc(all.Entries, func(e table.ListEntry[T]) bool { return inOrder(e.ID, all.Last, newest) > 0 })
		}
		if len(all.Entries) > limit {
			all.Entries, all.More = all.Entries[:limit], true
			all.Last = all.Entries[limit-1].ID
		}
		return all, nil
	}
}

// gathered is what was found of a list, in the order of reading: a part before
// an object is read away from it.
type gathered[T any] struct {
	Portion
	entries []table.ListEntry[T]
	last    string // where reading stopped
	more    bool   // there may be more behind it
}

// gather reads a list until it has the portion, or has looked at maxLook
// records. wanted is nil if all are.
func gather[T any](ctx context.Context, p Portion, read reader[T], wanted func(T) bool) (gathered[T], error) {
	g := gathered[T]{Portion: p, last: p.After + p.Before, more: true}
	newest := p.Oldest == (p.Before != "")
	chunk := p.Limit
	if wanted != nil {
		chunk = maxChunk
	}
	for looked := 0; g.more && len(g.entries) < p.Limit && looked < maxLook; {
		s, err := read(ctx, g.last, newest, chunk)
		if err != nil {
			return g, err
		}
		g.last, g.more = s.Last, s.More
		looked += chunk
		chunk = min(2*chunk, maxChunk) // many are gone, it seems
		for _, e := range s.Entries {
			if wanted != nil && !wanted(e.Record) {
				continue
			}
			if g.entries = append(g.entries, e); len(g.entries) > p.Limit {
				g.cut(p.Limit)
				break
			}
		}
	}
	return g, nil
}

// cut ends what was found after n records.
func (g *gathered[T]) cut(n int) {
	g.entries, g.last, g.more = g.entries[:n], g.entries[n-1].ID, true
}

// arrange puts what is shown of the records, which is as many, into the order
// that was asked for.
func arrange[T, U any](g gathered[T], items []U) Found[U] {
	f := Found[U]{Items: items}
	if g.more {
		f.After = g.last
	}
	if len(g.entries) > 0 && (g.Portion.After != "" || g.Portion.Before != "") {
		f.Before = g.entries[0].ID
	}
	if g.Portion.Before != "" {
		slices.Reverse(f.Items)
		f.After, f.Before = f.Before, f.After
	}
	return f
}

// list reads a part of a list whose records are shown as they are.
func list[T any](ctx context.Context, p Portion, read reader[T], wanted func(T) bool) (Found[T], error) {
	g, err := gather(ctx, p, read, wanted)
	if err != nil {
		return Found[T]{}, err
	}
	items := make([]T, len(g.entries))
	for i, e := range g.entries {
		items[i] = e.Record
	}
	return arrange(g, items), nil
}

func inOrder(a, b string, newest bool) int {
	switch {
	case a == b:
		return 0
	case a < b == newest:
		return 1
	}
	return -1
}
