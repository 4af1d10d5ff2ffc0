package dsync

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"dsync/internal/scim"
)

// Delete is the deactivation policy under which a user who is deactivated is
// deleted for consumers, and created when the user returns (workos.md section
// 2.5). The default keeps the user with the state inactive.
const Delete = "delete"

// View is how the users of a directory are shown to consumers. Its zero value
// is the default. Every user's record has a copy of it, so that the events of
// a change follow from the record alone.
type View struct {
	Deactivation    string            `json:"deactivation,omitempty"` // "" or Delete
	Mapping         map[string]string `json:"mapping,omitempty"`      // custom attribute → SCIM path; nil is DefaultMapping
	NoEmailFallback bool              `json:"no_email_fallback,omitempty"`
	NoRawAttributes bool              `json:"no_raw_attributes,omitempty"`
}

// DefaultMapping is the attributes that WorkOS maps by itself (workos.md
// section 1.8), with their place in a SCIM user.
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

// wellKnown are the places of the default mapping.
var wellKnown = func() map[string]place {
	all := make(map[string]place, len(predefined))
	for _, path := range predefined {
		all[path], _ = parsePath(path)
	}
	return all
}()

// Encode is the view as records keep it: "" for the default.
func (v View) Encode() string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and booleans marshal
	}
	if string(b) == "{}" {
		return ""
	}
	return string(b)
}

// ParseView reads what Encode wrote.
func ParseView(s string) (View, error) {
	var v View
	if s == "" {
		return v, nil
	}
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return v, fmt.Errorf("dsync: view: %w", err)
	}
	return v, nil
}

// Hides reports whether consumers are not shown a user with that document.
func (v View) Hides(doc map[string]any) bool {
	return v.Deactivation == Delete && userState(doc) == inactive
}

// CanonicalPath is a path of a mapping as the view keeps it. It fails with a
// *scim.Error for a path that the schemas of the users do not know, or whose
// filter is more than a comparison with eq.
func CanonicalPath(users *scim.ResourceType, path string) (string, error) {
	t, err := users.ParsePath(path)
	if err != nil {
		return "", err
	}
	canonical := t.String()
	if _, ok := parsePath(canonical); !ok || t.Attribute == nil {
		return "", scim.Errorf(400, scim.InvalidPath, "%s: a mapping names an attribute, a sub-attribute, or elements by one eq, such as emails[type eq \"work\"].value", path)
	}
	return canonical, nil
}

// place is a canonical path, taken apart.
type place struct{ extension, attribute, by, is, sub string }

// A canonical path: perhaps a URN, an attribute, perhaps one comparison, perhaps
// a sub-attribute. A URN may hold dots and colons; attributes hold neither.
var pathForm = regexp.MustCompile(`^(?:(urn:.+):)?([^:.\[]+)(?:\[([^ \]]+) eq ("(?:[^"\\]|\\.)*"|true|false)\])?(?:\.([^.\[]+))?$`)

func parsePath(path string) (place, bool) {
	m := pathForm.FindStringSubmatch(path)
	if m == nil {
		return place{}, false
	}
	p := place{extension: m[1], attribute: m[2], by: m[3], is: m[4], sub: m[5]}
	if strings.HasPrefix(p.is, `"`) {
		var err error
		if p.is, err = strconv.Unquote(p.is); err != nil {
			return place{}, false
		}
	}
	return p, true
}

// value is what a user has at a place: of several elements that match, the
// primary or else the first one; nil for nothing.
func (p place) value(doc map[string]any) any {
	if p.extension != "" {
		doc, _ = doc[p.extension].(map[string]any)
	}
	v := doc[p.attribute]
	list, many := v.([]any)
	if !many || p.by == "" && p.sub == "" {
		return p.part(v)
	}
	var first any
	for _, element := range list {
		object, _ := element.(map[string]any)
		if p.by != "" && !strings.EqualFold(fmt.Sprint(object[p.by]), p.is) {
			continue
		}
		if object["primary"] == true {
			return p.part(element)
		}
		if first == nil {
			first = p.part(element)
		}
	}
	return first
}

func (p place) part(v any) any {
	if p.sub == "" {
		return v
	}
	object, _ := v.(map[string]any)
	return object[p.sub]
}

// addressNames are the names of an address's parts, there and here.
var addressNames = map[string]string{
	"formatted": "raw_address", "streetAddress": "street_address", "locality": "locality", "region": "region",
	"postalCode": "postal_code", "country": "country", "type": "type", "primary": "primary",
}

var emailNames = map[string]string{"type": "type", "value": "value", "primary": "primary"}

// customAttributes are the mapped attributes of a user. Of an own mapping all
// keys are there, null for what the user does not have.
func (v View) customAttributes(doc map[string]any) map[string]any {
	mapping, own := v.Mapping, v.Mapping != nil
	if !own {
		mapping = predefined
	}
	custom := make(map[string]any, len(mapping))
	for name, path := range mapping {
		value := mapped(path, doc)
		if value != nil || own {
			custom[name] = value
		}
	}
	return custom
}

func mapped(path string, doc map[string]any) any {
	switch path {
	case "emails":
		return renamed(elements(doc, path), emailNames)
	case "addresses":
		return renamed(elements(doc, path), addressNames)
	}
	p, ok := wellKnown[path]
	if !ok {
		if p, ok = parsePath(path); !ok {
			return nil // it was accepted once
		}
	}
	if v := p.value(doc); v != "" {
		return v
	}
	return nil
}

// renamed are objects with the names that they have here; nil for none.
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
