// Package patch reads PATCH requests (RFC 7644 section 3.5.2) and applies them
// to resources, in the form of the RFC and in both of Entra's dialects.
//
// Operations apply all or none. The work of a request is bounded by MaxOperations
// and MaxComparisons.
package patch
