package patch

import (
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/value"
)

// Ignored lists the paths that Apply ignores because no schema has them: paths
// of operations if the type is Lenient, and keys of values without a path
// always. The paths have the form of fault.Error.Path, without values.
func (r *Resolved) Ignored() []string {
	var paths []string
	for _, o := range r.operations {
		switch {
		case o.operation.Path == "":
			paths = append(paths, ignoredKeys(r.rt, o.operation, nil)...)
		case o.err == nil || r.ignores(o.err):
			paths = append(paths, ignoredIn(r.rt, o)...)
		}
	}
	return paths
}

// ignoredIn lists the ignored paths of an operation that has a path.
func ignoredIn(rt *scim.ResourceType, o resolved) []string {
	switch {
	case o.dropped:
		return nil
	case o.unknown != "":
		return []string{scim.UnknownPath(o.unknown)}
	case o.err != nil:
		path := ""
		if e, ok := o.err.(*fault.Error); ok {
			path = e.Path
		}
		return []string{path}
	case o.target.Attribute == nil && o.operation.Op != "remove" && !value.Unassigned(o.operation.Value):
		return ignoredKeys(rt, o.operation, o.target.Extension)
	}
	return nil
}

// ignoredKeys lists the ignored keys of a value without a path.
func ignoredKeys(rt *scim.ResourceType, o Operation, extension *scim.Schema) []string {
	var paths []string
	for member, err := range keys(rt, o, extension) {
		if err != nil { // not after Apply
			break
		}
		paths = append(paths, ignoredIn(rt, member)...)
	}
	return paths
}
