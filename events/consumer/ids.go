package consumer

import (
	"fmt"
	"regexp"
	"time"
)

// The prefixes of ids. An id is a prefix, "_" and a ULID in upper case.
const (
	directoryPrefix = "directory"
	userPrefix      = "directory_user"
	groupPrefix     = "directory_group"
	tokenPrefix     = "directory_token"
	eventPrefix     = "event"
)

// alphabet is Crockford's Base32, in which a ULID encodes its 128 bits: 48 bits
// of time (10 characters) and 80 random bits (16 characters).
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var ulidForm = regexp.MustCompile("^[0-7][" + alphabet + "]{25}$")

// validID reports whether s is an id with that prefix.
func validID(prefix, s string) bool {
	n := len(prefix) + 1
	return len(s) > n && s[:n] == prefix+"_" && ulidForm.MatchString(s[n:])
}

// requireID fails if s is not an id with that prefix.
func requireID(prefix, s string) error {
	if !validID(prefix, s) {
		return fmt.Errorf("%q is not a %s id", s, prefix)
	}
	return nil
}

// firstEventID returns the smallest event id of the millisecond of t. It
// panics if t is before 1970 or after 10889, which a ULID cannot hold.
func firstEventID(t time.Time) string {
	milliseconds := t.UnixMilli()
	if milliseconds < 0 || milliseconds >= 1<<48 {
		panic(fmt.Sprintf("consumer: an event id cannot hold the time %s", t))
	}
	ulid := []byte("00000000000000000000000000")
	for i := 9; i >= 0; i-- {
		ulid[i] = alphabet[milliseconds&31]
		milliseconds >>= 5
	}
	return eventPrefix + "_" + string(ulid)
}
