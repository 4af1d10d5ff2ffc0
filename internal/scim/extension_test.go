package scim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	customURN = "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User"
	sizesURN  = "urn:ietf:params:scim:schemas:extension:Sizes:2.0:User"
)

func declared(t testing.TB, s string) *Schema {
	t.Helper()
	schema, err := ParseExtension([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// sizes is an extension with a value of each kind.
func sizes(t testing.TB) *Schema {
	return declared(t, `{"id":"`+sizesURN+`","name":"Sizes","attributes":[
		{"name":"rank","type":"integer"},{"name":"size","type":"decimal"},{"name":"big","type":"boolean"},{"name":"since","type":"dateTime"},
		{"name":"page","type":"reference"},{"name":"label"},{"name":"code","caseExact":true},{"name":"marks","type":"integer","multiValued":true},{"name":"tags","multiValued":true},
		{"name":"badge","type":"complex","subAttributes":[{"name":"value"},{"name":"level","type":"integer"}]},
		{"name":"steps","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"integer"},{"name":"at","type":"dateTime"},{"name":"type","canonicalValues":["up"]},{"name":"primary","type":"boolean"}]}]}`)
}

func TestParseExtension(t *testing.T) {
	attribute := func(s string) string { return `{"id":"` + customURN + `","attributes":[` + s + `]}` }
	for _, row := range []struct{ name, body, problem, detail string }{
		{"entra: simple values", attribute(`{"name":"tag","type":"string"},{"name":"CustomAttribute"}`), "", ""},
		{"rfc: the whole form", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Schema"],"ID":"` + customURN + `","name":"Custom","description":"Ours","meta":{},"attributes":[
			{"name":"tag","type":"string","multiValued":false,"description":"A tag","required":false,"caseExact":true,"canonicalValues":["a","b"],"mutability":"readWrite","returned":"default","uniqueness":"none"}]}`, "", ""},
		{"rfc: a reference", attribute(`{"name":"page","type":"reference","referenceTypes":["external","User"]}`), "", ""},
		{"rfc: a complex attribute", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"a"},{"name":"b","type":"integer"}]}`), "", ""},
		{"rfc: an unknown member", attribute(`{"name":"tag","color":"red"}`), "", ""},
		{"rfc: a URN that begins with ours", `{"id":"` + EnterpriseURN + `Plus","attributes":[{"name":"a"}]}`, "", ""},
		{"rfc: a URN that ours begins with", `{"id":"urn:ietf:params:scim:schemas:extension:enterprise:2.0","attributes":[{"name":"a"}]}`, "", ""},
		{"hostile: not JSON", `{`, "400 invalidSyntax", ""},
		{"hostile: a list", `[]`, "400 invalidSyntax", ""},
		{"hostile: null", `null`, "400 invalidValue", "id is a URN"},
		{"hostile: a number for a name", attribute(`{"name":1}`), "400 invalidValue", "attributes.name cannot be a number"},
		{"hostile: a word for a boolean", attribute(`{"name":"a","multiValued":"yes"}`), "400 invalidValue", "attributes.multiValued cannot be a string"},
		{"hostile: no id", `{"attributes":[{"name":"a"}]}`, "400 invalidValue", "id is a URN"},
		{"hostile: an address for an id", `{"id":"https://x/User","attributes":[{"name":"a"}]}`, "400 invalidValue", "id is a URN"},
		{"hostile: urn alone", `{"id":"urn:x","attributes":[{"name":"a"}]}`, "400 invalidValue", "id is a URN"},
		{"hostile: empty part", `{"id":"urn:x::y","attributes":[{"name":"a"}]}`, "400 invalidValue", "id is a URN"},
		{"hostile: colon at the end", `{"id":"urn:x:y:","attributes":[{"name":"a"}]}`, "400 invalidValue", "id is a URN"},
		{"hostile: a blank in the id", `{"id":"urn:x:y z","attributes":[{"name":"a"}]}`, "400 invalidValue", "id is a URN"},
		{"hostile: brackets in the id", `{"id":"urn:x:y[z]","attributes":[{"name":"a"}]}`, "400 invalidValue", "id is a URN"},
		{"hostile: a letter that is none of ASCII", `{"id":"urn:x:ſ","attributes":[{"name":"a"}]}`, "400 invalidValue", "id is a URN"},
		{"hostile: the user", `{"id":"` + strings.Replace(strings.ToUpper(UserURN), "URN", "urn", 1) + `","attributes":[{"name":"a"}]}`, "400 invalidValue", "is taken"},
		{"hostile: the enterprise user", `{"id":"` + EnterpriseURN + `","attributes":[{"name":"a"}]}`, "400 invalidValue", "is taken"},
		{"hostile: an attribute of the enterprise user", `{"id":"` + EnterpriseURN + `:department","attributes":[{"name":"a"}]}`, "400 invalidValue", "is taken"},
		{"hostile: the URN of schemas", `{"id":"` + schemaURN + `","attributes":[{"name":"a"}]}`, "400 invalidValue", "is taken"},
		{"hostile: a message", `{"id":"` + ErrorURN + `","attributes":[{"name":"a"}]}`, "400 invalidValue", "is taken"},
		{"hostile: an attribute whose path is ours", `{"id":"urn:ietf:params:scim:schemas:extension:enterprise:2.0","attributes":[{"name":"a"},{"name":"USER"}]}`, "400 invalidValue", "USER: its path"},
		{"hostile: no attributes", `{"id":"` + customURN + `"}`, "400 invalidValue", "attributes are missing"},
		{"hostile: null for an attribute", attribute(`null`), "400 invalidValue", "attribute 1 is null"},
		{"hostile: no name", attribute(`{"name":"a"},{"type":"string"}`), "400 invalidValue", "attribute 2: name"},
		{"hostile: a dot in a name", attribute(`{"name":"a.b"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: a colon in a name", attribute(`{"name":"a:b"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: a digit first", attribute(`{"name":"1a"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: a dollar first", attribute(`{"name":"$ref"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: an umlaut", attribute(`{"name":"größe"}`), "400 invalidValue", "attribute 1: name"},
		{"hostile: twice", attribute(`{"name":"tag"},{"name":"TAG"}`), "400 invalidValue", "TAG is declared twice"},
		{"hostile: unknown type", attribute(`{"name":"tag","type":"binary"}`), "400 invalidValue", "tag: type is one of"},
		{"hostile: required", attribute(`{"name":"tag","required":true}`), "400 invalidValue", "tag: required"},
		{"hostile: read-only", attribute(`{"name":"tag","mutability":"readOnly"}`), "400 invalidValue", "tag: mutability"},
		{"hostile: unknown returned", attribute(`{"name":"tag","returned":"sometimes"}`), "400 invalidValue", "tag: returned"},
		{"hostile: unique", attribute(`{"name":"tag","uniqueness":"server"}`), "400 invalidValue", "tag: uniqueness"},
		{"hostile: canonical numbers", attribute(`{"name":"tag","type":"integer","canonicalValues":["1"]}`), "400 invalidValue", "tag: only text"},
		{"hostile: empty canonical value", attribute(`{"name":"tag","canonicalValues":[""]}`), "400 invalidValue", "tag: a canonical value"},
		{"hostile: referenceTypes of a text", attribute(`{"name":"tag","referenceTypes":["external"]}`), "400 invalidValue", "tag: only a reference"},
		{"hostile: parts of a text", attribute(`{"name":"tag","subAttributes":[{"name":"a"}]}`), "400 invalidValue", "tag: only a complex"},
		{"hostile: complex without parts", attribute(`{"name":"c","type":"complex"}`), "400 invalidValue", "c: subAttributes are missing"},
		{"hostile: complex in complex", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"d","type":"complex","subAttributes":[{"name":"e"}]}]}`), "400 invalidValue", "c.d: type is one of"},
		{"hostile: many values in complex", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"d","multiValued":true}]}`), "400 invalidValue", "c.d: a sub-attribute"},
		{"hostile: primary is a string", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"a"},{"name":"primary"}]}`), "400 invalidValue", "c.primary is a boolean"},
		{"hostile: type is a number", attribute(`{"name":"c","type":"complex","subAttributes":[{"name":"a"},{"name":"type","type":"integer"}]}`), "400 invalidValue", "c.type is a string"},
		{"hostile: elements that say nothing", attribute(`{"name":"c","type":"complex","multiValued":true,"subAttributes":[{"name":"type"},{"name":"primary","type":"boolean"}]}`), "400 invalidValue", "c: subAttributes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := ParseExtension([]byte(row.body))
			if p := problem(t, err); p != row.problem {
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

// works holds a schema against what /Schemas publishes, and declares it anew
// from there.
func works(t *testing.T, s *Schema) {
	t.Helper()
	for _, a := range s.Attributes {
		checkAttribute(t, s.ID, a)
	}
	b, err := json.Marshal(s.Discovery(base))
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseExtension(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if c, _ := json.Marshal(again.Discovery(base)); string(c) != string(b) || strings.Contains(string(b), `:""`) {
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
		return `{"id":"` + customURN + `","attributes":[` + strings.Join(list, ",") + `]}`
	}
	for _, row := range []struct {
		name  string
		limit int
		body  func(n int) string
	}{
		{"MaxExtensionAttributes", MaxExtensionAttributes, func(n int) string { return attributes(n, 0) }},
		{"MaxExtensionAttributes with parts", MaxExtensionAttributes, func(n int) string { return attributes(n-11, 10) }},
		{"MaxName of the id", MaxName, func(n int) string {
			return `{"id":"urn:x:` + strings.Repeat("y", n-6) + `","attributes":[{"name":"a"}]}`
		}},
		{"MaxName", MaxName, func(n int) string {
			return `{"id":"` + customURN + `","attributes":[{"name":"` + strings.Repeat("y", n) + `"}]}`
		}},
		{"MaxExtension", MaxExtension, func(n int) string { s := attributes(1, 0); return s + strings.Repeat(" ", n-len(s)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := ParseExtension([]byte(row.body(row.limit))); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if _, err := ParseExtension([]byte(row.body(row.limit + 1))); problem(t, err) != "400 invalidValue" {
				t.Errorf("above the limit: %v", err)
			}
		})
	}
}

// An extension of Entra's form works in every message, and URNs that begin
// with each other are told apart.
func TestExtensions(t *testing.T) {
	const short, long = "urn:ietf:params:scim:schemas:extension:enterprise:2.0", customURN + ":more"
	rt := Users.Extend(sizes(t), declared(t, `{"id":"`+customURN+`","attributes":[{"name":"tag"}]}`),
		declared(t, `{"id":"`+long+`","attributes":[{"name":"tag"}]}`), declared(t, `{"id":"`+short+`","attributes":[{"name":"tag"}]}`))
	for _, row := range []struct{ name, before, operations, want, problem string }{
		{"entra: POST", `{"` + customURN + `":{"tag":"701984"}}`, ``, `{"` + customURN + `":{"tag":"701984"}}`, ""},
		{"rfc: POST in any case", `{"` + strings.ToUpper(customURN) + `":{"TAG":"x","other":1}}`, ``, `{"` + customURN + `":{"tag":"x"}}`, ""},
		{"rfc: POST of several", `{"` + short + `":{"tag":"s"},"` + long + `":{"tag":"l"},"` + enterprise + `":{"department":"d","tag":"none"}}`, ``,
			`{"` + short + `":{"tag":"s"},"` + long + `":{"tag":"l"},"` + enterprise + `":{"department":"d"}}`, ""},
		{"rfc: POST of every type", `{"` + sizesURN + `":{"rank":1,"size":"2","big":"True","since":"2026-01-15T12:00:00Z","page":"https://x","label":"l","marks":["3",4],"tags":["a","b","a",""],
			"badge":{"value":"b","level":"5"},"steps":[{"value":1,"primary":true},{"value":"1","type":"up"},{"at":"2026-01-15T12:00:00Z"},{"type":"up"}]}}`, ``,
			`{"` + sizesURN + `":{"rank":1,"size":2.0,"big":true,"since":"2026-01-15T12:00:00Z","page":"https://x","label":"l","marks":[3,4],"tags":["a","b"],
			"badge":{"value":"b","level":5},"steps":[{"value":1,"primary":true},{"value":1,"type":"up"},{"at":"2026-01-15T12:00:00Z"}]}}`, ""},
		{"hostile: POST of a fraction", `{"` + sizesURN + `":{"rank":1.5}}`, ``, "", "400 invalidValue"},
		{"hostile: POST of a word", `{"` + sizesURN + `":{"size":"big"}}`, ``, "", "400 invalidValue"},
		{"hostile: POST of a day", `{"` + sizesURN + `":{"since":"2026-01-15"}}`, ``, "", "400 invalidValue"},
		{"hostile: POST of a number for a text", `{"` + customURN + `":{"tag":701984}}`, ``, "", "400 invalidValue"},
		{"entra: PATCH by the whole path", `{}`, `[{"op":"Add","path":"` + customURN + `:tag","value":"x"}]`, `{"` + customURN + `":{"tag":"x"}}`, ""},
		{"rfc: PATCH of the longer URN", `{}`, `[{"op":"add","path":"` + long + `:tag","value":"x"}]`, `{"` + long + `":{"tag":"x"}}`, ""},
		{"rfc: PATCH of the shorter URN", `{}`, `[{"op":"add","path":"` + short + `:tag","value":"x"},{"op":"add","path":"` + enterprise + `:division","value":"d"}]`, `{"` + short + `":{"tag":"x"},"` + enterprise + `":{"division":"d"}}`, ""},
		{"rfc: PATCH with an object", `{"` + customURN + `":{"tag":"old"}}`, `[{"op":"replace","path":"` + customURN + `","value":{"Tag":"new"}}]`, `{"` + customURN + `":{"tag":"new"}}`, ""},
		{"entra flag: PATCH without a path", `{}`, `[{"op":"add","value":{"` + customURN + `:tag":"x","` + sizesURN + `":{"rank":"7"}}}]`, `{"` + customURN + `":{"tag":"x"},"` + sizesURN + `":{"rank":7}}`, ""},
		{"rfc: remove one", `{"` + customURN + `":{"tag":"x"},"` + long + `":{"tag":"y"}}`, `[{"op":"remove","path":"` + customURN + `:tag"}]`, `{"` + long + `":{"tag":"y"}}`, ""},
		{"rfc: remove the whole", `{"` + customURN + `":{"tag":"x"},"` + long + `":{"tag":"y"}}`, `[{"op":"remove","path":"` + strings.ToUpper(customURN) + `"}]`, `{"` + long + `":{"tag":"y"}}`, ""},
		{"rfc: remove the longer", `{"` + customURN + `":{"tag":"x"},"` + long + `":{"tag":"y"}}`, `[{"op":"remove","path":"` + long + `"}]`, `{"` + customURN + `":{"tag":"x"}}`, ""},
		{"rfc: add to a list of texts", `{"` + sizesURN + `":{"tags":["a"]}}`, `[{"op":"add","path":"` + sizesURN + `:tags","value":["b","a"]},{"op":"remove","path":"` + sizesURN + `:tags","value":["A"]}]`, `{"` + sizesURN + `":{"tags":["b"]}}`, ""},
		{"rfc: elements by a number", `{"` + sizesURN + `":{"steps":[{"value":1},{"value":2}]}}`, `[{"op":"replace","path":"` + sizesURN + `:steps[value ge 1.5].value","value":"3"}]`, `{"` + sizesURN + `":{"steps":[{"value":1},{"value":3}]}}`, ""},
		{"rfc: an element made of a filter", `{}`, `[{"op":"add","path":"` + sizesURN + `:steps[value eq 4.0 and at eq \"2026-01-15T12:00:00+01:00\"].type","value":"up"}]`, `{"` + sizesURN + `":{"steps":[{"value":4,"at":"2026-01-15T12:00:00+01:00","type":"up"}]}}`, ""},
		{"hostile: an element that no filter describes", `{}`, `[{"op":"add","path":"` + sizesURN + `:steps[value eq 4.5].type","value":"up"}]`, `{}`, ""},
		{"hostile: a number is not canonical", `{}`, `[{"op":"replace","path":"` + sizesURN + `:steps[value eq 4].type","value":"up"}]`, "", "400 noTarget"},
		{"hostile: an attribute of the other", `{}`, `[{"op":"add","path":"` + customURN + `:rank","value":"x"}]`, "", "400 invalidPath"},
		{"hostile: an extension that is not declared", `{}`, `[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:Other:2.0:User:tag","value":"x"}]`, "", "400 invalidPath"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := resource(t, row.before)
			before["userName"] = "u"
			got, _, err := rt.Parse(before)
			if err == nil && row.operations != "" {
				got, _, err = rt.Patch(got, operations(t, row.operations))
			}
			if p := problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			want := resource(t, row.want)
			want["userName"] = "u"
			same(t, got, want)
			stable(t, rt, got)
			rendered := rt.Render(got, Meta{ID: "u"})
			for _, s := range rt.Extensions {
				_, there := got[s.ID]
				if listed := slices.Contains(rendered["schemas"].([]any), any(s.ID)); listed != there {
					t.Errorf("%s among schemas: %v", s.ID, listed)
				}
				q, err := rt.ParseQuery("attributes=" + s.ID)
				if err != nil {
					t.Fatal(err)
				}
				if _, shown := q.Projection.Apply(rendered)[s.ID]; shown != there {
					t.Errorf("attributes=%s shows it: %v", s.ID, shown)
				}
				e, err := rt.ParseFilter(s.ID + " pr")
				if err != nil || Match(e, rendered, nil) != there {
					t.Errorf("%s pr: %v (%v)", s.ID, !there, err)
				}
			}
		})
	}
}

// A directory's own extensions stay its own, and are published after ours.
func TestExtend(t *testing.T) {
	custom := declared(t, `{"id":"`+customURN+`","attributes":[{"name":"tag"}]}`)
	first, second := Users.Extend(custom), Users.Extend(sizes(t))
	var got []string
	for _, s := range SchemasOf(first, Groups, first) {
		got = append(got, s.ID)
	}
	if !slices.Equal(got, []string{UserURN, EnterpriseURN, customURN, GroupURN}) {
		t.Errorf("got %v", got)
	}
	if len(Users.Extensions) != 1 || len(Users.Extend().Extensions) != 1 || second.Extensions[1].ID != sizesURN || first.Extensions[1].ID != customURN {
		t.Error("extensions run into each other")
	}
	if FindSchema(SchemasOf(first), strings.ToUpper(customURN)) != custom || FindSchema(SchemasOf(Users), customURN) != nil {
		t.Error("FindSchema")
	}
	if _, err := Users.ParsePath(customURN + ":tag"); problem(t, err) != "400 invalidPath" {
		t.Error("the built-in type has learned of an extension")
	}
}

func FuzzParseExtension(f *testing.F) {
	for _, s := range []string{
		`{"id":"` + customURN + `","attributes":[{"name":"tag"}]}`, `{"id":"urn:a:b","attributes":[{"name":"c","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"decimal"}]}]}`,
		`{"id":"` + EnterpriseURN + `"}`, `{"id":"urn:a:b","attributes":[null]}`, `[]`,
	} {
		f.Add([]byte(s), []byte(`{"userName":"u","urn:a:b":{"c":[{"value":"1.0"},2]}}`))
	}
	f.Fuzz(func(t *testing.T, declaration, body []byte) {
		s, err := ParseExtension(declaration)
		if err != nil {
			refused(t, err)
			return
		}
		works(t, s)
		rt := Users.Extend(s)
		for _, a := range s.Attributes {
			target, err := rt.ParsePath(s.ID + ":" + a.Name)
			if err != nil || target.Attribute != a {
				t.Fatalf("%s: %v", a.Name, err)
			}
		}
		object, err := DecodeObject(body)
		if err != nil {
			return
		}
		if r, _, err := rt.Parse(object); err == nil {
			stable(t, rt, r)
		}
	})
}
