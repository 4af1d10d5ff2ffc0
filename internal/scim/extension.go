package scim

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// reserved are the URNs that an extension cannot have as its id or as the start
// of its id: the full name of an attribute would be ambiguous.
var reserved = []string{
	"urn:ietf:params:scim:schemas:core",
	"urn:ietf:params:scim:api",
	EnterpriseURN,
}

// ParseExtension reads a schema extension that a directory declares, in the
// JSON form of RFC 7643 section 7, and sets the defaults. It rejects
// characteristics that are not supported, so that /Schemas publishes only what
// works. No attribute can be required: Entra creates users without custom
// attributes.
func ParseExtension(b []byte) (*Schema, error) {
	if len(b) > MaxExtension {
		return nil, BadRequest(InvalidValue, "the schema is larger than %d bytes", MaxExtension)
	}
	var s struct {
		ID          string       `json:"id"`
		Name        string       `json:"name"`
		Description string       `json:"description"`
		Attributes  []*Attribute `json:"attributes"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, BadRequest(InvalidValue, "%s cannot be a %s", wrong.Field, wrong.Value)
		}
		return nil, BadRequest(InvalidSyntax, "the schema is not a JSON object")
	}
	if err := checkURN(s.ID); err != nil {
		return nil, err
	}
	if len(s.ID) > MaxName {
		return nil, BadRequest(InvalidValue, "id is longer than %d bytes", MaxName)
	}
	n := 0
	if err := declare(s.Attributes, "", &n); err != nil {
		return nil, err
	}
	for _, a := range s.Attributes {
		if err := checkURN(s.ID + ":" + a.Name); err != nil {
			return nil, BadRequest(InvalidValue, "%s: its full name is the URN of another schema", a.Name)
		}
	}
	return &Schema{
		ID: s.ID, Name: or(s.Name, s.ID), Description: or(s.Description, or(s.Name, s.ID)), Attributes: s.Attributes,
	}, nil
}

// checkURN checks the id of an extension. Its characters are those of attribute
// paths.
func checkURN(id string) error {
	parts := strings.Split(id, ":")
	if len(parts) < 3 || parts[0] != "urn" || slices.Contains(parts, "") || strings.ContainsFunc(id, func(r rune) bool { return r > '~' || !IsNameByte(byte(r)) }) {
		return BadRequest(InvalidValue, "id must be a URN such as urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User, of letters, digits and : . - _ $")
	}
	for _, urn := range reserved {
		if len(id) >= len(urn) && strings.EqualFold(id[:len(urn)], urn) && (len(id) == len(urn) || id[len(urn)] == ':') {
			return BadRequest(InvalidValue, "id: %s is reserved", urn)
		}
	}
	return nil
}

// declare checks attributes and sets their defaults (RFC 7643 section 2.2).
// under is the name of the complex attribute followed by a dot, "" for
// attributes of the schema. n counts all attributes.
func declare(attributes []*Attribute, under string, n *int) error {
	if len(attributes) == 0 {
		if under != "" {
			return BadRequest(InvalidValue, "%s: subAttributes are missing", strings.TrimSuffix(under, "."))
		}
		return BadRequest(InvalidValue, "attributes are missing")
	}
	for i, a := range attributes {
		if *n++; *n > MaxExtensionAttributes {
			return BadRequest(InvalidValue, "an extension has at most %d attributes, including sub-attributes", MaxExtensionAttributes)
		}
		if a == nil {
			return BadRequest(InvalidValue, "%sattribute %d is null", under, i+1)
		}
		if !attributeName(a.Name) {
			return BadRequest(InvalidValue, "%sattribute %d: name must start with a letter and have only letters, digits, $, - and _", under, i+1)
		}
		if FindAttribute(attributes[:i], a.Name) != nil {
			return BadRequest(InvalidValue, "%s%s is declared twice", under, a.Name)
		}
		if err := a.declare(under, n); err != nil {
			return err
		}
	}
	return nil
}

// declare checks one attribute and sets its defaults.
func (a *Attribute) declare(under string, n *int) error {
	name := under + a.Name
	refuse := func(format string, args ...any) error {
		return BadRequest(InvalidValue, name+": "+format, args...)
	}
	types := []string{String, Boolean, Decimal, Integer, DateTime, Reference}
	if under == "" {
		types = append(types, Complex)
	}
	a.Type = or(a.Type, String)
	a.Mutability = or(a.Mutability, "readWrite")
	a.Returned = or(a.Returned, "default")
	a.Uniqueness = or(a.Uniqueness, "none")
	a.Description = or(a.Description, a.Name)
	switch {
	case !slices.Contains(types, a.Type):
		return refuse("type must be one of %s", strings.Join(types, ", "))
	case a.Required:
		return refuse("required must be false: Entra creates users without custom attributes")
	case a.Mutability != "readWrite":
		return refuse("mutability must be readWrite")
	case !slices.Contains([]string{"always", "default", "request", "never"}, a.Returned):
		return refuse("returned must be always, default, request or never")
	case a.Uniqueness != "none":
		return refuse("uniqueness must be none")
	case len(a.CanonicalValues) > 0 && a.Type != String && a.Type != Reference:
		return refuse("only strings and references can have canonicalValues")
	case slices.Contains(a.CanonicalValues, ""):
		return refuse("canonicalValues has an empty value")
	case len(a.ReferenceTypes) > 0 && a.Type != Reference:
		return refuse("only a reference can have referenceTypes")
	case len(a.SubAttributes) > 0 && a.Type != Complex:
		return refuse("only a complex attribute can have subAttributes")
	}
	switch a.Type {
	case Reference:
		a.CaseExact = true // RFC 7643 section 2.3.7
		if len(a.ReferenceTypes) == 0 {
			a.ReferenceTypes = []string{"external"}
		}
	case Complex:
		return a.declareParts(name, n, refuse)
	}
	return nil
}

// declareParts checks the sub-attributes of a complex attribute.
func (a *Attribute) declareParts(name string, n *int, refuse func(string, ...any) error) error {
	if err := declare(a.SubAttributes, name+".", n); err != nil {
		return err
	}
	hasValue := false
	for _, sub := range a.SubAttributes {
		switch {
		case sub.MultiValued:
			return BadRequest(InvalidValue, "%s.%s: a sub-attribute cannot be multi-valued", name, sub.Name)
		case sub.Name == "primary" && sub.Type != Boolean:
			return BadRequest(InvalidValue, "%s.primary must be a boolean", name)
		case sub.Name == "type" && sub.Type != String:
			return BadRequest(InvalidValue, "%s.type must be a string", name)
		}
		hasValue = hasValue || sub.Name != "type" && sub.Name != "primary"
	}
	if a.MultiValued && !hasValue {
		// Elements that have only type and primary are not stored.
		return refuse("subAttributes must have more than type and primary")
	}
	return nil
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Extend returns a copy of the resource type with more extensions. If the URN
// of one extension starts with the URN of another, a path belongs to the longer
// URN that it starts with.
func (rt *ResourceType) Extend(more ...*Schema) *ResourceType {
	extended := *rt
	extended.Extensions = slices.Concat(rt.Extensions, more)
	return &extended
}
