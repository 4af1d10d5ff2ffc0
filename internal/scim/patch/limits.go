package patch

// Limits. Each is tested at the limit and one above it.
const (
	// MaxOperations bounds the operations of one PATCH.
	MaxOperations = 5000
	// MaxComparisons bounds the comparisons of elements with filters and values
	// in one PATCH; an element counts once more for each KiB of it. Without it,
	// operations times elements would let one small body use minutes of CPU.
	MaxComparisons = 250_000
)
