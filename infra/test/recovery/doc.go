// Package recovery contains only tests. They rehearse on one machine, with the
// binaries of the functions, what an operator does when something went wrong: the
// restore of the table to an earlier time, and the return to the version before.
package recovery
