// Package filter reads SCIM filters (RFC 7644 section 3.4.2.2) and PATCH paths
// (section 3.5.2), and matches filters with resources. Filters and paths have
// one grammar and one parser, which is bounded in length, depth and terms.
//
// An Expr is immutable and safe for concurrent use.
package filter
