package resource

// Limits. Each is tested at the limit and one above it.
const (
	// MaxEncoded bounds a stored resource in bytes of JSON: an item in DynamoDB
	// has at most 400 KB, and an event that carries the resource and its previous
	// attributes must fit EventBridge.
	MaxEncoded = 128 << 10
	// MaxKeyValue bounds, in characters, a value that a resource is found by: no
	// script has less room than another. A record's key has a hash of a value
	// that is too long for it.
	MaxKeyValue = 512
	// MaxMembers bounds the members in one request: at 25 members a write they
	// take a few seconds, within a function's timeout of 10.
	MaxMembers = 5000
	// MaxDisplay bounds the display of a member, in characters: it is stored
	// once for each membership.
	MaxDisplay = 512
)
