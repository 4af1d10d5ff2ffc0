package session

import (
	"context"
	"iter"
	"slices"
	"sync"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/table"

	"golang.org/x/sync/errgroup"
)

// candidate is a resource that can match a filter, and whether it does.
type candidate struct {
	resource Resource
	matches  bool
	cost     int // of all candidates so far, as maxCost says
}

// candidates iterates over the resources that can match a filter, by id, after
// the id last. want is how many the caller expects to need. It ends with the
// first error.
func (s *Session) candidates(ctx context.Context, t Type, f filter.Expr, last string, want int) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		p, err := s.plan(ctx, t, f, min(want, maxChunk))
		if err != nil {
			yield(candidate{}, err)
			return
		}
		e := evaluation{session: s, t: t, filter: f, group: p.group, key: p.key, value: p.value}
		for record, err := range p.after(last) {
			if err == nil && record.Deleted {
				continue
			}
			var c candidate
			if err == nil {
				c, err = e.candidate(ctx, record)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// plan is how the resources that can match a filter are read.
type plan struct {
	// after iterates over the resources by id, after an id; "" is from the
	// first. It ends with the first error.
	after func(last string) iter.Seq2[table.Resource, error]
	group string // every resource is a member of this group; "" for none
	// key and value are the filter, if it is one equality of a key path; else "".
	key, value string
}

// The paths of the attributes that are found by key, beside the name.
const (
	idPath         = "id"
	externalIDPath = "externalId"
	emailPath      = "emails.value"
	memberPath     = "members.value"
	userGroupsPath = "groups.value"
)

// maxChunk is how many ids are turned into resources at a time: one read.
const maxChunk = 100

// maxLookups is how many look-ups of one request are read at the same time.
const maxLookups = 8

// keyPaths are the paths of the attributes that are found by key, the narrowest
// first.
func (t Type) keyPaths() []string {
	if t.kind == table.Group {
		return []string{idPath, t.key, externalIDPath, memberPath}
	}
	return []string{idPath, t.key, externalIDPath, emailPath, userGroupsPath}
}

// rank is the place of a target among the key paths of a type, or -1. In a
// directory without a look-up for every e-mail address, work addresses alone have
// a key.
func (s *Session) rank(t Type, target filter.Target) int {
	path := scim.AttributePath{Extension: target.Extension, Attribute: target.Attribute, Sub: target.Sub}.String()
	if path == emailPath && !s.allEmails && !filter.Requires(target.Filter, "type", "work") {
		return -1
	}
	return slices.Index(t.keyPaths(), path)
}

// FindsByKey reports whether a filter is read by keys that lead to few resources:
// not by a membership.
func (s *Session) FindsByKey(t Type, f filter.Expr) bool {
	return len(filter.Cover(f, func(target filter.Target) int {
		rank := s.rank(t, target)
		if rank >= 0 && slices.Contains([]string{memberPath, userGroupsPath}, t.keyPaths()[rank]) {
			return -1
		}
		return rank
	})) > 0
}

// plan reads by the narrowest keys of which the filter needs one, or else all
// resources. Those are read eventually consistently: no key says what was just
// written.
func (s *Session) plan(ctx context.Context, t Type, f filter.Expr, chunk int) (plan, error) {
	everything := plan{after: func(last string) iter.Seq2[table.Resource, error] {
		return s.table.Browse(ctx, t.kind, s.directoryID, last)
	}}
	if f == nil {
		return everything, nil
	}
	cover := filter.Cover(f, func(target filter.Target) int { return s.rank(t, target) })
	if len(cover) == 0 {
		return everything, nil
	}
	values := map[string][]string{} // by key path, each once
	for _, e := range cover {
		path := t.keyPaths()[s.rank(t, e.Target)]
		if !slices.Contains(values[path], e.Value) {
			values[path] = append(values[path], e.Value)
		}
	}
	path, value := t.keyPaths()[s.rank(t, cover[0].Target)], cover[0].Value
	if len(values) > 1 || len(values[path]) > 1 {
		return s.union(ctx, t, values, chunk)
	}
	var p plan
	var err error
	switch path {
	case t.key:
		p, err = s.byName(ctx, t, value)
	case userGroupsPath:
		var members idSequence
		members, err = s.membersOf(ctx, value)
		p = s.inOrder(ctx, t, members, chunk)
		p.group = value
	default:
		var ids []string
		ids, err = s.idsByKey(ctx, t, path, value)
		p = s.byID(ctx, t, ids)
	}
	if filter.IsEquality(f) {
		p.key, p.value = path, value
	}
	return p, err
}

// idsByKey are the ids of the resources that may have a value at one of the key
// paths but the name and the groups.
func (s *Session) idsByKey(ctx context.Context, t Type, path, value string) ([]string, error) {
	switch path {
	case externalIDPath:
		return s.table.ByExternalID(ctx, t.kind, s.directoryID, value)
	case memberPath:
		return s.table.GroupsOf(ctx, s.directoryID, value)
	case emailPath:
		return s.table.ByEmail(ctx, s.directoryID, value)
	}
	return []string{value}, nil // the id
}

// union plans to read the resources that have one of the values at one of the key
// paths, each once. Names are read together, other look-ups at the same time.
func (s *Session) union(ctx context.Context, t Type, values map[string][]string, chunk int) (plan, error) {
	var sequences []idSequence
	var lookups errgroup.Group
	lookups.SetLimit(maxLookups)
	var mu sync.Mutex
	var ids []string
	find := func(read func() ([]string, error)) {
		lookups.Go(func() error {
			found, err := read()
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, found...)
			return err
		})
	}
	for path, list := range values {
		switch path {
		case idPath:
			find(func() ([]string, error) { return list, nil })
		case t.key:
			find(func() ([]string, error) { return s.table.NameHolders(ctx, t.kind, s.directoryID, list...) })
		case userGroupsPath:
			for _, group := range list {
				members, err := s.membersOf(ctx, group)
				if err != nil {
					return plan{}, err
				}
				sequences = append(sequences, members)
			}
		default:
			for _, value := range list {
				find(func() ([]string, error) { return s.idsByKey(ctx, t, path, value) })
			}
		}
	}
	if err := lookups.Wait(); err != nil {
		return plan{}, err
	}
	return s.inOrder(ctx, t, merge(append(sequences, listed(ids))...), chunk), nil
}

// only plans for one resource that was read already.
func only(record table.Resource) plan {
	return plan{after: func(last string) iter.Seq2[table.Resource, error] {
		return func(yield func(table.Resource, error) bool) {
			if record.ID > last {
				yield(record, nil)
			}
		}
	}}
}

// byID plans to read the resources with these ids.
func (s *Session) byID(ctx context.Context, t Type, ids []string) plan {
	return s.inOrder(ctx, t, listed(ids), maxChunk)
}

// inOrder plans to read the resources with the ids of a sequence, in chunks.
func (s *Session) inOrder(ctx context.Context, t Type, sequence idSequence, chunk int) plan {
	return plan{after: func(last string) iter.Seq2[table.Resource, error] {
		return func(yield func(table.Resource, error) bool) {
			ids := make([]string, 0, chunk)
			more := func() bool { // whether to go on after these ids
				for record, err := range s.read(ctx, t, ids) {
					if !yield(record, err) || err != nil {
						return false
					}
				}
				ids = ids[:0]
				return true
			}
			for id, err := range sequence(last) {
				if err != nil {
					yield(table.Resource{}, err)
					return
				}
				if ids = append(ids, id); len(ids) == chunk && !more() {
					return
				}
			}
			more()
		}
	}}
}

// read iterates over the resources with these ids, in the order of ids, without
// those that are deleted: an index may be moments behind. It reads all of them
// before the first, and ends with the first error.
func (s *Session) read(ctx context.Context, t Type, ids []string) iter.Seq2[table.Resource, error] {
	return func(yield func(table.Resource, error) bool) {
		if len(ids) == 0 {
			return
		}
		records, err := s.table.Resources(ctx, t.kind, s.directoryID, ids)
		if err != nil {
			yield(table.Resource{}, err)
			return
		}
		for _, record := range records {
			if !record.Deleted && !yield(record, nil) {
				return
			}
		}
	}
}
