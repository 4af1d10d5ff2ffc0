package directory

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"dsync/internal/scim"
	"dsync/internal/table"
)

// walk looks at the resources that can match a filter, by id, behind the id
// last, and tells visit of each whether it does, until visit returns false.
// want is how many it expects to need.
func (s *Session) walk(ctx context.Context, t Type, f scim.Expr, last string, want int, visit func(Resource, bool) (bool, error)) error {
	from, err := s.source(ctx, t, f, min(want, maxChunk))
	if err != nil {
		return err
	}
	reads := 0
	return from.records(last, func(record table.Resource) (bool, error) {
		if record.Deleted {
			return true, nil
		}
		r, err := read(record)
		if err != nil {
			return false, err
		}
		ok := true
		if f != nil {
			ok, err = s.matches(ctx, t, f, r, from.group, &reads)
		}
		if err != nil {
			return false, err
		}
		return visit(r, ok)
	})
}

// source is where the resources that can match a filter come from.
type source struct {
	records func(last string, visit func(table.Resource) (bool, error)) error
	group   string // all of them are members of this group
}

// source picks the narrowest source that the filter's equalities allow. One
// that has no end reads chunks of that many resources.
func (s *Session) source(ctx context.Context, t Type, f scim.Expr, chunk int) (source, error) {
	var equalities []scim.Equality
	if f != nil {
		equalities = scim.Equalities(f)
	}
	for _, lookup := range s.lookups(ctx, t, chunk) {
		for _, e := range equalities {
			if strings.EqualFold(e.Target.String(), lookup.path) {
				return lookup.find(e.Value)
			}
		}
	}
	dir := s.token.DirectoryID
	if f == nil {
		return source{records: func(last string, visit func(table.Resource) (bool, error)) error {
			return s.chunks(ctx, t, last, chunk, func(last string) ([]string, error) {
				return s.table.IDs(ctx, t.kind, dir, last, chunk)
			}, visit)
		}}, nil
	}
	return source{records: func(last string, visit func(table.Resource) (bool, error)) error {
		for record, err := range s.table.All(ctx, t.kind, dir, last) {
			if err != nil {
				return err
			}
			if more, err := visit(record); err != nil || !more {
				return err
			}
		}
		return nil
	}}, nil
}

// lookup answers an equality on a path by key.
type lookup struct {
	path string
	find func(value string) (source, error)
}

// lookups are the paths that there are keys for, the narrowest first.
func (s *Session) lookups(ctx context.Context, t Type, chunk int) []lookup {
	dir := s.token.DirectoryID
	byID := func(find func(value string) ([]string, error)) func(string) (source, error) {
		return func(value string) (source, error) {
			ids, err := find(value)
			return s.listed(ctx, t, ids), err
		}
	}
	all := []lookup{
		{"id", byID(func(id string) ([]string, error) { return []string{id}, nil })},
		{t.name, func(name string) (source, error) { return s.named(ctx, t, name) }},
		{"externalId", byID(func(id string) ([]string, error) { return s.table.ByExternalID(ctx, t.kind, dir, id) })},
	}
	if t.kind == table.Group {
		return append(all, lookup{"members.value", byID(func(user string) ([]string, error) { return s.table.GroupsOf(ctx, dir, user) })})
	}
	return append(all,
		lookup{`emails[type eq "work"].value`, byID(func(email string) ([]string, error) { return s.table.ByEmail(ctx, dir, email) })},
		lookup{"groups.value", func(group string) (source, error) { return s.members(ctx, t, group, chunk) }},
	)
}

// listed is the resources with these ids.
func (s *Session) listed(ctx context.Context, t Type, ids []string) source {
	slices.Sort(ids)
	return source{records: func(last string, visit func(table.Resource) (bool, error)) error {
		behind, found := slices.BinarySearch(ids, last)
		if found {
			behind++
		}
		return s.readAll(ctx, t, ids[behind:], visit)
	}}
}

// members is the users in a group, in as many reads as it takes.
func (s *Session) members(ctx context.Context, t Type, group string, chunk int) (source, error) {
	if _, err := s.table.Resource(ctx, table.Group, s.token.DirectoryID, group); errors.Is(err, table.ErrNotFound) {
		return s.listed(ctx, t, nil), nil
	} else if err != nil {
		return source{}, err
	}
	return source{group: group, records: func(last string, visit func(table.Resource) (bool, error)) error {
		return s.chunks(ctx, t, last, chunk, func(last string) (users []string, err error) {
			for m, err := range s.table.Members(ctx, s.token.DirectoryID, group, last) {
				if err != nil {
					return nil, err
				}
				users = append(users, m.UserID)
				if len(users) == chunk {
					break
				}
			}
			return users, nil
		}, visit)
	}}, nil
}

// maxChunk is how many ids are turned into resources at a time: one read.
const maxChunk = 100

// chunks reads the resources of one chunk of ids after the other.
func (s *Session) chunks(ctx context.Context, t Type, last string, chunk int, next func(last string) ([]string, error), visit func(table.Resource) (bool, error)) error {
	for more := true; more; {
		ids, err := next(last)
		if err != nil || len(ids) == 0 {
			return err
		}
		err = s.readAll(ctx, t, ids, func(record table.Resource) (bool, error) {
			var err error
			more, err = visit(record)
			return more, err
		})
		if err != nil {
			return err
		}
		more = more && len(ids) == chunk
		last = ids[len(ids)-1]
	}
	return nil
}

// readAll reads resources by id, in the order of ids, without those that are
// gone: the index may be moments behind.
func (s *Session) readAll(ctx context.Context, t Type, ids []string, visit func(table.Resource) (bool, error)) error {
	if len(ids) == 0 {
		return nil
	}
	records, err := s.table.Resources(ctx, t.kind, s.token.DirectoryID, ids)
	if err != nil {
		return err
	}
	for _, record := range records {
		if record.Deleted {
			continue
		}
		if more, err := visit(record); err != nil || !more {
			return err
		}
	}
	return nil
}

// MaxMembershipReads is how many memberships one request may read to evaluate
// a filter, one key after the other: some seconds.
const MaxMembershipReads = 1_000

// matches evaluates a filter on a resource. Memberships are read by key, and
// counted, but for the group that the resource is known to be in.
func (s *Session) matches(ctx context.Context, t Type, f scim.Expr, r Resource, group string, reads *int) (bool, error) {
	var failure error
	ok := scim.Match(f, t.Render(r.Document, r.Meta), func(other string) bool {
		user := r.Meta.ID
		if t.kind == table.Group {
			user, other = other, user
		} else if other == group {
			return true
		}
		if *reads++; *reads > MaxMembershipReads {
			failure = scim.Errorf(http.StatusBadRequest, scim.TooMany,
				"the filter asks for more than %d memberships: join the membership with `and`, or page by cursor with a smaller count", MaxMembershipReads)
			return false
		}
		in, err := s.table.IsMember(ctx, s.token.DirectoryID, other, user)
		if err != nil {
			failure = err
		}
		return in
	})
	return ok && failure == nil, failure
}
