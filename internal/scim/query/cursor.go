package query

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"dsync/internal/scim"
)

const (
	cursorVersion = 1
	cursorHead    = 1 + 8 // version, expiry in milliseconds
)

// SealCursor makes the cursor that leads to a position (RFC 9865 section 2).
// It can be used with the same key and for what it is bound to (Query.Bound)
// until it expires, whole milliseconds counted. It is made of unreserved URL
// characters alone. A position above MaxPosition makes a cursor that does not
// open.
func SealCursor(key []byte, bound, position string, expires time.Time) string {
	b := make([]byte, 0, cursorHead+len(position)+sha256.Size)
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(expires.UnixMilli()))
	b = append(b, position...)
	return base64.RawURLEncoding.EncodeToString(append(b, seal(key, b, bound)...))
}

// OpenCursor returns the position that a cursor leads to. It fails with
// expiredCursor after its time, and with invalidCursor if it is anything but
// what SealCursor made with this key for this bound.
func OpenCursor(key []byte, bound, cursor string, now time.Time) (position string, err error) {
	invalid := scim.BadRequest(scim.InvalidCursor, "the cursor does not belong to this list: start with an empty cursor, and keep the filter and the order")
	if len(cursor) > MaxCursor {
		return "", invalid
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	// The decoder passes over line ends and stray bits: a cursor is what was
	// handed out, to the letter.
	if err != nil || len(b) < cursorHead+sha256.Size || base64.RawURLEncoding.EncodeToString(b) != cursor {
		return "", invalid
	}
	b, mac := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(mac, seal(key, b, bound)) || b[0] != cursorVersion {
		return "", invalid
	}
	if now.UnixMilli() > int64(binary.BigEndian.Uint64(b[1:])) {
		return "", scim.BadRequest(scim.ExpiredCursor, "the cursor has expired: request the next page within %v", CursorLife)
	}
	return string(b[cursorHead:]), nil
}

// seal authenticates what a cursor holds and what it is bound to. The length
// in front keeps the two apart.
func seal(key, content []byte, bound string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(content))))
	h.Write(content)
	h.Write([]byte(bound))
	return h.Sum(nil)
}
