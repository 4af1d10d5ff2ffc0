// Package binaries holds no code, only tests of each function's real binary:
// it starts under the Runtime API, answers a sample of what it is there for,
// starts without DynamoDB, is as small as it has to be, and comes out of a
// second build as the same bytes. Figures are printed: go test -v.
package binaries
