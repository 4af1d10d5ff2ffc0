package scim

// Limits. Each is tested at the limit and one above it. Those of a part of the
// protocol are in the limits.go of its package.
const (
	// MaxBody bounds a request body in bytes: it leaves room for several
	// thousand members in one PATCH and stays far below Lambda's 6 MB.
	MaxBody = 1 << 20

	// MaxExtension bounds the declaration of an extension in bytes.
	MaxExtension = 64 << 10
	// MaxExtensionAttributes bounds the attributes of an extension,
	// sub-attributes counted: each is compared with each attribute of a request.
	MaxExtensionAttributes = 50
	// MaxName bounds the URN of an extension and each name in it, in bytes: they
	// are repeated in every path, filter and resource.
	MaxName = 128

	// maxErrorPath bounds the path of a request that an Error repeats, in bytes.
	maxErrorPath = 256
)
