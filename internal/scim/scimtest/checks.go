package scimtest

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"testing"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"

	"github.com/google/go-cmp/cmp"
)

// statuses are the HTTP statuses that package provider sends these errors with.
var statuses = map[fault.Kind]int{fault.Invalid: 400, fault.TooLarge: 413}

// Problem prints an error as "status scimType", and no error as "".
func Problem(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%[1]T) is not a *fault.Error", err)
	}
	b, _ := json.Marshal(statuses[e.Kind])
	if e.Code == "" {
		return string(b)
	}
	return string(b) + " " + string(e.Code)
}

// Same compares two resources in their stored form.
func Same(t testing.TB, got, want map[string]any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
}

// Change is a change of members as plain data.
func Change(m *resource.Members) map[string]any {
	c := map[string]any{}
	if m == nil {
		return c
	}
	if m.Reset {
		c["reset"] = true
	}
	for _, added := range m.Added() {
		list, _ := c["add"].([]any)
		c["add"] = append(list, added.ID+"/"+added.Display)
	}
	for _, id := range m.Removed() {
		list, _ := c["remove"].([]any)
		c["remove"] = append(list, id)
	}
	return c
}

// types are the scimTypes of errors, "" for none.
var types = []fault.Code{"", scim.InvalidFilter, scim.TooMany, scim.Uniqueness, scim.Mutability, scim.InvalidSyntax, scim.InvalidPath, scim.NoTarget, scim.InvalidValue, scim.InvalidCursor, scim.ExpiredCursor, scim.InvalidCount}

// Refused checks that an error is one that a client may see.
func Refused(t *testing.T, err error) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || statuses[e.Kind] == 0 || e.Detail == "" || !slices.Contains(types, e.Code) {
		t.Fatalf("%#v must not be returned to a client", err)
	}
	if b, err := json.Marshal(scim.ErrorResponse(statuses[e.Kind], e)); err != nil || len(b) == 0 {
		t.Fatal(err)
	}
	if !pathForm.MatchString(e.Path) {
		t.Fatalf("the path of the error is %q", e.Path)
	}
}

// pathForm is the form of fault.Error.Path: names, and in brackets no quoted value but
// those that a schema lists.
var pathForm = regexp.MustCompile(`^(urn:)?[\w$.:-]*(\[([\w$. ()-]|"(…|work|home|other|mobile|fax|pager|xmpp|direct|indirect|User)")*\])?(\.[\w$-]+)?$`)

// Stable checks that a stored resource reads back as it is: from its JSON, as a
// PUT of itself, and after a PATCH with its own values.
func Stable(t interface{ Fatalf(string, ...any) }, rt *scim.ResourceType, r map[string]any) {
	stored := resource.Encode(r)
	decoded, err := resource.Decode(stored)
	if err != nil || resource.Encode(decoded) != stored {
		t.Fatalf("%s decodes to %v (%v)", stored, decoded, err)
	}
	put, _, err := resource.Parse(rt, decoded)
	if err != nil || resource.Encode(put) != stored {
		t.Fatalf("%s as a PUT gives %v (%v)", stored, put, err)
	}
	patched, members, err := patch.Resolve(rt, []patch.Operation{{Op: "replace", Value: map[string]any(decoded), HasValue: true}}).Apply(r)
	if err != nil || resource.Encode(patched) != stored || !members.Empty() {
		t.Fatalf("%s as a PATCH gives %v (%v)", stored, patched, err)
	}
}

// CheckAttribute checks an attribute against RFC 7643 section 7.
func CheckAttribute(t *testing.T, where string, a *scim.Attribute) {
	where += "." + a.Name
	for _, field := range []struct {
		name, value string
		of          []string
	}{
		{"type", a.Type, []string{scim.String, scim.Boolean, scim.Decimal, scim.Integer, scim.DateTime, scim.Reference, scim.Complex}},
		{"mutability", a.Mutability, []string{"readOnly", "readWrite", "immutable", "writeOnly"}},
		{"returned", a.Returned, []string{"always", "never", "default", "request"}},
		{"uniqueness", a.Uniqueness, []string{"none", "server", "global"}},
	} {
		if !slices.Contains(field.of, field.value) {
			t.Errorf("%s: %s is %q", where, field.name, field.value)
		}
	}
	if a.Description == "" || (a.Type == scim.Complex) != (len(a.SubAttributes) > 0) || (a.Type == scim.Reference) != (len(a.ReferenceTypes) > 0) {
		t.Errorf("%s is incomplete", where)
	}
	for _, sub := range a.SubAttributes {
		CheckAttribute(t, where, sub)
	}
}

// Limit is a limit, what a client sees one above it ("status scimType"), and a
// request of size n.
type Limit struct {
	Name    string
	Limit   int
	Problem string
	Try     func(n int) error
}

// RunLimits tries each limit at the limit, where all is well, and one above it.
func RunLimits(t *testing.T, limits []Limit) {
	for _, l := range limits {
		t.Run(l.Name, func(t *testing.T) {
			if err := l.Try(l.Limit); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if p := Problem(t, l.Try(l.Limit+1)); p != l.Problem {
				t.Errorf("above the limit: got %q, want %q", p, l.Problem)
			}
		})
	}
}
