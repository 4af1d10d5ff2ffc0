package management

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dsync/internal/cache"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/idclaim"

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
	// unknownFor is how long a process answers that an id is unknown without
	// reading again. Ids are random, so only an import of ids (docs/scim.md) makes
	// an id known that somebody has asked for. maxUnknown bounds the memory: about
	// 3 MB.
	unknownFor = 10 * time.Second
	maxUnknown = 10_000
	// clockSkew is how far clocks may disagree: no user is older than its
	// directory.
	clockSkew = time.Minute
)

// owners remembers the directories of users and groups, because their ids do
// not tell them, and for ids without a claim the directories that there are,
// newest first.
type owners struct {
	known  *cache.Cache[string, string] // id → directory id
	absent *absent

	mu          sync.Mutex
	directories []string
	until       time.Time
}

// absent is what a process knows of ids that are in no directory at all.
type absent struct {
	unknown cache.Unknown[string]
	// claimed says that every user and group has a claim of its id: an id without
	// one is unknown. It never becomes false.
	claimed atomic.Bool
}

func newOwners() *owners {
	return &owners{known: cache.New[string, string](maxOwners), absent: &absent{unknown: cache.NewUnknown[string](maxUnknown, unknownFor)}}
}

// ofTenant remembers for a key that is bound to an organization: what others have
// found is out of its reach.
func (o *owners) ofTenant() *owners {
	return &owners{known: cache.New[string, string](maxOwners), absent: o.absent}
}

// of is the directory of a user or group, "" if it is not remembered.
func (o *owners) of(resourceID string) string {
	directoryID, _ := o.known.Get(resourceID)
	return directoryID
}

// allClaimed reports whether every user and group has a claim of its id. Until it
// is so, each call reads.
func (o *owners) allClaimed(ctx context.Context, t *table.Table) (bool, error) {
	if o.absent.claimed.Load() {
		return true, nil
	}
	complete, err := idclaim.Complete(ctx, t)
	if complete {
		o.absent.claimed.Store(true)
	}
	return complete, err
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
// directory or nowhere. Without one the claim of the id names the directory, and
// costs the same however many directories there are. What an earlier version
// created has no claim until the job table.CompleteRecords is done, and is searched
// for in all directories. A directory that is being deleted has no users and
// groups.
func (s *Session) locate(ctx context.Context, k table.Kind, resourceID, hint string) (table.Directory, table.Resource, error) {
	notFound := fault.Missing("", resourceID)
	if !k.ValidID(resourceID) {
		return table.Directory{}, table.Resource{}, notFound
	}
	var d table.Directory
	r, err := s.find(ctx, k, resourceID, hint)
	if err == nil {
		s.owners.known.Put(resourceID, r.DirectoryID)
		d, err = s.reach.directory(ctx, r.DirectoryID)
	}
	if errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting {
		err = notFound
	}
	return d, r, err
}

// find reads a user or group. What it did not find without a hint it does not
// look for again for a while. It fails with table.ErrNotFound.
func (s *Session) find(ctx context.Context, k table.Kind, resourceID, hint string) (table.Resource, error) {
	directoryID := hint
	if hint == "" {
		directoryID = s.owners.of(resourceID)
	}
	if directoryID != "" {
		return s.table.Resource(ctx, k, directoryID, resourceID)
	}
	if s.owners.absent.unknown.Has(resourceID, s.now()) {
		return table.Resource{}, table.ErrNotFound
	}
	directoryID, err := s.table.DirectoryOf(ctx, k, resourceID)
	var r table.Resource
	switch {
	case err == nil:
		r, err = s.table.Resource(ctx, k, directoryID, resourceID)
	case errors.Is(err, table.ErrNotFound):
		r, err = s.findUnclaimed(ctx, k, resourceID)
	}
	if errors.Is(err, table.ErrNotFound) {
		s.owners.absent.unknown.Add(resourceID, s.now())
	}
	return r, err
}

// findUnclaimed finds a user or group whose id has no claim.
func (s *Session) findUnclaimed(ctx context.Context, k table.Kind, resourceID string) (table.Resource, error) {
	claimed, err := s.owners.allClaimed(ctx, s.table)
	if err != nil {
		return table.Resource{}, err
	}
	if claimed {
		return table.Resource{}, table.ErrNotFound
	}
	r, err := s.search(ctx, k, resourceID)
	if errors.Is(err, table.ErrNotFound) && s.key.OrganizationID != "" {
		// The search saw one organization. The id may be known to others.
		err = fault.Missing("", resourceID)
	}
	return r, err
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
