// Package patch reads PATCH requests (RFC 7644 section 3.5.2) and applies them
// to resources, in the form of the RFC and in both of Entra's dialects.
//
// Either all operations apply or none. MaxOperations and MaxComparisons bound
// the work of a request.
package patch
