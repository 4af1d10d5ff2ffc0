package scim

import (
	"errors"

	"dsync/internal/fault"
)

// passes reports whether the type passes over an operation whose path is wrong
// in that way. A path that is malformed is refused all the same.
func (rt *ResourceType) passes(err error) bool {
	return rt.Lenient && errors.Is(err, errUnknownAttribute)
}

// Ignored lists what Patch passes over in operations that it takes, because no
// schema knows it: paths, if the type is Lenient, and keys of values without a
// path, always. It names them without values, as in Error.Path.
func (rt *ResourceType) Ignored(operations []Operation) []string {
	var list []string
	note := func(err error) {
		place := ""
		if e, ok := err.(*fault.Error); ok {
			place = e.Path
		}
		list = append(list, place)
	}
	var visit func(o Operation, t Target, err error) error
	visit = func(o Operation, t Target, err error) error {
		if err != nil {
			note(err)
		} else if t.Attribute == nil && o.Op != "remove" && !unassigned(o.Value) {
			return rt.eachKey(o, t.Extension, visit)
		}
		return nil
	}
	for _, o := range operations {
		if o.Path == "" {
			_ = rt.eachKey(o, nil, visit) // Patch took it
		} else if t, err := rt.ParsePath(o.Path); err == nil || rt.passes(err) {
			_ = visit(o, t, err)
		}
	}
	return list
}
