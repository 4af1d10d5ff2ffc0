package patch

// Limits. Each is tested at the limit and one above it.
const (
	// MaxOperations bounds the operations of one PATCH.
	MaxOperations = 5000
	// MaxComparisons bounds the comparisons of elements with filters and values
	// in one PATCH; an element counts once more for each KiB of it. Without it,
	// operations times elements would let one small body use minutes of CPU.
	MaxComparisons = 250_000
	// MaxFolded bounds the text that is not ASCII and compared without regard to
	// letter case in one PATCH, in bytes, each text once: four times what a resource
	// can hold. Folding it takes up to 0.2 seconds.
	MaxFolded = 512 << 10
)
