package scim_test

import (
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
)

// A name of an attribute may have a hyphen, a dollar and an underline; it begins
// with a letter, but for $ref. A name of a schema may have a colon and a dot, too.
func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"shoe-size": true, "$ref": true, "shoe$": true, "shoe_size": true, "shoe2": true, "2shoe": false, "-shoe": false, "shoe size": false, "": false,
		"shoe.size": true, "urn:a:b-c$:shoe": true, "urn:a:b c": false,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		"urn:" + strings.Repeat("x", 252): true, "urn:" + strings.Repeat("x", 253): false,
	} {
		if got := scim.UnknownPath(name); (got == name && name != "") != want {
			t.Errorf("%.40q is echoed as %.40q", name, got)
		}
	}
	for _, c := range []byte("aZ09_-$.:") {
		if !scim.IsNameByte(c) {
			t.Errorf("%c is no part of a name", c)
		}
	}
	for _, c := range []byte(" #[]()\"@/\x80\x00") {
		if scim.IsNameByte(c) {
			t.Errorf("%q is a part of a name", c)
		}
	}
}

// A sub-attribute of a read-only attribute is read-only.
func TestReadOnlyPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"meta": true, "meta.created": true, "groups.value": true, "manager.displayName": true, "manager.value": false, "name.givenName": false, "title": false, "id": true,
	} {
		p, ok := scim.Users.Resolve(path)
		if !ok || p.ReadOnly() != want {
			t.Errorf("%s: resolved %v, read-only %v", path, ok, p.ReadOnly())
		}
	}
	group := scim.AttributePath{Attribute: &scim.Attribute{Mutability: "readOnly"}, Sub: &scim.Attribute{Mutability: "readWrite"}}
	if !group.ReadOnly() {
		t.Error("a sub-attribute of a read-only attribute can be written")
	}
}

// A reference is case-exact, and external where it says nothing of its types.
func TestReferences(t *testing.T) {
	s, err := scim.ParseExtension([]byte(`{"id":"urn:x:y","attributes":[{"name":"page","type":"reference"},{"name":"boss","type":"reference","referenceTypes":["User"]},{"name":"text"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"external"}, {"User"}, nil} {
		if a := s.Attributes[i]; !slices.Equal(a.ReferenceTypes, want) || a.CaseExact != (want != nil) {
			t.Errorf("%s: %+v", a.Name, a)
		}
	}
}

// displayName is another name of display, where there is no displayName.
func TestDisplayName(t *testing.T) {
	members := scim.FindAttribute(scim.Groups.Schema.Attributes, "members")
	if sub := members.Sub("displayNAME"); sub == nil || sub.Name != "display" {
		t.Errorf("%+v", sub)
	}
	manager, _ := scim.Users.Resolve("manager")
	if sub := manager.Attribute.Sub("displayName"); sub == nil || sub.Name != "displayName" {
		t.Errorf("%+v", sub)
	}
}

// A body is one JSON object, and nothing after it.
func TestOneObject(t *testing.T) {
	for body, fits := range map[string]bool{`{}`: true, " {} \n": true, `{} {}`: false, `{}]`: false, `[]`: false, `null`: false, ``: false} {
		if _, err := scim.DecodeObject([]byte(body)); (err == nil) != fits {
			t.Errorf("%q: %v", body, err)
		}
	}
}
