package filter

// Limits. Each is tested at the limit and one above it.
const (
	// MaxLength bounds a filter or a path in bytes: API Gateway accepts 10,240
	// bytes for the request line and all headers.
	MaxLength = 8 << 10
	// MaxDepth bounds nesting in a filter, so that parsing and matching have a
	// bounded stack.
	MaxDepth = 32
	// MaxTerms bounds the comparisons in a filter. In the worst case each is
	// evaluated for each resource of a directory.
	MaxTerms = 100
)
