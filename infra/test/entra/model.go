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

// Paths as Entra writes them in a PATCH.
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

// attribute is a user attribute that the run sets, with the pointers at which
// it stands in a SCIM resource and in the data of an event.
type attribute struct {
	path  string
	scim  string
	event string
}

// raw is where an event holds the SCIM resource. Only what stands elsewhere is
// told in previous_attributes.
const raw = "raw_attributes/"

// attributes is what is known of a user. displayName and name.formatted are
// always changed together and to the same text, so that `name` is certain
// whichever of them it is made from.
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

// onEvent is the value as an event writes it.
func (a attribute) onEvent(v any) any {
	if a.path != activePath {
		return v
	}
	if v == true {
		return "active"
	}
	return "inactive"
}

// values maps an attribute's path to a string or a bool; what is unassigned
// is absent.
type values map[string]any

// with is v after settings.
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

// facts is what an event about such a user holds: pointer → value, nil for
// absent or null.
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

// changed is what previous_attributes holds when old became v.
func (v values) changed(old values) map[string]any {
	before, after, previous := old.facts(), v.facts(), map[string]any{}
	for pointer, value := range before {
		if value != after[pointer] && !strings.HasPrefix(pointer, raw) {
			previous[pointer] = value
		}
	}
	return previous
}

// equal reports whether nothing changed.
func (v values) equal(other values) bool { return reflect.DeepEqual(v, other) }

// user is a user of the tenant. id is empty until the server gave one and
// after it was deleted.
type user struct {
	id      string
	dialect dialect
	values  values
}

func (u *user) name() string { return u.values.text(userNamePath) }

// group is a group of the tenant; id as for a user.
type group struct {
	id         string
	externalID string
	dialect    dialect
	name       string
	members    map[*user]bool
}

// facts is what an event about g holds.
func (g *group) facts() map[string]any {
	return map[string]any{"name": g.name, "idp_id": g.externalID}
}

// lookup follows a pointer: names, and "type=work" for the element of an
// array. The bool tells whether there is anything, null included.
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

// text is the string at a pointer, or "".
func text(v any, pointer string) string {
	found, _ := lookup(v, pointer)
	s, _ := found.(string)
	return s
}
