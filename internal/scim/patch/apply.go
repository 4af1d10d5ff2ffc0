package patch

import (
	"errors"
	"iter"
	"maps"
	"slices"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/value"
)

// Apply applies the operations to a resource, all or none. It returns the new
// resource and the change of the keyed attribute's elements. It does not change
// doc.
func (r *Resolved) Apply(doc map[string]any) (map[string]any, *resource.Members, error) {
	p := &patch{rt: r.rt, r: value.Clone(doc).(map[string]any), members: &resource.Members{}}
	p.matcher.Folder.Limit = MaxFolded
	defer func() { r.compared.Add(int64(p.spent + p.matcher.Folder.Cost())) }()
	for i, o := range r.operations {
		if o.dropped || r.ignores(o.err) {
			continue
		}
		err := p.apply(o)
		if p.matcher.Folder.Exceeded() {
			err = scim.BadRequest(scim.TooMany, "the operations compare more than %d bytes of text that is not ASCII", MaxFolded)
		}
		if err != nil {
			return nil, nil, scim.InOperation(i, err)
		}
	}
	if err := resource.Finish(r.rt, p.r); err != nil {
		return nil, nil, err
	}
	return p.r, p.members, nil
}

// patch is the state of a PATCH that is being applied.
type patch struct {
	rt      *scim.ResourceType
	r       map[string]any
	members *resource.Members
	spent   int            // comparisons of elements so far
	matcher filter.Matcher // folds up to MaxFolded
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
// path, plain, dotted or with a URN (entra.md section 3). It ignores unknown
// and read-only keys, as in a POST. With an extension, the keys are its
// attributes.
func (p *patch) applyObject(o Operation, extension *scim.Schema) error {
	for member, err := range keys(p.rt, o, extension) {
		switch {
		case err != nil:
			return err
		case malformed(member.err):
			return member.err
		case member.unknown != "" || member.err != nil || member.dropped:
			continue
		case member.target.Attribute == nil:
			err = p.applyExtension(member.operation, member.target.Extension)
		case member.target.ReadOnly():
			continue
		default:
			err = p.applyTarget(member.operation, member.target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// malformed reports whether a key without a path has a filter that cannot be read,
// such as emails[type eq 'work'].value. A key that no schema has is none.
func malformed(err error) bool {
	e, ok := err.(*fault.Error)
	return ok && e.Code == scim.InvalidFilter && !errors.Is(err, scim.ErrUnknownAttribute)
}

// keys splits an operation without a path into one for each key of its value, in
// the order of the keys, resolved as paths. After an error there are no more.
func keys(rt *scim.ResourceType, o Operation, extension *scim.Schema) iter.Seq2[resolved, error] {
	return func(yield func(resolved, error) bool) {
		if o.Op == "remove" {
			yield(resolved{}, scim.BadRequest(scim.NoTarget, "remove requires a path"))
			return
		}
		object, ok := value.Only(o.Value).(map[string]any)
		if !ok && extension != nil && value.Unassigned(value.Only(o.Value)) {
			return
		}
		if !ok {
			err := scim.BadRequest(scim.InvalidValue, "without a path, the value must be an object of attributes")
			yield(resolved{}, err.About(scim.AttributePath{Extension: extension}.String()))
			return
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			path, member := key, Operation{Op: o.Op, Value: object[key], HasValue: true}
			if extension != nil {
				path = extension.ID + ":" + key
			} else if s := rt.FindSchema(key); s == rt.Schema {
				for k, err := range keys(rt, member, s) {
					if !yield(k, err) || err != nil {
						return
					}
				}
				continue
			}
			resolved := resolved{operation: member, unknown: path}
			if isKnown(rt, path) {
				resolved = resolve(rt, member, path)
			}
			if !yield(resolved, nil) {
				return
			}
		}
	}
}

// applyExtension applies an operation to an extension as a whole: it merges the
// value, or removes the extension.
func (p *patch) applyExtension(o Operation, extension *scim.Schema) error {
	if o.Op == "remove" || value.Unassigned(value.Only(o.Value)) {
		delete(p.r, extension.ID)
		return nil
	}
	return p.applyObject(o, extension)
}

// applyTarget applies an operation to a target and adds the path to its errors.
func (p *patch) applyTarget(o Operation, t filter.Target) error {
	if err := p.applyAt(o, t); err != nil {
		return scim.Within(t.Redacted(), err)
	}
	return nil
}

// applyAt applies an operation by the kind of its target.
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
