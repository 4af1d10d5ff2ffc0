package patch

import (
	"maps"
	"slices"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/value"
)

// Apply applies the operations to a resource, all or none, and returns the new
// resource and the change of the keyed attribute's elements. doc stays as it is.
func (r *Resolved) Apply(doc map[string]any) (map[string]any, *resource.Members, error) {
	p := &patch{rt: r.rt, r: value.Clone(doc).(map[string]any), members: &resource.Members{}}
	for i, o := range r.operations {
		if r.ignores(o.err) {
			continue
		}
		if err := p.apply(o); err != nil {
			return nil, nil, scim.InOperation(i, err)
		}
	}
	if err := resource.Finish(r.rt, p.r); err != nil {
		return nil, nil, err
	}
	return p.r, p.members, nil
}

type patch struct {
	rt      *scim.ResourceType
	r       map[string]any
	members *resource.Members
	spent   int // comparisons of elements
}

func (p *patch) apply(o resolved) error {
	switch {
	case o.operation.Path == "":
		return p.applyObject(o.operation, nil)
	case o.err != nil:
		return o.err
	case o.target.Attribute == nil:
		return p.applyExtension(o.operation, o.target.Extension)
	}
	return p.applyTarget(o.operation, o.target)
}

// applyObject applies an operation without a path: each key of the value is a
// path of its own, plain, dotted or with a URN (entra.md section 3). Keys that
// no schema knows and read-only ones are ignored, as in a POST. With an
// extension, the keys are its attributes.
func (p *patch) applyObject(o Operation, extension *scim.Schema) error {
	return eachKey(p.rt, o, extension, func(member Operation, t filter.Target, unknown error) error {
		switch {
		case unknown != nil:
			return nil
		case t.Attribute == nil:
			return p.applyExtension(member, t.Extension)
		case t.ReadOnly():
			return nil
		}
		return p.applyTarget(member, t)
	})
}

// eachKey takes an operation without a path apart: it hands an operation for
// each key to visit with what the key addresses, or why it addresses nothing.
func eachKey(rt *scim.ResourceType, o Operation, extension *scim.Schema, visit func(Operation, filter.Target, error) error) error {
	if o.Op == "remove" {
		return scim.BadRequest(scim.NoTarget, "remove requires a path")
	}
	object, ok := o.Value.(map[string]any)
	if !ok {
		return scim.BadRequest(scim.InvalidValue, "without a path, the value must be an object of attributes").About(scim.AttributePath{Extension: extension}.String())
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		path, member := key, Operation{Op: o.Op, Value: object[key], HasValue: true}
		if extension != nil {
			path = extension.ID + ":" + key
		} else if s := rt.FindSchema(key); s == rt.Schema {
			if err := eachKey(rt, member, s, visit); err != nil {
				return err
			}
			continue
		}
		t, err := filter.ParsePath(rt, path)
		if err := visit(member, t, err); err != nil {
			return err
		}
	}
	return nil
}

// applyExtension applies an operation to an extension as a whole: it merges,
// or removes all of it.
func (p *patch) applyExtension(o Operation, extension *scim.Schema) error {
	if o.Op == "remove" || value.Unassigned(o.Value) {
		delete(p.r, extension.ID)
		return nil
	}
	return p.applyObject(o, extension)
}

func (p *patch) applyTarget(o Operation, t filter.Target) error {
	if err := p.applyAt(o, t); err != nil {
		return scim.Within(t.Place(), err)
	}
	return nil
}

func (p *patch) applyAt(o Operation, t filter.Target) error {
	if t.ReadOnly() {
		return scim.BadRequest(scim.Mutability, "%s is read-only", t)
	}
	if p.rt.IsKeyed(t.Attribute) {
		return p.applyMembers(o, t)
	}
	container := resource.Attributes(p.r, t.Extension)
	if t.Attribute.MultiValued {
		return p.applyList(o, t, container)
	}
	if t.Filter != nil {
		return scim.BadRequest(scim.InvalidPath, "%s is not multi-valued: it cannot be filtered", t.Attribute.Name)
	}
	return applySingle(o, t, container)
}
