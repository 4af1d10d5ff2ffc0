// Package resource reads the resources of POST and PUT requests, brings them
// into the form that is stored, and renders them for clients. It holds the
// changes of a group's members, which are no part of the stored group.
package resource
