package scim

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseQuery(t *testing.T) {
	for _, row := range []struct {
		name, query string
		filter      string
		start       int
		count       int
		problem     string
	}{
		{"entra: nothing", ``, "", 1, DefaultCount, ""},
		{"entra: the flag", `aadOptscim062020`, "", 1, DefaultCount, ""},
		{"entra: the flag and a filter", `aadOptscim062020&filter=userName+eq+%22guid%22`, `userName eq "guid"`, 1, DefaultCount, ""},
		{"entra Q36: form encoding", `filter=displayName+eq+%22a%2Bb%25+c%26d%22`, `displayName eq "a+b% c&d"`, 1, DefaultCount, ""},
		{"entra Q36: percent encoding", `filter=userName%20eq%20%22Test_User%22`, `userName eq "Test_User"`, 1, DefaultCount, ""},
		{"entra Q36: raw brackets and quotes", `filter=emails[type eq "work"].value eq "u@x"`, `emails[type eq "work"].value eq "u@x"`, 1, DefaultCount, ""},
		{"entra Q36: raw percent sign", `filter=displayName+eq+"100%+sure,+%zz+%4"`, `displayName eq "100% sure, %zz %4"`, 1, DefaultCount, ""},
		{"entra Q36: raw semicolon", `filter=displayName+eq+%22a;b%22`, `displayName eq "a;b"`, 1, DefaultCount, ""},
		{"entra: unquoted", `filter=externalId eq jyoung`, `externalId eq "jyoung"`, 1, DefaultCount, ""},
		{"entra G1", `excludedAttributes=members&filter=displayName%20eq%20%22X%22`, `displayName eq "X"`, 1, DefaultCount, ""},
		{"entra: paging", `startIndex=6&count=5`, "", 6, 5, ""},
		{"rfc: names in any case", `STARTINDEX=2&Count=3&FILTER=title+pr`, "title pr", 2, 3, ""},
		{"rfc: count 0", `count=0`, "", 1, 0, ""},
		{"rfc: negative", `startIndex=-1&count=-1`, "", 1, 0, ""},
		{"rfc: startIndex 0", `startIndex=0`, "", 1, DefaultCount, ""},
		{"rfc: the largest page", `count=200`, "", 1, MaxCount, ""},
		{"rfc: one above the largest page", `count=201`, "", 1, MaxCount, ""},
		{"rfc: blank values", `filter=&startIndex=&count=&filter=title+pr`, "", 1, DefaultCount, ""},
		{"rfc: unknown parameters", `x=1&y&=z&&sortBy=userName`, "", 1, DefaultCount, ""},
		{"hostile: the first counts", `filter=title+pr&Filter=userName+pr&count=1&COUNT=2`, "title pr", 1, 1, ""},
		{"hostile: startIndex is a word", `startIndex=one`, "", 0, 0, "400 invalidValue"},
		{"hostile: startIndex is too large", `startIndex=99999999999999999999`, "", 0, 0, "400 invalidValue"},
		{"hostile: count is a fraction", `count=1.5`, "", 0, 0, "400 invalidValue"},
		{"hostile: broken filter", `filter=userName`, "", 0, 0, "400 invalidFilter"},
	} {
		t.Run(row.name, func(t *testing.T) {
			rt := Users
			if strings.HasPrefix(row.name, "entra G") {
				rt = Groups
			}
			q, err := rt.ParseQuery(row.query)
			if p := problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			filter := ""
			if q.Filter != nil {
				filter = q.Filter.String()
			}
			if filter != row.filter || q.StartIndex != row.start || q.Count != row.count {
				t.Errorf("got %q, %d, %d", filter, q.StartIndex, q.Count)
			}
		})
	}
}

func TestProjection(t *testing.T) {
	const schemas = `"id":"u-1","schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]`
	full := rendered(t)
	before := Encode(full)
	for _, row := range []struct{ name, query, want string }{
		{"entra U6: attributes=id", `attributes=id`, `{` + schemas + `}`},
		{"rfc: attributes", `attributes=userName,%20Title`, `{` + schemas + `,"userName":"bjensen@example.com","title":"Guide"}`},
		{"rfc: sub-attributes", `attributes=name.givenName,emails.value,emails.type`, `{` + schemas + `,"name":{"givenName":"Barbara"},
			"emails":[{"type":"work","value":"bjensen@example.com"},{"type":"home","value":"babs@example.org"}]}`},
		{"rfc: sub-attribute of some elements", `attributes=emails.display,name.middleName`, `{` + schemas + `,"emails":[{"display":"at home"}]}`},
		{"rfc: attribute and its sub-attribute", `attributes=emails.value,emails`, `{` + schemas + `,"emails":[` + workMail + `,` + homeMail + `]}`},
		{"rfc: extension", `attributes=` + enterprise, `{` + schemas + `,"` + enterprise + `":{"department":"Tours","manager":{"value":"m-1"}}}`},
		{"rfc: extension attribute", `attributes=` + enterprise + `:department`, `{` + schemas + `,"` + enterprise + `":{"department":"Tours"}}`},
		{"rfc: extension attribute by its bare name", `attributes=manager`, `{` + schemas + `,"` + enterprise + `":{"manager":{"value":"m-1"}}}`},
		{"rfc: extension sub-attribute", `attributes=manager.value,manager.displayName`, `{` + schemas + `,"` + enterprise + `":{"manager":{"value":"m-1"}}}`},
		{"rfc: core URN", `attributes=urn:ietf:params:scim:schemas:core:2.0:User:title`, `{` + schemas + `,"title":"Guide"}`},
		{"rfc: absent attribute", `attributes=nickName`, `{` + schemas + `}`},
		{"rfc: unknown attributes only", `attributes=nope,emails[type]`, `{` + schemas + `}`},
		{"rfc: id and schemas are always returned", `attributes=meta.resourceType&excludedAttributes=id,schemas`, `{` + schemas + `,"meta":{"resourceType":"User"}}`},
		{"rfc: excludedAttributes", `excludedAttributes=emails,name,roles,META,externalId,active,displayName,` + enterprise, `{` + schemas + `,"userName":"bjensen@example.com","title":"Guide"}`},
		{"rfc: excluded sub-attributes", `attributes=name,emails,manager&excludedAttributes=name.givenName,emails.display,emails.primary,manager.value`,
			`{` + schemas + `,"name":{"familyName":"Jensen"},"emails":[{"type":"work","value":"bjensen@example.com"},{"type":"home","value":"babs@example.org"}]}`},
		{"rfc: every sub-attribute excluded", `attributes=name&excludedAttributes=name.givenName,name.familyName`, `{` + schemas + `}`},
		{"rfc: excluded extension attributes", `attributes=` + enterprise + `&excludedAttributes=department`, `{` + schemas + `,"` + enterprise + `":{"manager":{"value":"m-1"}}}`},
		{"hostile: commas only", `attributes=,,&excludedAttributes=,`, `{` + schemas + `}`},
		{"rfc: nothing asked", ``, before},
	} {
		t.Run(row.name, func(t *testing.T) {
			q, err := Users.ParseQuery(row.query)
			if err != nil {
				t.Fatal(err)
			}
			got := q.Projection.Apply(full)
			same(t, got, resource(t, row.want))
			if Encode(full) != before {
				t.Errorf("the resource has become %s", Encode(full))
			}
		})
	}
}

func TestProjectionWants(t *testing.T) {
	for query, want := range map[string]bool{
		``:                           true,
		`excludedAttributes=members`: false,
		`excludedAttributes=MEMBERS`: false,
		`excludedAttributes=` + GroupURN + `:members`:   false,
		`excludedAttributes=members.display`:            true,
		`excludedAttributes=displayName`:                true,
		`attributes=displayName`:                        false,
		`attributes=members`:                            true,
		`attributes=displayName,members.value`:          true,
		`attributes=members&excludedAttributes=members`: false,
		`attributes=nope`:                               false,
	} {
		q, err := Groups.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Projection.Wants("members"); got != want {
			t.Errorf("%q: got %v", query, got)
		}
	}
}

// Entra's Test Connection fails on `"Resources": null` (entra.md Q18).
func TestListResponse(t *testing.T) {
	for _, row := range []struct {
		name string
		got  map[string]any
		want string
	}{
		{"entra Q18: nothing", ListResponse(nil, 0, 1), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[],"startIndex":1,"itemsPerPage":0}`},
		{"rfc: a page", ListResponse([]map[string]any{{"id": "a"}}, 11, 6), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":11,"Resources":[{"id":"a"}],"startIndex":6,"itemsPerPage":1}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := json.Marshal(row.got)
			if err != nil {
				t.Fatal(err)
			}
			same(t, resource(t, string(b)), resource(t, row.want))
		})
	}
}
