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

	// MaxSortText is how many characters of a text a list is sorted by: those that
	// userName may have.
	MaxSortText = 512

	// MaxNames bounds the names in `attributes`, and those in `excludedAttributes`:
	// more than a user has with custom schemas. Each is compared with each attribute
	// of each resource of a page.
	MaxNames = 200
	// MaxNameTerms bounds the comparisons in the brackets of all names: each is made
	// with each element of a page.
	MaxNameTerms = 10

	// MaxCursor bounds a cursor in bytes: it is part of a request line with a
	// filter, and API Gateway accepts 10,240 bytes for it with all headers.
	MaxCursor = 2 << 10
	// MaxPosition bounds the position that a cursor can hold, in bytes.
	MaxPosition = MaxCursor/4*3 - cursorHead - sha256.Size
)

// CursorLife is the lifetime of a cursor: a client reads page after page, and
// a list that it left alone for longer should be read from the start.
const CursorLife = 10 * time.Minute
