package patch

import (
	"errors"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
)

// Resolved is the operations of a PATCH for resources of one type, with parsed
// paths. An error in a path is returned when the operation is applied. It is
// safe for concurrent use.
type Resolved struct {
	rt         *scim.ResourceType
	operations []resolved
}

// resolved is an operation and its target, or the error of its path. Without a
// path it has neither.
type resolved struct {
	operation Operation
	target    filter.Target
	err       error
}

// Resolve parses the paths of operations.
func Resolve(rt *scim.ResourceType, operations []Operation) *Resolved {
	r := &Resolved{rt, make([]resolved, len(operations))}
	for i, o := range operations {
		r.operations[i].operation = o
		if o.Path != "" {
			r.operations[i].target, r.operations[i].err = filter.ParsePath(rt, o.Path)
		}
	}
	return r
}

// ignores reports whether an operation whose path has that error is ignored: no
// schema has the path, and the type is lenient. A malformed path is an error in
// lenient directories, too.
func (r *Resolved) ignores(err error) bool {
	return r.rt.Lenient && errors.Is(err, scim.ErrUnknownAttribute)
}
