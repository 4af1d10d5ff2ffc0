// Package value reads and compares the values of SCIM attributes (RFC 7643
// section 2.3).
//
// A value of a resource is a string, bool, json.Number in its plain form,
// map[string]any or []any. Unassigned attributes are absent. No function
// changes its arguments.
package value
