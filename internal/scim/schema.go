package scim

import "strings"

// Schema URNs (RFC 7643 section 8.7).
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// The data types of RFC 7643 section 2.3 that are in use.
const (
	String    = "string"
	Boolean   = "boolean"
	Decimal   = "decimal"
	Integer   = "integer"
	DateTime  = "dateTime"
	Reference = "reference"
	Complex   = "complex"
)

// Attribute describes one attribute (RFC 7643 section 7). Its JSON form is the
// one /Schemas publishes.
type Attribute struct {
	Name            string       `json:"name"`
	Type            string       `json:"type"`
	MultiValued     bool         `json:"multiValued"`
	Description     string       `json:"description"`
	Required        bool         `json:"required"`
	CanonicalValues []string     `json:"canonicalValues,omitempty"`
	CaseExact       bool         `json:"caseExact"`
	Mutability      string       `json:"mutability"`
	Returned        string       `json:"returned"`
	Uniqueness      string       `json:"uniqueness"`
	ReferenceTypes  []string     `json:"referenceTypes,omitempty"`
	SubAttributes   []*Attribute `json:"subAttributes,omitempty"`

	// Permanent attributes can be changed, but not unassigned: an operation
	// that would do so leaves them as they are.
	Permanent bool `json:"-"`
	// Refers is the endpoint of the resource whose id is the attribute's value,
	// "" for none. A `$ref` to it can stand for the value.
	Refers string `json:"-"`
	// NotKept attributes are accepted from clients and never stored.
	NotKept bool `json:"-"`
}

// ReadOnly reports whether clients cannot write the attribute.
func (a *Attribute) ReadOnly() bool { return a.Mutability == "readOnly" }

// Sub returns the sub-attribute of that name in any letter case, or nil.
// displayName is an alias of display where only display exists, because Entra
// sends it in roles and members.
func (a *Attribute) Sub(name string) *Attribute {
	if sub := FindAttribute(a.SubAttributes, name); sub != nil {
		return sub
	}
	if strings.EqualFold(name, "displayName") {
		return FindAttribute(a.SubAttributes, "display")
	}
	return nil
}

// StoredSub returns the sub-attribute that stored resources have under that
// name, or nil.
func (a *Attribute) StoredSub(name string) *Attribute { return exactly(a.SubAttributes, name) }

// Element describes the elements of a multi-valued attribute as objects: simple
// values have the sub-attribute `value` (RFC 7643 section 2.4).
func (a *Attribute) Element() *Attribute {
	if a.Type == Complex {
		return a
	}
	v := *a
	v.Name, v.MultiValued = "value", false
	return &Attribute{Name: a.Name, Type: Complex, MultiValued: true, SubAttributes: []*Attribute{&v}}
}

// Canonical reports whether v is one of the attribute's canonical values.
func (a *Attribute) Canonical(v string) bool {
	for _, c := range a.CanonicalValues {
		if strings.EqualFold(c, v) {
			return true
		}
	}
	return false
}

// FindAttribute returns the attribute of that name in any letter case, or nil.
func FindAttribute(attributes []*Attribute, name string) *Attribute {
	for _, a := range attributes {
		if strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

// exactly is FindAttribute in the letter case of the schema, which stored
// resources have.
func exactly(attributes []*Attribute, name string) *Attribute {
	for _, a := range attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Schema is a set of attributes under a URN.
type Schema struct {
	ID          string
	Name        string
	Description string
	Attributes  []*Attribute
}

// ResourceType is a kind of resource (RFC 7643 section 6).
type ResourceType struct {
	Name        string // also its id
	Endpoint    string // "/Users"
	Description string
	Schema      *Schema
	Extensions  []*Schema
	// NotKept has the attributes of the RFCs that are accepted from clients and
	// not stored, under the same URNs; nil for none. They are not published.
	NotKept *ResourceType
	// Keyed is the multi-valued attribute of the core schema whose elements are
	// records of their own and never part of a stored resource ("members",
	// "groups"), or "".
	Keyed string
	// Lenient makes a PATCH ignore operations on paths that no schema has. The
	// RFC requires an error for the whole PATCH. See patch.Ignored.
	Lenient bool
}

// common are the attributes of every resource (RFC 7643 section 3.1). They
// are not published under /Schemas.
var common = []*Attribute{
	{Name: "schemas", Type: String, MultiValued: true, CaseExact: true, Mutability: "readOnly", Returned: "always"},
	{Name: "id", Type: String, CaseExact: true, Mutability: "readOnly", Returned: "always", Uniqueness: "server"},
	{Name: "externalId", Type: String, CaseExact: true, Mutability: "readWrite", Returned: "default"},
	{Name: "meta", Type: Complex, Mutability: "readOnly", Returned: "default", SubAttributes: []*Attribute{
		{Name: "resourceType", Type: String, CaseExact: true, Mutability: "readOnly", Returned: "default"},
		{Name: "created", Type: DateTime, Mutability: "readOnly", Returned: "default"},
		{Name: "lastModified", Type: DateTime, Mutability: "readOnly", Returned: "default"},
		{Name: "location", Type: Reference, CaseExact: true, Mutability: "readOnly", Returned: "default"},
		{Name: "version", Type: String, CaseExact: true, Mutability: "readOnly", Returned: "default"},
	}},
}

// FindSchema returns the schema with that URN in any letter case, or nil.
func (rt *ResourceType) FindSchema(urn string) *Schema {
	if strings.EqualFold(rt.Schema.ID, urn) {
		return rt.Schema
	}
	for _, e := range rt.Extensions {
		if strings.EqualFold(e.ID, urn) {
			return e
		}
	}
	return nil
}

// IsKeyed reports whether the elements of a are records of their own. An
// attribute of an extension can have the same name; it is stored in the
// resource.
func (rt *ResourceType) IsKeyed(a *Attribute) bool {
	return rt.Keyed != "" && a.Name == rt.Keyed && a == exactly(rt.Schema.Attributes, a.Name)
}

// FindAttribute finds an attribute by its name without URN: in the core schema
// first, then in the extensions, because Entra sends `manager` without its URN.
// It returns the extension that has the attribute, nil for the core schema.
func (rt *ResourceType) FindAttribute(name string) (*Schema, *Attribute) {
	if a := FindAttribute(common, name); a != nil {
		return nil, a
	}
	if a := FindAttribute(rt.Schema.Attributes, name); a != nil {
		return nil, a
	}
	for _, e := range rt.Extensions {
		if a := FindAttribute(e.Attributes, name); a != nil {
			return e, a
		}
	}
	return nil, nil
}

// StoredAttribute returns the attribute that stored resources have under that
// name, nil for none. extension is the URN of its extension, "" for the core
// schema.
func (rt *ResourceType) StoredAttribute(extension, name string) *Attribute {
	if extension == "" {
		if a := exactly(rt.Schema.Attributes, name); a != nil {
			return a
		}
		return exactly(common, name)
	}
	if s := rt.FindSchema(extension); s != nil {
		return exactly(s.Attributes, name)
	}
	return nil
}
