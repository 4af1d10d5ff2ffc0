// Package neighbour tests what a directory notices of another one that floods the
// system.
package neighbour
