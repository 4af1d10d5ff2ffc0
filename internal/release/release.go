// Package release says which release this code is.
package release

// Version is the version of the next release, or of this commit if it is tagged
// with it: semantic versioning, as docs/changelog.md explains.
const Version = "0.1.0"
