// Package directory is the domain: organizations, directories, users, groups,
// memberships and tokens, and what may be done to them.
package directory
