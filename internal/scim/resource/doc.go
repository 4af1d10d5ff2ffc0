// Package resource reads the resources of POST and PUT requests, converts them
// to their stored form, and renders them for clients. Members are the change of
// a group's members, which are not part of the stored group.
package resource
