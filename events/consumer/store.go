package consumer

import (
	"context"
	"errors"
	"time"
)

// Errors of a Store.
var (
	// ErrStale: a later event was begun, or this one is finished.
	ErrStale = errors.New("consumer: the event is behind")
	// ErrHeld: somebody else has the lease.
	ErrHeld = errors.New("consumer: the resource is being worked on")
	// ErrLost: the lease ran out, and somebody else took it.
	ErrLost = errors.New("consumer: the lease was lost")
)

// Store remembers, for each key, the newest event that was begun, whether it
// is finished, and who is at work on it. Every method is atomic, safe for
// concurrent use by any number of processes, and sees what methods that
// returned before have done. storetest has the suite that an implementation
// must pass.
type Store interface {
	// Take begins the event l.ID of k and gives the lease of k to l.Holder
	// until l.Until. It fails with ErrStale if a greater id was begun, or this
	// one finished; else with ErrHeld if a lease of k ends after l.Now.
	Take(ctx context.Context, k Key, l Lease) error
	// Finish finishes the event that holder began and ends the lease. It fails
	// with ErrLost if holder has the lease no more. A forget that is not zero
	// says that k is gone: from that time on the store may forget it.
	Finish(ctx context.Context, k Key, holder string, forget time.Time) error
	// Release ends a lease without finishing the event. It does nothing if
	// holder has the lease no more.
	Release(ctx context.Context, k Key, holder string) error
	// List returns the keys of the directory that Take was called for, whose
	// resource begins with the prefix's, without those that are gone. A key
	// that is taken again is not gone.
	List(ctx context.Context, prefix Key) ([]Key, error)

	// Raise sets the mark of k to id, unless that is greater. From the time
	// forget on the store may forget it. No key has both marks and leases.
	Raise(ctx context.Context, k Key, id string, forget time.Time) error
	// Read returns the mark of each of at most 100 keys, "" for none.
	Read(ctx context.Context, keys ...Key) ([]string, error)
}

// Lease is what Take asks for.
type Lease struct {
	ID     string // of the event
	Holder string // who asks: another one each time
	Now    time.Time
	Until  time.Time
}
