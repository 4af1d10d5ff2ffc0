package patch

import (
	"errors"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/value"
)

// passes reports whether the type passes over an operation whose path is wrong
// in that way. A path that is malformed is refused all the same.
func passes(rt *scim.ResourceType, err error) bool {
	return rt.Lenient && errors.Is(err, scim.ErrUnknownAttribute)
}

// Ignored lists what Patch passes over in operations that it takes, because no
// schema knows it: paths, if the type is Lenient, and keys of values without a
// path, always. It names them without values, as in Error.Path.
func Ignored(rt *scim.ResourceType, operations []Operation) []string {
	var list []string
	collect := func(err error) {
		place := ""
		if e, ok := err.(*fault.Error); ok {
			place = e.Path
		}
		list = append(list, place)
	}
	var visit func(o Operation, t filter.Target, err error) error
	visit = func(o Operation, t filter.Target, err error) error {
		if err != nil {
			collect(err)
		} else if t.Attribute == nil && o.Op != "remove" && !value.Unassigned(o.Value) {
			return eachKey(rt, o, t.Extension, visit)
		}
		return nil
	}
	for _, o := range operations {
		if o.Path == "" {
			_ = eachKey(rt, o, nil, visit) // Patch took it
		} else if t, err := filter.ParsePath(rt, o.Path); err == nil || passes(rt, err) {
			_ = visit(o, t, err)
		}
	}
	return list
}
