package directory

import (
	"context"
	"errors"
	"sync"

	"dsync/internal/scim"
	"dsync/internal/table"
)

// nameCacheSize bounds the names that a function remembers; when the cache is
// full it starts anew.
const nameCacheSize = 10_000

// nameCache remembers which user had a name. It is a hint: whoever is found by it is
// read, and still having the name makes him the one, because nobody else can
// have it. So a name that was looked up before costs one read, not two.
type nameCache struct {
	mu sync.Mutex
	m  map[nameKey]string
}

type nameKey struct {
	directory string
	name      string // folded
}

func (c *nameCache) get(k nameKey) (id string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok = c.m[k]
	return id, ok
}

func (c *nameCache) put(k nameKey, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= nameCacheSize {
		c.m = make(map[nameKey]string)
	}
	c.m[k] = id
}

// named is the resources with that name, in any letter case: one user at most,
// and one group unless the directory lets groups share names, or once did.
func (s *Session) named(ctx context.Context, t Type, name string) (source, error) {
	dir := s.token.DirectoryID
	if t.kind == table.Group {
		ids, err := s.table.NameHolders(ctx, t.kind, dir, name)
		return s.listed(ctx, t, ids), err
	}
	k := nameKey{dir, scim.Fold(name)}
	if id, ok := s.names.get(k); ok {
		record, r, err := s.load(ctx, t, id)
		if had, _ := r.Document[t.name].(string); err == nil && scim.Fold(had) == k.name {
			return source{records: func(last string, visit func(table.Resource) (bool, error)) error {
				if record.ID <= last {
					return nil
				}
				_, err := visit(record)
				return err
			}}, nil
		}
		var gone *scim.Error
		if err != nil && !errors.As(err, &gone) {
			return source{}, err
		}
	}
	id, err := s.table.ByName(ctx, t.kind, dir, name)
	if errors.Is(err, table.ErrNotFound) {
		return s.listed(ctx, t, nil), nil
	} else if err != nil {
		return source{}, err
	}
	s.names.put(k, id)
	return s.listed(ctx, t, []string{id}), nil
}
