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

// SealCursor makes the cursor of a position (RFC 9865 section 2). It is valid
// with the same key and bound (Query.Bound) until it expires, in whole
// milliseconds. It has only unreserved URL characters. A cursor of a position
// longer than MaxPosition cannot be opened.
func SealCursor(key []byte, bound, position string, expires time.Time) string {
	b := make([]byte, 0, cursorHead+len(position)+sha256.Size)
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(expires.UnixMilli()))
	b = append(b, position...)
	return base64.RawURLEncoding.EncodeToString(append(b, seal(key, b, bound)...))
}

// OpenCursor returns the position of a cursor. It fails with expiredCursor
// after its lifetime, and with invalidCursor unless SealCursor made it with
// this key for this bound.
func OpenCursor(key []byte, bound, cursor string, now time.Time) (position string, err error) {
	invalid := scim.BadRequest(scim.InvalidCursor, "the cursor does not belong to this list: start with an empty cursor, and keep the filter and the order")
	if len(cursor) > MaxCursor {
		return "", invalid
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	// The decoder ignores line ends and trailing bits, so compare the encoding.
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

// seal authenticates the content of a cursor and its bound. The length prefix
// separates the two.
func seal(key, content []byte, bound string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(content))))
	h.Write(content)
	h.Write([]byte(bound))
	return h.Sum(nil)
}
