// Package scim is the SCIM 2.0 protocol (RFC 7643, RFC 7644, RFC 9865) as pure code: no
// I/O, no clock, no AWS. It holds the schemas, reads resources, filters, paths
// and PATCH requests as clients really send them, and renders answers.
//
// Everything here is a pure function of its input and safe for concurrent use.
// Nothing panics on any input; what a client did wrong is an *fault.Error with the
// status and scimType of RFC 7644 section 3.12. What Microsoft Entra ID sends
// beyond the RFC is accepted as the comments say.
package scim

// Media types and message URNs (RFC 7644 sections 3.1 and 8.2).
const (
	MediaType = "application/scim+json"

	ListResponseURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchOpURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	SearchURN       = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	ErrorURN        = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// Limits. Each is tested at the limit and one above it.
const (
	// MaxBody bounds a request body in bytes: it leaves room for several
	// thousand members in one PATCH and stays far below Lambda's 6 MB.
	MaxBody = 1 << 20
	// MaxFilter bounds a filter in bytes: API Gateway takes 10,240 bytes for
	// the request line and all headers.
	MaxFilter = 8 << 10
	// MaxFilterDepth bounds nesting in a filter, so that parsing and
	// evaluating stay shallow.
	MaxFilterDepth = 32
	// MaxFilterTerms bounds the comparisons in a filter, each of which is
	// evaluated for each resource of a directory in the worst case.
	MaxFilterTerms = 100
	// MaxOperations bounds the operations of one PATCH.
	MaxOperations = 5000
	// MaxMembers bounds the members that one request names: at 25 a write
	// they take a few seconds, within a function's 10.
	MaxMembers = 5000
	// MaxDisplay bounds the name that comes with a member, in bytes: it is
	// stored once for each group of a user.
	MaxDisplay = 512
	// MaxComparisons bounds the comparisons of elements with filters and
	// values in one PATCH, a long element counted once more for each KiB:
	// operations times elements would otherwise buy minutes of CPU with one
	// small body.
	MaxComparisons = 250_000
	// MaxValue bounds one text in a resource, in bytes: far above any name,
	// address or token of Entra's, and low enough that a filter with many `co`
	// stays cheap.
	MaxValue = 16 << 10
	// MaxElements bounds the elements of a multi-valued attribute: Entra sends
	// a handful, and each element is looked at for each of a PATCH's operations.
	MaxElements = 500
	// MaxResource bounds a stored resource in bytes of JSON: an item is at
	// most 400 KB in DynamoDB, and an event that carries the resource and
	// what it was before must fit EventBridge.
	MaxResource = 128 << 10
	// MaxKeyValue bounds, in bytes, a value that a record's key is made of: a
	// sort key in DynamoDB has 1,024 at most, prefix and escapes included.
	MaxKeyValue = 512

	// DefaultCount and MaxCount are the page size when the client names none,
	// and the largest it gets.
	DefaultCount = 100
	MaxCount     = 200
)
