package directory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/oklog/ulid/v2"
)

const (
	// maxHomes is in how many directories one request looks for a user or
	// group: 20 reads, some of them at a time.
	maxHomes    = 2_000
	homesAtOnce = 4
	homesInRead = 100
	// homeCacheSize bounds what a function remembers; when the cache is full
	// it starts anew.
	homeCacheSize = 20_000
	// homesLife is how long a list of the directories serves. What is not
	// found by an old one is looked for by a new one.
	homesLife = 30 * time.Second
	// skew is how far clocks may disagree: nobody is in a directory that was
	// created later.
	skew = time.Minute
)

// homeCache remembers the directories of users and groups, because their ids
// do not tell, and the directories that there are, newest first.
type homeCache struct {
	mu    sync.Mutex
	homes map[string]string
	all   []string
	until time.Time
}

func (c *homeCache) home(id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.homes[id]
}

func (c *homeCache) note(id, dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.homes == nil || len(c.homes) >= homeCacheSize {
		c.homes = make(map[string]string)
	}
	c.homes[id] = dir
}

func (c *homeCache) directories(now time.Time) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.until) {
		return nil
	}
	return c.all
}

func (c *homeCache) keep(all []string, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all, c.until = all, until
}

// locate finds a user or group and its directory. With a hint it is in that
// directory or nowhere. Without one it is where it was seen before, or it is
// looked for in all directories. Nobody is in a directory that is being deleted.
func (o *Operator) locate(ctx context.Context, t Type, name, hint string) (table.Directory, table.Resource, error) {
	none := missing("", name)
	if !t.kind.ValidID(name) {
		return table.Directory{}, table.Resource{}, none
	}
	var d table.Directory
	var r table.Resource
	var err error
	if hint == "" {
		hint = o.homes.home(name)
	}
	if hint != "" {
		r, err = o.table.Resource(ctx, t.kind, hint, name)
	} else {
		r, err = o.search(ctx, t.kind, name)
	}
	if err == nil {
		o.homes.note(name, r.DirectoryID)
		d, err = o.table.Directory(ctx, r.DirectoryID)
	}
	if errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting {
		err = none
	}
	return d, r, err
}

// search looks for a user or group in the directories that are as old.
func (o *Operator) search(ctx context.Context, k table.Kind, name string) (table.Resource, error) {
	now := o.now()
	looked := map[string]bool{}
	look := func(dirs []string) (table.Resource, error) {
		dirs = slices.DeleteFunc(asOld(dirs, name), func(dir string) bool { return looked[dir] })
		for _, dir := range dirs {
			looked[dir] = true
		}
		return o.lookIn(ctx, k, name, dirs)
	}
	if known := o.homes.directories(now); known != nil {
		if r, err := look(known); !errors.Is(err, table.ErrNotFound) {
			return r, err
		}
	}
	all, more, err := table.Directories().IDs(ctx, o.table, "", true, maxHomes)
	if err != nil {
		return table.Resource{}, err
	}
	o.homes.keep(all, now.Add(homesLife))
	r, err := look(all)
	if errors.Is(err, table.ErrNotFound) && more {
		err = invalid("directory", "directory must be given: there are more than %d of them to look in.", maxHomes)
	}
	return r, err
}

// asOld leaves out the directories that were created after the user or group.
func asOld(dirs []string, name string) []string {
	u, err := ulid.ParseStrict(name[len(name)-ulid.EncodedSize:])
	if err != nil {
		return nil
	}
	var newest ulid.ULID
	if err := newest.SetTime(u.Time() + uint64(skew.Milliseconds())); err != nil {
		return slices.Clone(dirs)
	}
	limit := id.Directory.Of(newest.String())
	return slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool { return dir > limit })
}

// lookIn reads from several directories at a time.
func (o *Operator) lookIn(ctx context.Context, k table.Kind, name string, dirs []string) (found table.Resource, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = table.ErrNotFound
	var mu sync.Mutex
	inParallel(homesAtOnce, slices.Collect(slices.Chunk(dirs, homesInRead)), func(chunk []string) {
		r, failed := o.table.Locate(ctx, k, name, chunk)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case failed == nil:
			found, err = r, nil
			cancel() // the others need not go on
		case !errors.Is(failed, table.ErrNotFound) && err != nil:
			err = failed
		}
	})
	return found, err
}

// inParallel does the work for each of the items, for so many at a time.
func inParallel[T any](atOnce int, items []T, work func(T)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, item := range items {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			work(item)
		})
	}
	wait.Wait()
}
