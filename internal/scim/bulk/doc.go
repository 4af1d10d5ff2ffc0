// Package bulk reads bulk requests (RFC 7644 section 3.7) and resolves the
// references between their operations. It runs none of them.
package bulk
