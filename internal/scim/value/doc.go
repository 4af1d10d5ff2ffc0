// Package value reads and compares the values of SCIM attributes (RFC 7643
// section 2.3).
//
// A value of a resource is a string, bool, json.Number in its plain form,
// map[string]any or []any. Unassigned values are absent. Nothing here keeps or
// changes a value that it was given, but for what its comment says.
package value
