// Package discovery renders the discovery resources (RFC 7644 section 4): the
// service provider configuration, resource types and schemas.
package discovery
