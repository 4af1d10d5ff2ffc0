package credential

import (
	"time"

	"dsync/internal/cache"
)

const (
	// unknownFor is how long a process refuses a secret that the table did not
	// have, without reading again. It is the time that a revocation may take, too.
	// Nobody can send a secret before it is made, because it has 256 random bits.
	// So only a restored table makes a secret known that was unknown.
	unknownFor = 10 * time.Second
	// maxUnknown bounds the memory of a process: about 3 MB.
	maxUnknown = 10_000
)

// unknown remembers the hashes of secrets that the table does not have, so that
// repeated requests with a forged secret cost one read. Forged secrets have a
// cache of their own: however many are sent, they displace no valid one.
type unknown struct {
	since *cache.Cache[string, time.Time] // by hash
}

func newUnknown(most int) unknown { return unknown{cache.New[string, time.Time](most)} }

func (u unknown) add(hash string, now time.Time) { u.since.Put(hash, now) }

// has reports whether the table did not have the secret within the last
// unknownFor. A clock that goes back makes it ask again.
func (u unknown) has(hash string, now time.Time) bool {
	at, ok := u.since.Get(hash)
	return ok && !now.Before(at) && now.Sub(at) < unknownFor
}
