package patch

import (
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
)

// MembersOnly reports whether the operations change the elements of a keyed
// attribute that clients can write, and nothing else, so that the resource
// itself need not be read. It then returns the change.
func (r *Resolved) MembersOnly() (*resource.Members, bool, error) {
	p := &patch{rt: r.rt, members: &resource.Members{}}
	named := false
	for i, o := range r.operations {
		if o.operation.Path == "" {
			return nil, false, nil
		}
		if o.dropped || r.ignores(o.err) {
			continue
		}
		if o.err != nil {
			return nil, false, scim.InOperation(i, o.err)
		}
		t := o.target
		if t.Attribute == nil || !r.rt.IsKeyed(t.Attribute) || t.ReadOnly() {
			return nil, false, nil
		}
		if err := p.applyMembers(o.operation, t); err != nil {
			return nil, false, scim.InOperation(i, scim.Within(t.Redacted(), err))
		}
		named = true
	}
	return p.members, named, nil
}

// applyMembers applies an operation to the keyed attribute's elements. Callers
// check that clients can write them.
func (p *patch) applyMembers(o Operation, t filter.Target) error {
	if t.Sub != nil {
		return scim.BadRequest(scim.Mutability, "sub-attributes of a member cannot be changed: remove the member and add it again")
	}
	v := o.Value
	if t.Filter != nil {
		ids, ok := filter.Values(t.Filter)
		if !ok {
			return scim.BadRequest(scim.InvalidFilter, "%s can be filtered by value only, as in %[1]s[value eq \"…\"]", t.Attribute.Name)
		}
		if o.Op == "add" && len(ids) == 0 {
			return scim.BadRequest(scim.InvalidValue, "a member cannot be of another type than User")
		}
		if o.Op == "replace" {
			return scim.BadRequest(scim.Mutability, "a member cannot be replaced: remove it and add another")
		}
		o.HasValue, v = true, ids
	}
	switch o.Op {
	case "add":
		return p.members.Add(v)
	case "replace":
		return p.members.ReplaceAll(v)
	}
	if !o.HasValue {
		p.members.RemoveAll()
		return nil
	}
	if v == nil {
		// A remove with an empty value must never empty the group (entra.md Q4).
		return scim.BadRequest(scim.InvalidValue, "remove requires a list of members as value, or no value to remove all members")
	}
	return p.members.Remove(v)
}
