// Package bulk reads bulk requests (RFC 7644 section 3.7) and resolves the
// references between their operations. It does not execute them.
package bulk
