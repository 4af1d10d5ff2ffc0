package consumer

import (
	"context"
	"errors"
	"time"
)

// Errors of a Store.
var (
	// ErrStale reports that a later event was started, or that this one is
	// finished.
	ErrStale = errors.New("consumer: a later event of the resource was started, or this one is finished")
	// ErrHeld reports that another holder has the lease.
	ErrHeld = errors.New("consumer: another process is applying an event of the resource")
	// ErrLost reports that the lease expired and another holder took it.
	ErrLost = errors.New("consumer: the lease expired and was taken over")
)

// Store keeps, for each key, the newest event that was started, whether it is
// finished, and who holds the lease. Separately it keeps marks: for a key, the
// greatest id it was raised to. A key has either leases or a mark.
//
// Every method is atomic and safe for concurrent use by any number of
// processes, and reads the writes of all calls that returned before it
// started. Package storetest has the test suite for implementations.
type Store interface {
	// Take starts the event l.ID of k and gives the lease of k to l.Holder
	// until l.Until. It fails with ErrStale if an event with a greater id was
	// started, or if this one is finished. Otherwise it fails with ErrHeld if
	// a lease of k ends after l.Now.
	Take(ctx context.Context, k Key, l Lease) error
	// Finish finishes the event that holder started, and ends the lease. It
	// fails with ErrLost if holder no longer has the lease. A non-zero expiry
	// marks k as removed: the store may delete the key from then on.
	Finish(ctx context.Context, k Key, holder string, expiry time.Time) error
	// Release ends a lease and does not finish the event. It does nothing if
	// holder no longer has the lease.
	Release(ctx context.Context, k Key, holder string) error
	// List returns the keys of prefix.Directory that were passed to Take, whose
	// Resource starts with prefix.Resource, and that are not removed. A key
	// that is taken again is not removed.
	List(ctx context.Context, prefix Key) ([]Key, error)

	// Raise sets the mark of k to id, unless the mark is greater. The store may
	// delete the mark from expiry on.
	Raise(ctx context.Context, k Key, id string, expiry time.Time) error
	// Read returns the mark of each of at most 100 keys, "" for none.
	Read(ctx context.Context, keys ...Key) ([]string, error)
}

// Lease is a request for the lease of a key.
type Lease struct {
	ID     string // of the event
	Holder string // unique per call
	Now    time.Time
	Until  time.Time
}
