package patch

import (
	"errors"
	"sync/atomic"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/value"
)

// Resolved is the operations of a PATCH for resources of one type, with parsed
// paths. An error in a path is returned when the operation is applied. It is
// safe for concurrent use.
type Resolved struct {
	rt         *scim.ResourceType
	operations []resolved
	compared   atomic.Int64
}

// Compared is how many comparisons Apply has made, as MaxComparisons counts them.
func (r *Resolved) Compared() int { return int(r.compared.Load()) }

// resolved is an operation and its target, or the error of its path. Without a
// path it has neither.
type resolved struct {
	operation Operation
	target    filter.Target
	err       error
	dropped   bool // nobody keeps what the path addresses: there is nothing to do
	// unknown is a name that no schema has, as the key of a value. A value may have
	// tens of thousands, for which no error is made.
	unknown string
}

// Resolve parses the paths of operations.
func Resolve(rt *scim.ResourceType, operations []Operation) *Resolved {
	r := &Resolved{rt: rt, operations: make([]resolved, len(operations))}
	for i, o := range operations {
		if r.operations[i].operation = o; o.Path != "" {
			r.operations[i] = resolve(rt, o, o.Path)
		}
	}
	return r
}

// isKnown reports whether a key of a value has to be resolved as a path: it names
// an attribute, kept or not, or is more than a name.
func isKnown(rt *scim.ResourceType, key string) bool {
	for i := range len(key) {
		if !scim.IsNameByte(key[i]) {
			return true
		}
	}
	if _, ok := rt.Resolve(key); ok || key == "" {
		return true
	}
	if rt.NotKept == nil {
		return false
	}
	_, ok := rt.NotKept.Resolve(key)
	return ok
}

// resolve parses a path, of attributes that are not kept, too. Sub-attributes
// that only the service provider writes are not kept from a client.
func resolve(rt *scim.ResourceType, o Operation, path string) resolved {
	t, err := filter.ParsePath(rt, path)
	if err == nil {
		computed := t.Sub != nil && t.Sub.ReadOnly() && !t.Attribute.ReadOnly()
		return resolved{operation: o, target: t, dropped: computed}
	}
	if rt.NotKept == nil || !errors.Is(err, scim.ErrUnknownAttribute) {
		return resolved{operation: o, target: t, err: err}
	}
	other, otherErr := filter.ParsePath(rt.NotKept, path)
	switch {
	case errors.Is(otherErr, scim.ErrUnknownAttribute):
	case otherErr != nil: // such as a broken filter
		err = otherErr
	case other.Attribute != nil && other.Attribute.NotKept:
		return resolved{operation: o, target: other, dropped: true}
	case other.Sub != nil && other.Sub.NotKept:
		return resolveRef(rt, o, other)
	}
	return resolved{operation: o, target: t, err: err}
}

// resolveRef resolves a path to a `$ref`. It is not kept, but a new `$ref` of an
// attribute that refers to a resource stands for a new value.
func resolveRef(rt *scim.ResourceType, o Operation, t filter.Target) resolved {
	ref := value.Unwrap(o.Value)
	if t.Attribute.Refers == "" || o.Op == "remove" || value.Unassigned(ref) {
		return resolved{operation: o, target: t, dropped: true}
	}
	id, err := value.Referenced(t.Attribute, ref)
	if err != nil {
		return resolved{operation: o, target: t, err: scim.Within(t.Redacted(), err)}
	}
	t.Sub = t.Attribute.Sub("value")
	o.Value = id
	return resolve(rt, o, t.String())
}

// ignores reports whether an operation whose path has that error is ignored: no
// schema has the path, and the type is lenient. A malformed path is an error in
// lenient directories, too.
func (r *Resolved) ignores(err error) bool {
	return r.rt.Lenient && errors.Is(err, scim.ErrUnknownAttribute)
}
