package patch

import (
	"dsync/internal/fault"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/value"
)

// Ignored lists what Apply ignores in operations that it accepts, because no
// schema knows it: paths, if the type is Lenient, and keys of values without a
// path, always. It names them without values, as in fault.Error.Path.
func (r *Resolved) Ignored() []string {
	var list []string
	var visit func(o Operation, t filter.Target, err error) error
	visit = func(o Operation, t filter.Target, err error) error {
		if err != nil {
			path := ""
			if e, ok := err.(*fault.Error); ok {
				path = e.Path
			}
			list = append(list, path)
		} else if t.Attribute == nil && o.Op != "remove" && !value.Unassigned(o.Value) {
			return eachKey(r.rt, o, t.Extension, visit)
		}
		return nil
	}
	for _, o := range r.operations {
		if o.operation.Path == "" {
			_ = eachKey(r.rt, o.operation, nil, visit) // Apply has accepted it
		} else if o.err == nil || r.ignores(o.err) {
			_ = visit(o.operation, o.target, o.err)
		}
	}
	return list
}
