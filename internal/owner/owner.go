// Package owner finds the directory of a user or group, whose id does not tell it, and
// remembers it. It is safe for concurrent use.
package owner

import (
	"context"
	"dsync/internal/cache"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/idclaim"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
)

const (
	// concurrentReads is how many reads of a search are under way at a time, of
	// directoriesARead directories each.
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

// Memory remembers the directories of users and groups, because their ids do
// not tell them, and for ids without a claim the directories that there are,
// newest first.
type Memory struct {
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

// NewMemory returns a Memory that knows nothing.
func NewMemory() *Memory {
	return &Memory{known: cache.New[string, string](maxOwners), absent: &absent{unknown: cache.NewUnknown[string](maxUnknown, unknownFor)}}
}

// OfTenant remembers for a key that is bound to an organization: what others have
// found is out of its reach.
func (m *Memory) OfTenant() *Memory {
	return &Memory{known: cache.New[string, string](maxOwners), absent: m.absent}
}

// Of is the directory of a user or group, "" if it is not remembered.
func (m *Memory) Of(resourceID string) string {
	directoryID, _ := m.known.Get(resourceID)
	return directoryID
}

// Know remembers the directory of a user or group.
func (m *Memory) Know(resourceID, directoryID string) { m.known.Put(resourceID, directoryID) }

// Unknown reports whether the id was looked for in vain a short time ago.
func (m *Memory) Unknown(resourceID string, now time.Time) bool {
	return m.absent.unknown.Has(resourceID, now)
}

// Miss remembers that an id was looked for in vain.
func (m *Memory) Miss(resourceID string, now time.Time) { m.absent.unknown.Add(resourceID, now) }

// AllClaimed reports whether every user and group has a claim of its id. Until it
// is so, each call reads.
func (m *Memory) AllClaimed(ctx context.Context, t *table.Table) (bool, error) {
	if m.absent.claimed.Load() {
		return true, nil
	}
	complete, err := idclaim.Complete(ctx, t)
	if complete {
		m.absent.claimed.Store(true)
	}
	return complete, err
}

// List is the list of the directories, nil if there is none that is trusted.
func (m *Memory) List(now time.Time) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.After(m.until) {
		return nil
	}
	return m.directories
}

// SetList sets the list, which is trusted for a while.
func (m *Memory) SetList(directories []string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.directories, m.until = directories, now.Add(listTrusted)
}

// OlderThan leaves out the directories that were created after the user or
// group.
func OlderThan(directories []string, resourceID string) []string {
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

// Search reads a user or group from several directories at a time. The first hit ends
// it. It fails with table.ErrNotFound.
func Search(ctx context.Context, t *table.Table, k table.Kind, resourceID string, directories []string) (table.Resource, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reads errgroup.Group
	reads.SetLimit(concurrentReads)
	hits := make(chan table.Resource, len(directories)/directoriesARead+1)
	for chunk := range slices.Chunk(directories, directoriesARead) {
		reads.Go(func() error {
			r, err := t.Locate(ctx, k, resourceID, chunk)
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
