package scim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/discovery"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

const base = "https://example.com/scim/v2.0/key"

func TestParseExtension(t *testing.T) {
	attribute := func(s string) string { return `{"id":"` + scimtest.CustomURN + `","attributes":[` + s + `]}` }
	for _, row := range []struct{ name, body, problem, detail string }{
		{"entra: simple values", attribute(`{"name":"tag","type":"string"},{"name":"CustomAttribute"}`), "", ""},
		{"rfc: the whole form", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Schema"],"ID":"` + scimtest.CustomURN + `","name":"Custom","description":"Ours","meta":{},"attributes":[
			{"name":"tag","type":"string","multiValued":false,"description":"A tag","required":false,"caseExact":true,"canonicalValues":["a","b"],"mutability":"readWrite","returned":"default","uniqueness":"none"}]}`, "", ""},
		{"rfc: a reference", attribute(`{"name":"page","type":"reference","referenceTypes":["external","User"]}`), "", ""},
		{"rfc: a complex attribute", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"a"},{"name":"b","type":"integer"}]}`), "", ""},
		{"rfc: an unknown member", attribute(`{"name":"tag","color":"red"}`), "", ""},
		{"rfc: a URN that begins with ours", `{"id":"` + scim.EnterpriseURN + `Plus","attributes":[{"name":"a"}]}`, "", ""},
		{"rfc: a URN that ours begins with", `{"id":"urn:ietf:params:scim:schemas:extension:enterprise:2.0","attributes":[{"name":"a"}]}`, "", ""},
		{"hostile: not JSON", `{`, "400 invalidSyntax", ""},
		{"hostile: a list", `[]`, "400 invalidSyntax", ""},
		{"hostile: null", `null`, "400 invalidValue", "id must be a URN"},
		{"hostile: a number for a name", attribute(`{"name":1}`), "400 invalidValue", "attributes.name cannot be a number"},
		{"hostile: a word for a boolean", attribute(`{"name":"a","multiValued":"yes"}`), "400 invalidValue", "attributes.multiValued cannot be a string"},
		{"hostile: no id", `{"attributes":[{"name":"a"}]}`, "400 invalidValue", "id must be a URN"},
		{"hostile: an address for an id", `{"id":"https://x/User","attributes":[{"name":"a"}]}`, "400 invalidValue", "id must be a URN"},
		{"hostile: urn alone", `{"id":"urn:x","attributes":[{"name":"a"}]}`, "400 invalidValue", "id must be a URN"},
		{"hostile: empty part", `{"id":"urn:x::y","attributes":[{"name":"a"}]}`, "400 invalidValue", "id must be a URN"},
		{"hostile: colon at the end", `{"id":"urn:x:y:","attributes":[{"name":"a"}]}`, "400 invalidValue", "id must be a URN"},
		{"hostile: a blank in the id", `{"id":"urn:x:y z","attributes":[{"name":"a"}]}`, "400 invalidValue", "id must be a URN"},
		{"hostile: brackets in the id", `{"id":"urn:x:y[z]","attributes":[{"name":"a"}]}`, "400 invalidValue", "id must be a URN"},
		{"hostile: a letter that is none of ASCII", `{"id":"urn:x:ſ","attributes":[{"name":"a"}]}`, "400 invalidValue", "id must be a URN"},
		{"hostile: the user", `{"id":"` + strings.Replace(strings.ToUpper(scim.UserURN), "URN", "urn", 1) + `","attributes":[{"name":"a"}]}`, "400 invalidValue", "is reserved"},
		{"hostile: the enterprise user", `{"id":"` + scim.EnterpriseURN + `","attributes":[{"name":"a"}]}`, "400 invalidValue", "is reserved"},
		{"hostile: an attribute of the enterprise user", `{"id":"` + scim.EnterpriseURN + `:department","attributes":[{"name":"a"}]}`, "400 invalidValue", "is reserved"},
		{"hostile: the URN of schemas", `{"id":"urn:ietf:params:scim:schemas:core:2.0:Schema","attributes":[{"name":"a"}]}`, "400 invalidValue", "is reserved"},
		{"hostile: a message", `{"id":"` + scim.ErrorURN + `","attributes":[{"name":"a"}]}`, "400 invalidValue", "is reserved"},
		{"hostile: an attribute whose path is ours", `{"id":"urn:ietf:params:scim:schemas:extension:enterprise:2.0","attributes":[{"name":"a"},{"name":"USER"}]}`, "400 invalidValue", "USER: its full name"},
		{"hostile: no attributes", `{"id":"` + scimtest.CustomURN + `"}`, "400 invalidValue", "attributes are missing"},
		{"hostile: null for an attribute", attribute(`null`), "400 invalidValue", "attribute 1 is null"},
		{"hostile: no name", attribute(`{"name":"a"},{"type":"string"}`), "400 invalidValue", "attribute 2: name"},
		{"hostile: a dot in a name", attribute(`{"name":"a.b"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: a colon in a name", attribute(`{"name":"a:b"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: a digit first", attribute(`{"name":"1a"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: a dollar first", attribute(`{"name":"$ref"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: an umlaut", attribute(`{"name":"größe"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: twice", attribute(`{"name":"tag"},{"name":"TAG"}`), "400 invalidValue", "TAG is declared twice"},
		{"hostile: unknown type", attribute(`{"name":"tag","type":"binary"}`), "400 invalidValue", "tag: type must be one of"},
		{"hostile: required", attribute(`{"name":"tag","required":true}`), "400 invalidValue", "tag: required"},
		{"hostile: read-only", attribute(`{"name":"tag","mutability":"readOnly"}`), "400 invalidValue", "tag: mutability"},
		{"hostile: unknown returned", attribute(`{"name":"tag","returned":"sometimes"}`), "400 invalidValue", "tag: returned"},
		{"hostile: unique", attribute(`{"name":"tag","uniqueness":"server"}`), "400 invalidValue", "tag: uniqueness"},
		{"hostile: canonical numbers", attribute(`{"name":"tag","type":"integer","canonicalValues":["1"]}`), "400 invalidValue", "tag: only strings"},
		{"hostile: empty canonical value", attribute(`{"name":"tag","canonicalValues":[""]}`), "400 invalidValue", "tag: canonicalValues has an empty value"},
		{"hostile: referenceTypes of a text", attribute(`{"name":"tag","referenceTypes":["external"]}`), "400 invalidValue", "tag: only a reference"},
		{"hostile: parts of a text", attribute(`{"name":"tag","subAttributes":[{"name":"a"}]}`), "400 invalidValue", "tag: only a complex"},
		{"hostile: complex without parts", attribute(`{"name":"c","type":"complex"}`), "400 invalidValue", "c: subAttributes are missing"},
		{"hostile: complex in complex", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"d","type":"complex","subAttributes":[{"name":"e"}]}]}`), "400 invalidValue", "c.d: type must be one of"},
		{"hostile: many values in complex", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"d","multiValued":true}]}`), "400 invalidValue", "c.d: a sub-attribute"},
		{"hostile: primary is a string", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"a"},{"name":"primary"}]}`), "400 invalidValue", "c.primary must be a boolean"},
		{"hostile: type is a number", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"a"},{"name":"type","type":"integer"}]}`), "400 invalidValue", "c.type must be a string"},
		{"hostile: elements that say nothing", attribute(`{"name":"c","type":"complex","multiValued":true,"subAttributes":[{"name":"type"},{"name":"primary","type":"boolean"}]}`), "400 invalidValue", "c: subAttributes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := scim.ParseExtension([]byte(row.body))
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				if !strings.Contains(err.Error(), row.detail) {
					t.Errorf("got %v, want …%s…", err, row.detail)
				}
				return
			}
			works(t, s)
		})
	}
}

// works checks a schema against the form that /Schemas publishes, and declares
// it again from there.
func works(t *testing.T, s *scim.Schema) {
	t.Helper()
	for _, a := range s.Attributes {
		scimtest.CheckAttribute(t, s.ID, a)
	}
	b, err := json.Marshal(discovery.Schema(s, base))
	if err != nil {
		t.Fatal(err)
	}
	again, err := scim.ParseExtension(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if c, _ := json.Marshal(discovery.Schema(again, base)); string(c) != string(b) || strings.Contains(string(b), `:""`) {
		t.Errorf("%s, and then %s", b, c)
	}
}

func TestExtensionLimits(t *testing.T) {
	attributes := func(n int, parts int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`{"name":"a%d"}`, i)
		}
		if parts > 0 {
			list = append(list, `{"name":"c","type":"complex","subAttributes":[`+strings.Join(list[:parts], ",")+`]}`)
		}
		return `{"id":"` + scimtest.CustomURN + `","attributes":[` + strings.Join(list, ",") + `]}`
	}
	for _, row := range []struct {
		name  string
		limit int
		body  func(n int) string
	}{
		{"MaxExtensionAttributes", scim.MaxExtensionAttributes, func(n int) string { return attributes(n, 0) }},
		{"MaxExtensionAttributes with parts", scim.MaxExtensionAttributes, func(n int) string { return attributes(n-11, 10) }},
		{"MaxName of the id", scim.MaxName, func(n int) string {
			return `{"id":"urn:x:` + strings.Repeat("y", n-6) + `","attributes":[{"name":"a"}]}`
		}},
		{"MaxName", scim.MaxName, func(n int) string {
			return `{"id":"` + scimtest.CustomURN + `","attributes":[{"name":"` + strings.Repeat("y", n) + `"}]}`
		}},
		{"MaxExtension", scim.MaxExtension, func(n int) string { s := attributes(1, 0); return s + strings.Repeat(" ", n-len(s)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := scim.ParseExtension([]byte(row.body(row.limit))); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if _, err := scim.ParseExtension([]byte(row.body(row.limit + 1))); scimtest.Problem(t, err) != "400 invalidValue" {
				t.Errorf("above the limit: %v", err)
			}
		})
	}
}

func FuzzParseExtension(f *testing.F) {
	for _, s := range []string{
		`{"id":"` + scimtest.CustomURN + `","attributes":[{"name":"tag"}]}`, `{"id":"urn:a:b","attributes":[{"name":"c","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"decimal"}]}]}`,
		`{"id":"` + scim.EnterpriseURN + `"}`, `{"id":"urn:a:b","attributes":[null]}`, `[]`,
	} {
		f.Add([]byte(s), []byte(`{"userName":"u","urn:a:b":{"c":[{"value":"1.0"},2]}}`))
	}
	f.Fuzz(func(t *testing.T, declaration, body []byte) {
		s, err := scim.ParseExtension(declaration)
		if err != nil {
			scimtest.Refused(t, err)
			return
		}
		works(t, s)
		rt := scim.Users.Extend(s)
		for _, a := range s.Attributes {
			target, err := filter.ParsePath(rt, s.ID+":"+a.Name)
			if err != nil || target.Attribute != a {
				t.Fatalf("%s: %v", a.Name, err)
			}
		}
		object, err := scim.DecodeObject(body)
		if err != nil {
			return
		}
		if r, _, err := resource.Parse(rt, object); err == nil {
			scimtest.Stable(t, rt, r)
		}
	})
}
