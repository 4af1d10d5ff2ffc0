package value

// Limits. Each is tested at the limit and one above it.
const (
	// MaxText bounds one text in a resource, in bytes: far above any name,
	// address or token that Entra sends, and low enough that a filter with many
	// `co` stays cheap.
	MaxText = 16 << 10
	// MaxElements bounds the elements of a multi-valued attribute: Entra sends
	// a handful, and each operation of a PATCH visits each element.
	MaxElements = 500
	// MaxNumber bounds a number in bytes, as sent and in its plain form: more
	// digits than any amount or measure has, and no exponent that fills memory.
	MaxNumber = 64
)
