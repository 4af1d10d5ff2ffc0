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

// newUnknown remembers the hashes of secrets that the table does not have, so that
// repeated requests with a forged secret cost one read.
func newUnknown() cache.Unknown[string] { return cache.NewUnknown[string](maxUnknown, unknownFor) }
