// Package query reads the queries of lists and of single resources (RFC 7644
// sections 3.4.2, 3.4.3 and 3.9, RFC 9865) and implements sorting, paging by
// index and by cursor, projection and list responses. Package filter matches
// filters.
package query
