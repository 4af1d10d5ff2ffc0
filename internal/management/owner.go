package management

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"dsync/internal/cache"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
)

const (
	// maxDirectories is in how many directories one request searches for a user
	// or group: 20 reads, some of them at a time.
	maxDirectories   = 2_000
	concurrentReads  = 4
	directoriesARead = 100
	// maxOwners bounds the owners that a process remembers.
	maxOwners = 20_000
	// listTrusted is how long a list of the directories serves. What is not
	// found with an old one is searched for with a new one.
	listTrusted = 30 * time.Second
	// clockSkew is how far clocks may disagree: no user is older than its
	// directory.
	clockSkew = time.Minute
)

// owners remembers the directories of users and groups, because their ids do
// not tell them, and for ids without a claim the directories that there are,
// newest first.
type owners struct {
	known *cache.Cache[string, string] // id → directory id

	mu          sync.Mutex
	directories []string
	until       time.Time
}

func newOwners() *owners { return &owners{known: cache.New[string, string](maxOwners)} }

// of is the directory of a user or group, "" if it is not remembered.
func (o *owners) of(resourceID string) string {
	directoryID, _ := o.known.Get(resourceID)
	return directoryID
}

// list is the list of the directories, nil if there is none that is trusted.
func (o *owners) list(now time.Time) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.After(o.until) {
		return nil
	}
	return o.directories
}

func (o *owners) setList(directories []string, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.directories, o.until = directories, until
}

// locate finds a user or group and its directory. With a hint it is in that
// directory or nowhere. Without one the claim of the id names the directory;
// what an earlier version created has no claim, and is searched for in all
// directories. A directory that is being deleted has no users and groups.
func (s *Session) locate(ctx context.Context, k table.Kind, resourceID, hint string) (table.Directory, table.Resource, error) {
	notFound := fault.Missing("", resourceID)
	if !k.ValidID(resourceID) {
		return table.Directory{}, table.Resource{}, notFound
	}
	var d table.Directory
	var r table.Resource
	var err error
	if hint == "" {
		hint = s.owners.of(resourceID)
	}
	if hint == "" {
		hint, err = s.table.DirectoryOf(ctx, k, resourceID)
		if err != nil && !errors.Is(err, table.ErrNotFound) {
			return table.Directory{}, table.Resource{}, err
		}
	}
	if hint != "" {
		r, err = s.table.Resource(ctx, k, hint, resourceID)
	} else {
		r, err = s.search(ctx, k, resourceID)
	}
	if err == nil {
		s.owners.known.Put(resourceID, r.DirectoryID)
		d, err = s.reach.directory(ctx, r.DirectoryID)
	}
	if errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting {
		err = notFound
	}
	return d, r, err
}

// search searches the directories that are old enough for a user or group.
func (s *Session) search(ctx context.Context, k table.Kind, resourceID string) (table.Resource, error) {
	now := s.now()
	searched := map[string]bool{}
	searchIn := func(directories []string) (table.Resource, error) {
		directories = slices.DeleteFunc(olderThan(directories, resourceID), func(d string) bool { return searched[d] })
		for _, d := range directories {
			searched[d] = true
		}
		return s.searchIn(ctx, k, resourceID, directories)
	}
	if known := s.owners.list(now); known != nil {
		r, err := searchIn(known)
		if !errors.Is(err, table.ErrNotFound) {
			return r, err
		}
	}
	all, more, err := s.reach.directoryIDs(ctx, maxDirectories)
	if err != nil {
		return table.Resource{}, err
	}
	s.owners.setList(all, now.Add(listTrusted))
	r, err := searchIn(all)
	if errors.Is(err, table.ErrNotFound) && more {
		err = fault.InvalidField("directory", "directory must be given: there are more than %d of them to look in.", maxDirectories)
	}
	return r, err
}

// olderThan leaves out the directories that were created after the user or
// group.
func olderThan(directories []string, resourceID string) []string {
	u, err := ulid.ParseStrict(resourceID[len(resourceID)-ulid.EncodedSize:])
	if err != nil {
		return nil
	}
	var newest ulid.ULID
	if err := newest.SetTime(u.Time() + uint64(clockSkew.Milliseconds())); err != nil {
		return slices.Clone(directories)
	}
	limit := id.Directory.Of(newest.String())
	return slices.DeleteFunc(slices.Clone(directories), func(d string) bool { return d > limit })
}

// searchIn reads from several directories at a time. The first hit ends it.
func (s *Session) searchIn(ctx context.Context, k table.Kind, resourceID string, directories []string) (table.Resource, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reads errgroup.Group
	reads.SetLimit(concurrentReads)
	hits := make(chan table.Resource, len(directories)/directoriesARead+1)
	for chunk := range slices.Chunk(directories, directoriesARead) {
		reads.Go(func() error {
			r, err := s.table.Locate(ctx, k, resourceID, chunk)
			if errors.Is(err, table.ErrNotFound) {
				return nil
			} else if err != nil {
				return err
			}
			hits <- r
			cancel() // the other reads need not go on
			return nil
		})
	}
	err := reads.Wait()
	select {
	case r := <-hits:
		return r, nil
	default:
	}
	if err == nil {
		err = table.ErrNotFound
	}
	return table.Resource{}, err
}
