package scim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dsync/internal/fault"
)

// Operation is one operation of a PATCH (RFC 7644 section 3.5.2).
type Operation struct {
	Op       string // "add", "replace", "remove"
	Path     string // "" for none
	Value    any
	HasValue bool // value was there, even if null: the two differ
}

// ParsePatch reads a PATCH body. Operation names and keys match in any letter
// case, because Entra sends "Add", "Replace" and "Remove" (entra.md Q1). What
// the message holds beside its operations is ignored (Q38).
func ParsePatch(body []byte) ([]Operation, error) {
	object, err := DecodeObject(body)
	if err != nil {
		return nil, err
	}
	return PatchOperations(object)
}

// PatchOperations is ParsePatch for a message that is decoded already, as in a
// bulk request.
func PatchOperations(object map[string]any) ([]Operation, error) {
	if err := checkMessage(object, PatchOpURN); err != nil {
		return nil, err
	}
	v, _ := member(object, "Operations")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, badRequest(InvalidSyntax, "Operations is a list of at least one operation")
	}
	if len(list) > MaxOperations {
		return nil, tooLarge("a PATCH has %d operations at most", MaxOperations)
	}
	operations := make([]Operation, len(list))
	for i, v := range list {
		var err error
		if operations[i], err = parseOperation(v); err != nil {
			return nil, inOperation(i, err)
		}
	}
	return operations, nil
}

func parseOperation(v any) (Operation, error) {
	var o Operation
	object, ok := v.(map[string]any)
	if !ok {
		return o, badRequest(InvalidSyntax, "an operation is an object")
	}
	op, _ := member(object, "op")
	name, _ := op.(string)
	switch o.Op = strings.ToLower(name); o.Op {
	case "add", "replace", "remove":
	default:
		return o, badRequest(InvalidSyntax, "op is add, replace or remove")
	}
	if path, ok := member(object, "path"); ok && path != nil {
		if o.Path, ok = path.(string); !ok {
			return o, badRequest(InvalidPath, "path is a string")
		}
		o.Path = strings.TrimSpace(o.Path)
	}
	o.Value, o.HasValue = member(object, "value")
	if !o.HasValue && o.Op != "remove" {
		return o, badRequest(InvalidValue, "%s needs a value", o.Op).About(attributePath(o.Path))
	}
	return o, nil
}

// inOperation says in which operation an error arose, counted from 1.
func inOperation(i int, err error) error {
	if e, ok := err.(*fault.Error); ok {
		in := *e
		in.Detail, in.Operation = fmt.Sprintf("operation %d: %s", i+1, e.Detail), i+1
		return &in
	}
	return err
}

// Patch applies operations to a resource, all or none, and returns the new
// resource and the change of the keyed attribute's elements. r stays as it is.
func (rt *ResourceType) Patch(r map[string]any, operations []Operation) (map[string]any, *Members, error) {
	p := &patch{rt: rt, r: clone(r).(map[string]any), members: &Members{}}
	for i, o := range operations {
		if err := p.apply(o); err != nil {
			return nil, nil, inOperation(i, err)
		}
	}
	if err := rt.finish(p.r); err != nil {
		return nil, nil, err
	}
	return p.r, p.members, nil
}

// MembersOnly reports whether the operations touch nothing but the elements of
// a keyed attribute that clients may write, so that the resource itself need
// not be read.
func (rt *ResourceType) MembersOnly(operations []Operation) (*Members, bool, error) {
	p := &patch{rt: rt, members: &Members{}}
	for i, o := range operations {
		if o.Path == "" {
			return nil, false, nil
		}
		t, err := rt.ParsePath(o.Path)
		if rt.passes(err) {
			continue
		}
		if err != nil {
			return nil, false, inOperation(i, err)
		}
		if t.Attribute == nil || !rt.keyed(t.Attribute) || t.readOnly() {
			return nil, false, nil
		}
		if err := p.applyMembers(o, t); err != nil {
			return nil, false, inOperation(i, within(t.place(), err))
		}
	}
	return p.members, true, nil
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, member := range v {
			c[name] = clone(member)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, element := range v {
			c[i] = clone(element)
		}
		return c
	}
	return v
}

type patch struct {
	rt      *ResourceType
	r       map[string]any
	members *Members
	spent   int // comparisons of elements
}

func (p *patch) apply(o Operation) error {
	if o.Path == "" {
		return p.applyObject(o, nil)
	}
	t, err := p.rt.ParsePath(o.Path)
	switch {
	case p.rt.passes(err):
		return nil
	case err != nil:
		return err
	case t.Attribute == nil:
		return p.applyExtension(o, t.Extension)
	}
	return p.applyTarget(o, t)
}

// applyObject applies an operation without a path: each key of the value is a
// path of its own, plain, dotted or with a URN (entra.md section 3). Keys that
// no schema knows and read-only ones are ignored, as in a POST. With an
// extension, the keys are its attributes.
func (p *patch) applyObject(o Operation, extension *Schema) error {
	return p.rt.eachKey(o, extension, func(member Operation, t Target, unknown error) error {
		switch {
		case unknown != nil:
			return nil
		case t.Attribute == nil:
			return p.applyExtension(member, t.Extension)
		case t.readOnly():
			return nil
		}
		return p.applyTarget(member, t)
	})
}

// eachKey takes an operation without a path apart: it hands an operation for
// each key to visit with what the key addresses, or why it addresses nothing.
func (rt *ResourceType) eachKey(o Operation, extension *Schema, visit func(Operation, Target, error) error) error {
	if o.Op == "remove" {
		return badRequest(NoTarget, "remove needs a path")
	}
	object, ok := o.Value.(map[string]any)
	if !ok {
		return badRequest(InvalidValue, "without a path the value is an object of attributes").About(extension.urn())
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		path, member := key, Operation{Op: o.Op, Value: object[key], HasValue: true}
		if extension != nil {
			path = extension.ID + ":" + key
		} else if s := rt.schema(key); s == rt.Schema {
			if err := rt.eachKey(member, s, visit); err != nil {
				return err
			}
			continue
		}
		t, err := rt.ParsePath(path)
		if err := visit(member, t, err); err != nil {
			return err
		}
	}
	return nil
}

// applyExtension applies an operation to an extension as a whole: it merges,
// or removes all of it.
func (p *patch) applyExtension(o Operation, extension *Schema) error {
	if o.Op == "remove" || unassigned(o.Value) {
		delete(p.r, extension.ID)
		return nil
	}
	return p.applyObject(o, extension)
}

func (p *patch) applyTarget(o Operation, t Target) error {
	if err := p.applyAt(o, t); err != nil {
		return within(t.place(), err)
	}
	return nil
}

func (p *patch) applyAt(o Operation, t Target) error {
	if t.readOnly() {
		return badRequest(Mutability, "%s is read-only", t)
	}
	if p.rt.keyed(t.Attribute) {
		return p.applyMembers(o, t)
	}
	container := p.rt.container(p.r, t.Extension)
	if t.Attribute.MultiValued {
		return p.applyList(o, t, container)
	}
	if t.Filter != nil {
		return badRequest(InvalidPath, "%s has one value only: there is nothing to filter", t.Attribute.Name)
	}
	return applySingle(o, t, container)
}

// applySingle applies an operation to a single-valued attribute or to one of
// its sub-attributes.
func applySingle(o Operation, t Target, container map[string]any) error {
	a := t.Attribute
	if t.Sub != nil {
		object, _ := container[a.Name].(map[string]any)
		if object == nil {
			object = map[string]any{}
		}
		if err := assign(o, t.Sub, object); err != nil {
			return err
		}
		container[a.Name] = object
		return nil
	}
	if o.Value = only(o.Value); a.Type != Complex || o.Op == "remove" || unassigned(o.Value) {
		return assign(o, a, container)
	}
	v, err := coerceOne(a, o.Value)
	if err != nil {
		return err
	}
	// Sub-attributes that the value does not name stay (RFC 7644 section 3.5.2.3).
	object, _ := container[a.Name].(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	clearNulls(a, object, o.Value)
	given, _ := v.(map[string]any)
	maps.Copy(object, given)
	container[a.Name] = object
	return nil
}

// clearNulls unassigns the sub-attributes that the value names as null or "".
func clearNulls(a *Attribute, object map[string]any, v any) {
	given, _ := v.(map[string]any)
	for name, member := range given {
		if sub := a.Sub(name); sub != nil && unassigned(member) {
			delete(object, sub.Name)
		}
	}
}

// assign sets a scalar attribute in the object that holds it, or clears any.
func assign(o Operation, a *Attribute, holder map[string]any) error {
	v := unwrap(o.Value)
	if o.Op == "remove" || unassigned(v) {
		if a.Required {
			if o.Op == "remove" {
				return badRequest(Mutability, "%s is required and cannot be removed", a.Name)
			}
			return badRequest(InvalidValue, "%s is required", a.Name)
		}
		delete(holder, a.Name)
		return nil
	}
	c, err := coerceOne(a, v)
	if err != nil {
		return err
	}
	holder[a.Name] = c
	return nil
}

// applyMembers notes a change of the keyed attribute's elements. Elements that
// clients cannot write (groups of a user) never get here.
func (p *patch) applyMembers(o Operation, t Target) error {
	if t.Sub != nil {
		return badRequest(Mutability, "the parts of a member cannot be changed: remove it and add another")
	}
	v := o.Value
	if t.Filter != nil {
		ids, ok := memberIDs(t.Filter)
		if !ok {
			return badRequest(InvalidFilter, "%s can be addressed by value only, as in %[1]s[value eq \"…\"]", t.Attribute.Name)
		}
		if o.Op == "replace" {
			return badRequest(Mutability, "a member cannot be changed: remove it and add another")
		}
		o.HasValue, v = true, ids
	}
	switch o.Op {
	case "add":
		return p.members.add(v)
	case "replace":
		return p.members.replace(v)
	}
	if !o.HasValue {
		p.members.reset()
		return nil
	}
	if v == nil {
		// A remove that lists nobody must never empty the group (entra.md Q4).
		return badRequest(InvalidValue, "remove names the members in value, or leaves value out to remove all")
	}
	return p.members.remove(v)
}

// memberIDs reads a filter that names elements by value: value eq "a", or
// several of these joined by `or`.
func memberIDs(e Expr) ([]any, bool) {
	switch e := e.(type) {
	case compare:
		s, ok := e.value.(string)
		return []any{s}, ok && e.op == "eq" && e.target.Attribute.Name == "value"
	case logical:
		left, ok := memberIDs(e.left)
		right, also := memberIDs(e.right)
		return append(left, right...), e.op == "or" && ok && also
	}
	return nil, false
}
