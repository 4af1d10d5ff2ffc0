// Package discovery renders the resources by which the provider describes
// itself (RFC 7644 section 4): its configuration, resource types and schemas.
package discovery
