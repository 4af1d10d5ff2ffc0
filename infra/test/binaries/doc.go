// Package binaries contains only tests. They run the deployed binary of each
// function. The binary starts under the Runtime API, handles a sample request,
// starts without DynamoDB, and does not exceed the size limit. A second build
// produces the same bytes. go test -v prints the measurements.
package binaries
