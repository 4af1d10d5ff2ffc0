package query

import (
	"crypto/sha256"
	"time"
)

// Limits. Each is tested at the limit and one above it.
const (
	// DefaultCount and MaxCount are the page size without `count`, and the
	// largest page size.
	DefaultCount = 100
	MaxCount     = 200

	// MaxCursor bounds a cursor in bytes: it is part of a request line with a
	// filter, and API Gateway accepts 10,240 bytes for it with all headers.
	MaxCursor = 2 << 10
	// MaxPosition bounds the position that a cursor can hold, in bytes.
	MaxPosition = MaxCursor/4*3 - cursorHead - sha256.Size
)

// CursorLife is the lifetime of a cursor: a client reads page after page, and
// a list that it left alone for longer should be read from the start.
const CursorLife = 10 * time.Minute
