package directory

import (
	"context"
	"errors"
	"net/http"

	"dsync/internal/scim"
	"dsync/internal/table"
)

// MaxScan is how many resources a filter may look at that no key answers: at
// 2 KB each that is 20 MB in 20 reads, within a function's 10 seconds.
const MaxScan = 10_000

// List finds the resources that a query asks for, oldest first: one page of
// them, and how many there are in all. What Entra filters by is answered by
// key; other filters look at the resources of the directory, up to MaxScan.
func (s *Session) List(ctx context.Context, t Type, q scim.Query) (page []Resource, total int, err error) {
	if q.Filter == nil {
		return s.browse(ctx, t, q)
	}
	var found []Resource
	candidates, keyed, err := s.candidates(ctx, t, scim.Equalities(q.Filter))
	if err != nil {
		return nil, 0, err
	}
	if keyed {
		found, err = s.filter(ctx, t, q.Filter, candidates)
	} else {
		found, err = s.scan(ctx, t, q.Filter)
	}
	if err != nil {
		return nil, 0, err
	}
	return window(found, q), len(found), nil
}

func window[T any](all []T, q scim.Query) []T {
	from := min(q.StartIndex-1, len(all))
	return all[from:min(from+q.Count, len(all))]
}

// browse lists without a filter: the index counts and pages, the resources of
// the page are read by key.
func (s *Session) browse(ctx context.Context, t Type, q scim.Query) ([]Resource, int, error) {
	ids, err := s.table.IDs(ctx, t.kind, s.token.DirectoryID)
	if err != nil {
		return nil, 0, err
	}
	records, err := s.table.Resources(ctx, t.kind, s.token.DirectoryID, window(ids, q))
	if err != nil {
		return nil, 0, err
	}
	var page []Resource
	for _, record := range records {
		if record.Gone() {
			continue // the index is moments behind
		}
		r, err := read(record)
		if err != nil {
			return nil, 0, err
		}
		page = append(page, r)
	}
	return page, len(ids), nil
}

// candidates answers the first equality that there is a key for: the ids of
// all resources that can match.
func (s *Session) candidates(ctx context.Context, t Type, equalities []scim.Equality) (ids []string, ok bool, err error) {
	dir := s.token.DirectoryID
	for _, lookup := range []func(path, value string) ([]string, bool, error){
		func(path, value string) ([]string, bool, error) {
			return []string{value}, path == "id", nil
		},
		func(path, value string) ([]string, bool, error) {
			if path != t.name {
				return nil, false, nil
			}
			id, err := s.table.ByName(ctx, t.kind, dir, value)
			if errors.Is(err, table.ErrNotFound) {
				return nil, true, nil
			}
			return []string{id}, true, err
		},
		func(path, value string) ([]string, bool, error) {
			if path != "externalId" {
				return nil, false, nil
			}
			ids, err := s.table.ByExternalID(ctx, t.kind, dir, value)
			return ids, true, err
		},
		func(path, value string) ([]string, bool, error) {
			if path != `emails[type eq "work"].value` {
				return nil, false, nil
			}
			ids, err := s.table.ByEmail(ctx, dir, value)
			return ids, true, err
		},
		func(path, value string) ([]string, bool, error) {
			if path != "members.value" {
				return nil, false, nil
			}
			ids, err := s.table.GroupsOf(ctx, dir, value)
			return ids, true, err
		},
	} {
		for _, e := range equalities {
			if ids, ok, err := lookup(e.Target.String(), e.Value); ok || err != nil {
				return ids, ok, err
			}
		}
	}
	return nil, false, nil
}

// filter keeps the resources with these ids that match.
func (s *Session) filter(ctx context.Context, t Type, f scim.Expr, ids []string) ([]Resource, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	records, err := s.table.Resources(ctx, t.kind, s.token.DirectoryID, ids)
	if err != nil {
		return nil, err
	}
	var found []Resource
	for _, record := range records {
		if record.Gone() {
			continue
		}
		if r, ok, err := s.matches(ctx, t, f, record); err != nil {
			return nil, err
		} else if ok {
			found = append(found, r)
		}
	}
	return found, nil
}

// scan looks at all resources of the type in the directory.
func (s *Session) scan(ctx context.Context, t Type, f scim.Expr) ([]Resource, error) {
	var found []Resource
	var failure error
	seen := 0
	err := s.table.All(ctx, t.kind, s.token.DirectoryID, func(record table.Resource) bool {
		if seen++; seen > MaxScan {
			failure = scim.Errorf(http.StatusBadRequest, scim.TooMany,
				"the filter looks at more than %d resources: filter by id, %s or externalId", MaxScan, t.name)
			return false
		}
		var r Resource
		var ok bool
		if r, ok, failure = s.matches(ctx, t, f, record); ok {
			found = append(found, r)
		}
		return failure == nil
	})
	if err == nil {
		err = failure
	}
	return found, err
}

func (s *Session) matches(ctx context.Context, t Type, f scim.Expr, record table.Resource) (Resource, bool, error) {
	r, err := read(record)
	if err != nil {
		return r, false, err
	}
	var failure error
	ok := scim.Match(f, t.Render(r.Document, r.Meta), func(user string) bool {
		in, err := s.table.IsMember(ctx, record.DirectoryID, record.ID, user)
		if err != nil {
			failure = err
		}
		return in
	})
	return r, ok && failure == nil, failure
}
