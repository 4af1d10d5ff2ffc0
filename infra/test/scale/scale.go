// Package scale tests that the cost of a request does not depend on how many
// directories there are, nor on how large the directory is: it compares the round
// trips and the units of every operation in a small table and in a large one. The
// records of both are written directly, as copies of what a request wrote.
package scale
