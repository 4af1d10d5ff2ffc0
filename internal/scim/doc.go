// Package scim is the vocabulary of the SCIM 2.0 protocol (RFC 7643, RFC 7644,
// RFC 9865): schemas, resource types, attribute paths, messages and errors.
// Its sub-packages are the protocol:
//
//	value      values of attributes: reading, comparing, identity
//	filter     filters and PATCH paths: lexer, parser, matching
//	resource   resources: reading, storing, rendering; changes of members
//	patch      PATCH requests: reading, applying
//	query      queries: filter, sorting, paging, projection; list responses
//	bulk       bulk requests and responses
//	discovery  what the provider publishes of itself
//
// Everything here and there is pure code: no I/O, no clock, no AWS. Every
// function is a pure function of its input and safe for concurrent use. No
// input makes one panic; a fault of the client is an *Error with the status and
// scimType of RFC 7644 section 3.12. What Microsoft Entra ID sends beyond the
// RFC is accepted as the comments say.
package scim
