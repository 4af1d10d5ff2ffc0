package session

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"dsync/internal/scim/filter"
	"dsync/internal/table"
)

// candidate is a resource that can match a filter, and whether it does.
type candidate struct {
	resource Resource
	matches  bool
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
	memberPath     = "members.value"
	workEmailPath  = `emails[type eq "work"].value`
	userGroupsPath = "groups.value"
)

// maxChunk is how many ids are turned into resources at a time: one read.
const maxChunk = 100

// keyPaths are the paths of the attributes that are found by key, the narrowest
// first.
func (t Type) keyPaths() []string {
	if t.kind == table.Group {
		return []string{idPath, t.key, externalIDPath, memberPath}
	}
	return []string{idPath, t.key, externalIDPath, workEmailPath, userGroupsPath}
}

// plan picks the narrowest key that the filter's equalities allow, or else all
// resources. Those are read eventually consistently: no key says what was just
// written.
func (s *Session) plan(ctx context.Context, t Type, f filter.Expr, chunk int) (plan, error) {
	everything := plan{after: func(last string) iter.Seq2[table.Resource, error] {
		return s.table.Browse(ctx, t.kind, s.directoryID, last)
	}}
	if f == nil {
		return everything, nil
	}
	paths := t.keyPaths()
	best, value := -1, ""
	for _, e := range filter.Equalities(f) {
		target := e.Target.String()
		i := slices.IndexFunc(paths, func(path string) bool { return strings.EqualFold(path, target) })
		if i >= 0 && (best < 0 || i < best) {
			best, value = i, e.Value
		}
	}
	if best >= 0 {
		p, err := s.byKey(ctx, t, paths[best], value, chunk)
		if filter.IsEquality(f) {
			p.key, p.value = paths[best], value
		}
		return p, err
	}
	return everything, nil
}

// byKey plans to read the resources that have a value at one of the key paths.
func (s *Session) byKey(ctx context.Context, t Type, path, value string, chunk int) (plan, error) {
	var ids []string
	var err error
	switch path {
	case t.key:
		return s.byName(ctx, t, value)
	case userGroupsPath:
		return s.usersIn(ctx, t, value, chunk)
	case idPath:
		ids = []string{value}
	case externalIDPath:
		ids, err = s.table.ByExternalID(ctx, t.kind, s.directoryID, value)
	case memberPath:
		ids, err = s.table.GroupsOf(ctx, s.directoryID, value)
	case workEmailPath:
		ids, err = s.table.ByEmail(ctx, s.directoryID, value)
	}
	return s.byID(ctx, t, ids), err
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
	slices.Sort(ids)
	return plan{after: func(last string) iter.Seq2[table.Resource, error] {
		i, found := slices.BinarySearch(ids, last)
		if found {
			i++
		}
		return s.read(ctx, t, ids[i:])
	}}
}

// usersIn plans to read the users in a group, in as many reads as it takes.
func (s *Session) usersIn(ctx context.Context, t Type, group string, chunk int) (plan, error) {
	_, err := s.table.Resource(ctx, table.Group, s.directoryID, group)
	if errors.Is(err, table.ErrNotFound) {
		return s.byID(ctx, t, nil), nil
	} else if err != nil {
		return plan{}, err
	}
	list := table.UsersIn(s.directoryID, group)
	return plan{group: group, after: func(last string) iter.Seq2[table.Resource, error] {
		return func(yield func(table.Resource, error) bool) {
			for more := true; more; {
				read, err := list.Read(ctx, s.table, last, false, chunk)
				if err != nil {
					yield(table.Resource{}, err)
					return
				}
				for _, e := range read.Entries {
					if !yield(e.Record, nil) {
						return
					}
				}
				last, more = read.Last, read.More
			}
		}
	}}, nil
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
