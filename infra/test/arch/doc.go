// Package arch holds the rules of the architecture as tests: which package may
// import what, where the environment is read, how long a main may be, and that
// names which must agree do.
package arch
