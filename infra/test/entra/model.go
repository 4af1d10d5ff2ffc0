package entra

import (
	"maps"
	"reflect"
	"strings"
)

const (
	coreUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	coreGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseUser = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// Attribute paths in a PATCH of Entra.
const (
	externalIDPath  = "externalId"
	userNamePath    = "userName"
	activePath      = "active"
	displayNamePath = "displayName"
	givenNamePath   = "name.givenName"
	familyNamePath  = "name.familyName"
	formattedPath   = "name.formatted"
	titlePath       = "title"
	workMailPath    = `emails[type eq "work"].value`
	otherMailPath   = `emails[type eq "other"].value`
	mobilePath      = `phoneNumbers[type eq "mobile"].value`
	departmentPath  = enterpriseUser + ":department"
	numberPath      = enterpriseUser + ":employeeNumber"
	managerPath     = enterpriseUser + ":manager"
)

// attribute is a user attribute that the run sets. scim and event are its
// pointers in a SCIM resource and in the data of an event.
type attribute struct {
	path  string
	scim  string
	event string
}

// raw is the prefix of the SCIM resource in an event. previous_attributes
// contain only attributes outside it.
const raw = "raw_attributes/"

// attributes are the attributes of a user in the model. displayName and
// name.formatted always change together and to the same text. The expected
// value of `name` is therefore the same from either source.
var attributes = []attribute{
	{externalIDPath, "externalId", "idp_id"},
	{userNamePath, "userName", "custom_attributes/username"},
	{activePath, "active", "state"},
	{displayNamePath, "displayName", raw + "displayName"},
	{givenNamePath, "name/givenName", "first_name"},
	{familyNamePath, "name/familyName", "last_name"},
	{formattedPath, "name/formatted", "name"},
	{titlePath, "title", "custom_attributes/job_title"},
	{workMailPath, "emails/type=work/value", "email"},
	{otherMailPath, "emails/type=other/value", raw + "emails/type=other/value"},
	{mobilePath, "phoneNumbers/type=mobile/value", raw + "phoneNumbers/type=mobile/value"},
	{departmentPath, enterpriseUser + "/department", "custom_attributes/department_name"},
	{numberPath, enterpriseUser + "/employeeNumber", "custom_attributes/employee_number"},
	{managerPath, enterpriseUser + "/manager/value", raw + enterpriseUser + "/manager/value"},
}

// onEvent returns the value in the format of an event.
func (a attribute) onEvent(v any) any {
	if a.path != activePath {
		return v
	}
	if v == true {
		return "active"
	}
	return "inactive"
}

// values maps the path of an attribute to a string or a bool. Unassigned
// attributes are absent.
type values map[string]any

// with returns a copy of v with settings applied.
func (v values) with(settings []setting) values {
	next := maps.Clone(v)
	for _, s := range settings {
		if s.value == nil {
			delete(next, s.path)
		} else {
			next[s.path] = s.value
		}
	}
	return next
}

func (v values) text(path string) string {
	s, _ := v[path].(string)
	return s
}

// facts returns the expected content of an event about the user: pointer →
// value, nil for absent or null.
func (v values) facts() map[string]any {
	facts := map[string]any{}
	for _, a := range attributes {
		if value, ok := v[a.path]; ok {
			facts[a.event] = a.onEvent(value)
		} else {
			facts[a.event] = nil
		}
	}
	return facts
}

// changed returns the expected previous_attributes of the change from old to v.
func (v values) changed(old values) map[string]any {
	before, after, previous := old.facts(), v.facts(), map[string]any{}
	for pointer, value := range before {
		if value != after[pointer] && !strings.HasPrefix(pointer, raw) {
			previous[pointer] = value
		}
	}
	return previous
}

// equal reports whether v and other have the same values.
func (v values) equal(other values) bool { return reflect.DeepEqual(v, other) }

// user is a user of the tenant. id is empty before the server assigns one and
// after the user is deleted.
type user struct {
	id      string
	dialect dialect
	values  values
}

func (u *user) name() string { return u.values.text(userNamePath) }

// group is a group of the tenant. id is empty as for a user. externalID is empty
// if the provider sends none.
type group struct {
	id         string
	externalID string
	dialect    dialect
	name       string
	members    map[*user]bool
}

// facts returns the expected content of an event about g.
func (g *group) facts() map[string]any {
	if g.externalID == "" {
		return map[string]any{"name": g.name, "idp_id": g.name}
	}
	return map[string]any{"name": g.name, "idp_id": g.externalID}
}

// lookup resolves a pointer. Its segments are member names, or "type=work" for
// an element of an array. The bool reports whether the value exists; null counts
// as existing.
func lookup(v any, pointer string) (any, bool) {
	for _, segment := range strings.Split(pointer, "/") {
		found := false
		switch at := v.(type) {
		case map[string]any:
			v, found = at[segment]
		case []any:
			key, want, _ := strings.Cut(segment, "=")
			for _, element := range at {
				if m, ok := element.(map[string]any); ok && m[key] == want {
					v, found = element, true
					break
				}
			}
		}
		if !found {
			return nil, false
		}
	}
	return v, true
}

// text returns the string at a pointer, or "".
func text(v any, pointer string) string {
	found, _ := lookup(v, pointer)
	s, _ := found.(string)
	return s
}
