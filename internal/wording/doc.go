// Package wording says in words what the system knows: what an event changed, what a
// SCIM request attempted and why it was refused, which attributes a user has.
//
// It reads nothing and escapes nothing: what is in its values was written by a provider,
// and a page must show it as text.
package wording
