package consumer

import (
	"context"
	"errors"
	"iter"
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

// Store keeps, for each key, the position of the newest event that was started,
// whether it is finished, and who holds the lease. Separately it keeps marks:
// for a key, the greatest position it was raised to. A key has either leases or
// a mark. It also keeps which sequences of a directory were recorded.
//
// Positions are compared as text. Every method is atomic and safe for
// concurrent use by any number of processes, and reads the writes of all calls
// that returned before it started. Package storetest has the test suite for
// implementations.
type Store interface {
	// Take starts the event at l.Position of k and gives the lease of k to
	// l.Holder until l.Until. It fails with ErrStale if an event at a greater
	// position was started, or if this one is finished. Otherwise it fails with
	// ErrHeld if a lease of another holder ends after l.Now. It succeeds again
	// for the holder of the lease, whose request may have been repeated.
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

	// Raise sets the mark of k to position, unless the mark is greater. The
	// store may delete the mark from expiry on.
	Raise(ctx context.Context, k Key, position string, expiry time.Time) error
	// Read returns the mark of each of at most 100 keys, "" for none.
	Read(ctx context.Context, keys ...Key) ([]string, error)

	// Record adds a sequence to those that are recorded for the directory. The
	// store may forget it from expiry on.
	Record(ctx context.Context, directory string, sequence int64, expiry time.Time) error
	// Recorded yields the recorded sequences of the directory that are greater
	// than after, in ascending order, each once. An error is the last pair.
	Recorded(ctx context.Context, directory string, after int64) iter.Seq2[int64, error]
}

// Lease is a request for the lease of a key.
type Lease struct {
	Position string // of the event
	Holder   string // unique per call
	Now      time.Time
	Until    time.Time
}
