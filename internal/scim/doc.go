// Package scim has the vocabulary of the SCIM 2.0 protocol (RFC 7643, RFC 7644,
// RFC 9865): schemas, resource types, attribute paths, messages and errors. Its
// sub-packages implement the protocol:
//
//	value      values of attributes: reading, comparing, identity
//	filter     filters and PATCH paths: lexer, parser, matching
//	resource   resources: reading, storing, rendering; changes of members
//	patch      PATCH requests: reading, applying
//	query      queries: filter, sorting, paging, projection; list responses
//	bulk       bulk requests and responses
//	discovery  service provider configuration, resource types, schemas
//
// All of these packages are pure code: no I/O, no clock, no AWS. Each function
// depends on its arguments only and is safe for concurrent use. No input causes
// a panic. An error of the client is a *fault.Error whose code is a scimType
// (RFC 7644 section 3.12). Input that Microsoft Entra ID sends beyond the RFC
// is accepted as the comments describe.
package scim
