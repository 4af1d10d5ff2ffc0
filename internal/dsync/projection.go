package dsync

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
)

// Delete is the deactivation policy that deletes a deactivated user for
// consumers, and creates the user again on return (workos.md section 2.5). The
// default policy keeps the user, with the state inactive.
const Delete = "delete"

// Projection defines which users of a directory consumers see, and with which
// attributes. Current of the zero value is the default. Every user's record has a copy, so
// the record alone determines the events of a change.
type Projection struct {
	Deactivation    string            `json:"deactivation,omitempty"` // "" or Delete
	Mapping         map[string]string `json:"mapping,omitempty"`      // custom attribute → SCIM path; nil is DefaultMapping
	NoEmailFallback bool              `json:"no_email_fallback,omitempty"`
	NoRawAttributes bool              `json:"no_raw_attributes,omitempty"`
	// Domains are the verified domains of the organization, in lower case, sorted.
	Domains []string `json:"domains,omitempty"`
	// WithholdForeign leaves out e-mail addresses of other domains: see Visible.
	WithholdForeign bool `json:"withhold_foreign,omitempty"`
	// AnyEmail says that a user's email is the first with a value if there is
	// neither a primary nor a work address. It is false in the records of earlier
	// versions only: such a user keeps its email until the next write, whose event
	// tells the difference. See Current.
	AnyEmail bool `json:"any_email,omitempty"`
}

// Current returns the projection as the present version writes it.
func (p Projection) Current() Projection {
	p.AnyEmail = true
	return p
}

// DefaultMapping returns the attributes that WorkOS maps by default (workos.md
// section 1.8), with their paths in a SCIM user.
func DefaultMapping() map[string]string { return maps.Clone(predefined) }

var predefined = map[string]string{
	"username":         "userName",
	"job_title":        "title",
	"employee_type":    "userType",
	"employee_number":  scim.EnterpriseURN + ":employeeNumber",
	"cost_center_name": scim.EnterpriseURN + ":costCenter",
	"organization":     scim.EnterpriseURN + ":organization",
	"division_name":    scim.EnterpriseURN + ":division",
	"department_name":  scim.EnterpriseURN + ":department",
	"emails":           "emails",
	"addresses":        "addresses",
}

// predefinedPaths are the parsed paths of the default mapping.
var predefinedPaths = func() map[string]mappedPath {
	all := make(map[string]mappedPath, len(predefined))
	for _, path := range predefined {
		all[path], _ = parsePath(path)
	}
	return all
}()

// KeyedEmails are the e-mail addresses of a user that have a look-up: all of
// them, and work addresses alone in the records of earlier versions.
func (p Projection) KeyedEmails(user map[string]any) []string {
	if p.AnyEmail {
		return resource.KeyedEmails(user)
	}
	return resource.WorkEmails(user)
}

// Encode returns the projection in the form of records: JSON, "" for the
// default.
func (p Projection) Encode() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and booleans marshal
	}
	if string(b) == "{}" {
		return ""
	}
	return string(b)
}

// ParseProjection reads the result of Encode.
func ParseProjection(s string) (Projection, error) {
	var p Projection
	if s == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return p, fmt.Errorf("dsync: projection: %w", err)
	}
	return p, nil
}

// Excludes reports whether consumers do not see a user with that document.
func (p Projection) Excludes(doc map[string]any) bool {
	return p.Deactivation == Delete && userState(doc) == inactive
}

// CanonicalPath returns a path of a mapping in canonical form. It fails with a
// *fault.Error if the schemas of users do not have the path, or if its filter is
// more than one comparison with eq.
func CanonicalPath(users *scim.ResourceType, path string) (string, error) {
	t, err := filter.ParsePath(users, path)
	if err != nil {
		return "", err
	}
	canonical := t.String()
	if _, ok := parsePath(canonical); !ok || t.Attribute == nil || t.Filter != nil && t.Attribute.Type != scim.Complex {
		return "", fault.New(fault.Invalid, scim.InvalidPath, "%s: a mapping names an attribute, a sub-attribute, or elements by one eq, such as emails[type eq \"work\"].value", path)
	}
	return canonical, nil
}

// mappedPath is a parsed canonical path. Its value filter is one comparison
// with eq.
type mappedPath struct{ extension, attribute, filterAttribute, filterValue, subAttribute string }

// pathForm is the form of a canonical path: an optional URN, an attribute, an
// optional comparison, an optional sub-attribute. A URN may contain dots and
// colons; attribute names contain neither.
var pathForm = regexp.MustCompile(`^(?:(urn:.+):)?([^:.\[]+)(?:\[([^ \]]+) eq ("(?:[^"\\]|\\.)*"|true|false)\])?(?:\.([^.\[]+))?$`)

func parsePath(path string) (mappedPath, bool) {
	m := pathForm.FindStringSubmatch(path)
	if m == nil {
		return mappedPath{}, false
	}
	p := mappedPath{extension: m[1], attribute: m[2], filterAttribute: m[3], filterValue: m[4], subAttribute: m[5]}
	if strings.HasPrefix(p.filterValue, `"`) {
		var err error
		if p.filterValue, err = strconv.Unquote(p.filterValue); err != nil {
			return mappedPath{}, false
		}
	}
	return p, true
}

// value returns a user's value at the path, or nil. Of several matching
// elements it returns the primary one, else the first.
func (p mappedPath) value(doc map[string]any) any {
	if p.extension != "" {
		doc, _ = doc[p.extension].(map[string]any)
	}
	v := doc[p.attribute]
	list, many := v.([]any)
	if !many || p.filterAttribute == "" && p.subAttribute == "" {
		return p.subValue(v)
	}
	var first any
	for _, element := range list {
		object, _ := element.(map[string]any)
		if p.filterAttribute != "" && !strings.EqualFold(fmt.Sprint(object[p.filterAttribute]), p.filterValue) {
			continue
		}
		if object["primary"] == true {
			return p.subValue(element)
		}
		if first == nil {
			first = p.subValue(element)
		}
	}
	return first
}

func (p mappedPath) subValue(v any) any {
	if p.subAttribute == "" {
		return v
	}
	object, _ := v.(map[string]any)
	return object[p.subAttribute]
}

// addressNames maps the sub-attributes of a SCIM address to their names in
// custom_attributes.
var addressNames = map[string]string{
	"formatted": "raw_address", "streetAddress": "street_address", "locality": "locality", "region": "region",
	"postalCode": "postal_code", "country": "country", "type": "type", "primary": "primary",
}

var emailNames = map[string]string{"type": "type", "value": "value", "primary": "primary"}

// customAttributes returns the mapped attributes of a user. With a mapping of
// the directory, all its keys are present, null for what the user lacks. With
// the default mapping, missing attributes are left out.
func (p Projection) customAttributes(doc map[string]any) map[string]any {
	mapping, custom := p.Mapping, p.Mapping != nil
	if !custom {
		mapping = predefined
	}
	attributes := make(map[string]any, len(mapping))
	for name, path := range mapping {
		value := Mapped(path, doc)
		if value != nil || custom {
			attributes[name] = value
		}
	}
	return attributes
}

// Mapped is the value at a SCIM path of a user, as an attribute mapping has it; nil if
// there is none.
func Mapped(path string, doc map[string]any) any {
	switch path {
	case "emails":
		return renamed(elements(doc, path), emailNames)
	case "addresses":
		return renamed(elements(doc, path), addressNames)
	}
	p, ok := predefinedPaths[path]
	if !ok {
		if p, ok = parsePath(path); !ok {
			return nil // an earlier version has accepted it
		}
	}
	if v := p.value(doc); v != "" {
		return v
	}
	return nil
}

// renamed returns the objects with renamed properties, or nil for an empty
// list. It drops properties without a new name.
func renamed(list []map[string]any, names map[string]string) any {
	if len(list) == 0 {
		return nil
	}
	all := make([]any, len(list))
	for i, e := range list {
		object := make(map[string]any, len(e))
		for from, to := range names {
			if v, ok := e[from]; ok {
				object[to] = v
			}
		}
		all[i] = object
	}
	return all
}
