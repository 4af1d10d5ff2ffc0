package query_test

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/scim/scimtest"
)

func TestParseQuery(t *testing.T) {
	for _, row := range []struct {
		name, query string
		filter      string
		start       int
		count       int
		problem     string
	}{
		{"entra: nothing", ``, "", 1, query.DefaultCount, ""},
		{"entra: the flag", `aadOptscim062020`, "", 1, query.DefaultCount, ""},
		{"entra: the flag and a filter", `aadOptscim062020&filter=userName+eq+%22guid%22`, `userName eq "guid"`, 1, query.DefaultCount, ""},
		{"entra Q36: form encoding", `filter=displayName+eq+%22a%2Bb%25+c%26d%22`, `displayName eq "a+b% c&d"`, 1, query.DefaultCount, ""},
		{"entra Q36: percent encoding", `filter=userName%20eq%20%22Test_User%22`, `userName eq "Test_User"`, 1, query.DefaultCount, ""},
		{"entra Q36: raw brackets and quotes", `filter=emails[type eq "work"].value eq "u@x"`, `emails[type eq "work"].value eq "u@x"`, 1, query.DefaultCount, ""},
		{"entra Q36: raw percent sign", `filter=displayName+eq+"100%+sure,+%zz+%4"`, `displayName eq "100% sure, %zz %4"`, 1, query.DefaultCount, ""},
		{"entra Q36: raw semicolon", `filter=displayName+eq+%22a;b%22`, `displayName eq "a;b"`, 1, query.DefaultCount, ""},
		{"entra: unquoted", `filter=externalId eq jyoung`, `externalId eq "jyoung"`, 1, query.DefaultCount, ""},
		{"entra G1", `excludedAttributes=members&filter=displayName%20eq%20%22X%22`, `displayName eq "X"`, 1, query.DefaultCount, ""},
		{"entra: paging", `startIndex=6&count=5`, "", 6, 5, ""},
		{"rfc: names in any case", `STARTINDEX=2&Count=3&FILTER=title+pr`, "title pr", 2, 3, ""},
		{"rfc: count 0", `count=0`, "", 1, 0, ""},
		{"rfc: negative", `startIndex=-1&count=-1`, "", 1, 0, ""},
		{"rfc: startIndex 0", `startIndex=0`, "", 1, query.DefaultCount, ""},
		{"rfc: the largest page", `count=200`, "", 1, query.MaxCount, ""},
		{"rfc: one above the largest page", `count=201`, "", 1, query.MaxCount, ""},
		{"rfc: blank values", `filter=&startIndex=&count=&filter=title+pr`, "", 1, query.DefaultCount, ""},
		{"rfc: unknown parameters", `x=1&y&=z&&sortBys=userName`, "", 1, query.DefaultCount, ""},
		{"python: blanks around numbers", `startIndex=+2&count=+3+`, "", 2, 3, ""},
		{"nextcloud: an unquoted value with a plus", `filter=userName eq a%2Bb@x`, `userName eq "a+b@x"`, 1, query.DefaultCount, ""},
		{"canaille: attributes is empty", `attributes=&excludedAttributes=`, "", 1, query.DefaultCount, ""},
		{"canaille: single quotes in a filter", `filter=userName eq 'x'`, "", 0, 0, "400 invalidFilter"},
		{"canaille: single quotes in attributes", `attributes='userName'`, "", 0, 0, "400 invalidPath"},
		{"canaille: single quotes around all attributes", `attributes='userName,emails'`, "", 0, 0, "400 invalidPath"},
		{"canaille: single quotes in a filter of attributes", `attributes=emails[type eq 'work']`, "", 0, 0, "400 invalidFilter"},
		{"canaille: single quotes in excludedAttributes", `excludedAttributes=emails[type eq 'work']`, "", 0, 0, "400 invalidFilter"},
		{"hostile: attributes with a broken filter", `attributes=emails[type]`, "", 0, 0, "400 invalidFilter"},
		{"hostile: attributes with an open filter", `attributes=emails[type eq "work"`, "", 0, 0, "400 invalidFilter"},
		{"hostile: attributes with a filter on an unknown part", `attributes=emails[nope eq "work"]`, "", 0, 0, "400 invalidFilter"},
		{"hostile: attributes with an unknown part of what is filtered", `attributes=emails[type eq "work"].nope`, "", 0, 0, "400 invalidPath"},
		{"hostile: attributes with a filter on a simple attribute", `attributes=title[type eq "work"]`, "", 0, 0, "400 invalidPath"},
		{"hostile: the first counts", `filter=title+pr&Filter=userName+pr&count=1&COUNT=2`, "title pr", 1, 1, ""},
		{"hostile: startIndex is a word", `startIndex=one`, "", 0, 0, "400 invalidValue"},
		{"hostile: startIndex is too large", `startIndex=99999999999999999999`, "", 0, 0, "400 invalidValue"},
		{"hostile: count is a fraction", `count=1.5`, "", 0, 0, "400 invalidValue"},
		{"hostile: broken filter", `filter=userName`, "", 0, 0, "400 invalidFilter"},
	} {
		t.Run(row.name, func(t *testing.T) {
			rt := scim.Users
			if strings.HasPrefix(row.name, "entra G") {
				rt = scim.Groups
			}
			q, err := query.Parse(rt, row.query)
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			text := ""
			if q.Filter != nil {
				text = q.Filter.String()
			}
			if text != row.filter || q.StartIndex != row.start || q.Count != row.count {
				t.Errorf("got %q, %d, %d", text, q.StartIndex, q.Count)
			}
		})
	}
}

// describe prints a query except its filter and projection.
func describe(q query.Query) string {
	s := fmt.Sprintf("%d %d", q.StartIndex, q.Count)
	if q.SortBy != nil {
		s += " by " + q.SortBy.String()
	}
	if q.Descending {
		s += " descending"
	}
	if q.Cursor != nil {
		s += fmt.Sprintf(" from %q", *q.Cursor)
	}
	return s
}

func TestParseQueryOrderAndCursor(t *testing.T) {
	for _, row := range []struct{ name, query, want, problem string }{
		{"rfc: sortBy", `sortBy=userName`, `1 100 by userName`, ""},
		{"rfc: sortBy in any case, with the URN", `SORTBY=` + strings.ToUpper(scim.UserURN) + `:NAME.FamilyName`, `1 100 by name.familyName`, ""},
		{"rfc: ascending", `sortBy=title&sortOrder=ascending`, `1 100 by title`, ""},
		{"rfc: descending", `sortBy=title&sortOrder=Descending`, `1 100 by title descending`, ""},
		{"rfc: sortOrder alone", `sortOrder=descending`, `1 100`, ""},
		{"rfc: blank", `sortBy=+&sortOrder=`, `1 100`, ""},
		{"rfc: a date", `sortBy=meta.lastModified`, `1 100 by meta.lastModified`, ""},
		{"rfc: an extension's attribute", `sortBy=` + scim.EnterpriseURN + `:department`, `1 100 by ` + scim.EnterpriseURN + `:department`, ""},
		{"rfc: a list by its value", `sortBy=emails`, `1 100 by emails.value`, ""},
		{"rfc: a complex attribute by its value", `sortBy=manager`, `1 100 by ` + scim.EnterpriseURN + `:manager.value`, ""},
		{"rfc: a complex attribute without a value", `sortBy=name`, "", "400 invalidValue"},
		{"rfc: a list without a value", `sortBy=addresses`, "", "400 invalidValue"},
		{"rfc: meta", `sortBy=meta`, "", "400 invalidValue"},
		{"rfc: unknown order", `sortBy=title&sortOrder=up`, "", "400 invalidValue"},
		{"rfc: unknown order alone", `sortOrder=up`, "", "400 invalidValue"},
		{"hostile: unknown attribute", `sortBy=shoeSize`, "", "400 invalidValue"},
		{"hostile: unknown sub-attribute", `sortBy=name.nope`, "", "400 invalidValue"},
		{"canaille: single quotes", `sortBy='userName'`, "", "400 invalidValue"},
		{"python: blanks around the order", `sortBy=title&sortOrder=+DESCENDING+`, `1 100 by title descending`, ""},
		{"hostile: brackets", `sortBy=emails[type eq "work"].value`, "", "400 invalidValue"},
		{"hostile: an extension", `sortBy=` + scim.EnterpriseURN, "", "400 invalidValue"},
		{"hostile: the core schema", `sortBy=` + scim.UserURN, "", "400 invalidValue"},
		{"hostile: elements that are records", `sortBy=groups.value`, "", "400 invalidValue"},
		{"rfc: bare cursor", `cursor`, `1 100 from ""`, ""},
		{"rfc: empty cursor", `cursor=&count=10`, `1 10 from ""`, ""},
		{"rfc: cursor", `Cursor=a-b_c.d~`, `1 100 from "a-b_c.d~"`, ""},
		{"rfc: cursor and order", `cursor=x&sortBy=title&sortOrder=descending`, `1 100 by title descending from "x"`, ""},
		{"rfc: cursor wins over startIndex", `startIndex=7&cursor=x`, `1 100 from "x"`, ""},
		{"rfc: cursor wins over a broken startIndex", `startIndex=seven&cursor=x`, `1 100 from "x"`, ""},
		{"rfc: cursor with count 1", `cursor&count=1`, `1 1 from ""`, ""},
		{"rfc: cursor with count 0", `cursor&count=0`, "", "400 invalidCount"},
		{"rfc: cursor with a negative count", `cursor=x&count=-1`, "", "400 invalidCount"},
		{"rfc: cursor with a word for a count", `cursor=x&count=ten`, "", "400 invalidCount"},
		{"rfc: cursor with the largest page", `cursor&count=200`, `1 200 from ""`, ""},
		{"rfc: cursor with one above the largest page", `cursor&count=201`, `1 200 from ""`, ""},
		{"hostile: the first cursor counts", `cursor=x&cursor=y`, `1 100 from "x"`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			q, err := query.Parse(scim.Users, row.query)
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err == nil && describe(q) != row.want {
				t.Errorf("got %s", describe(q))
			}
		})
	}
}

func TestParseSearch(t *testing.T) {
	const schemas = `"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`
	for _, row := range []struct{ name, body, filter, want, problem string }{
		{"rfc: the RFC's example", `{` + schemas + `,"attributes":["displayName","userName"],"filter":"displayName sw \"smith\"","startIndex":1,"count":10}`, `displayName sw "smith"`, `1 10`, ""},
		{"rfc: everything", `{` + schemas + `,"excludedAttributes":["emails"],"sortBy":"name.familyName","sortOrder":"descending","startIndex":11,"count":5}`, "", `11 5 by name.familyName descending`, ""},
		{"rfc: nothing", `{` + schemas + `}`, "", `1 100`, ""},
		{"rfc: without schemas", `{"filter":"title pr"}`, "title pr", `1 100`, ""},
		{"rfc: names in any case", `{"SCHEMAS":["URN:ietf:params:scim:api:messages:2.0:SearchRequest"],"Filter":"title pr","COUNT":1}`, "title pr", `1 1`, ""},
		{"rfc: cursor", `{` + schemas + `,"cursor":"","count":3,"startIndex":9}`, "", `1 3 from ""`, ""},
		{"rfc: null is absent", `{"filter":null,"cursor":null,"count":null,"attributes":null,"sortBy":null}`, "", `1 100`, ""},
		{"rfc: numbers out of range", `{"startIndex":-5,"count":1000}`, "", `1 200`, ""},
		{"rfc: cursor with count 0", `{"cursor":"x","count":0}`, "", "", "400 invalidCount"},
		{"rfc: other schemas", `{"schemas":["` + scim.PatchOpURN + `"]}`, "", "", "400 invalidSyntax"},
		{"hostile: schemas of numbers", `{"schemas":[1]}`, "", "", "400 invalidSyntax"},
		{"hostile: filter is a list", `{"filter":["title pr"]}`, "", "", "400 invalidSyntax"},
		{"hostile: filter is broken", `{"filter":"title"}`, "", "", "400 invalidFilter"},
		{"python: numbers as strings", `{"count":"1","startIndex":" 2 "}`, "", `2 1`, ""},
		{"python: numbers as empty strings", `{"count":"","startIndex":""}`, "", `1 100`, ""},
		{"python: negative numbers as strings", `{"count":"-1","startIndex":"-1"}`, "", `1 0`, ""},
		{"python: a number as a string with a cursor", `{"cursor":"x","count":"3"}`, "", `1 3 from "x"`, ""},
		{"python: attributes as a string", `{"attributes":"userName","excludedAttributes":"emails"}`, "", `1 100`, ""},
		{"python: an order in any case", `{"sortBy":"title","sortOrder":"DESCENDING"}`, "", `1 100 by title descending`, ""},
		{"canaille: single quotes in a search", `{"filter":"userName eq 'x'"}`, "", "", "400 invalidFilter"},
		{"canaille: single quotes in a search's attributes", `{"attributes":["emails[type eq 'work']"]}`, "", "", "400 invalidFilter"},
		{"hostile: count is a word", `{"count":"one"}`, "", "", "400 invalidSyntax"},
		{"hostile: count is true", `{"count":true}`, "", "", "400 invalidSyntax"},
		{"hostile: startIndex is a list", `{"startIndex":["1"]}`, "", "", "400 invalidSyntax"},
		{"hostile: count is a fraction", `{"count":1.5}`, "", "", "400 invalidSyntax"},
		{"hostile: startIndex is enormous", `{"startIndex":1e400}`, "", "", "400 invalidSyntax"},
		{"hostile: cursor is a number", `{"cursor":1}`, "", "", "400 invalidSyntax"},
		{"hostile: attributes are a number", `{"attributes":1}`, "", "", "400 invalidSyntax"},
		{"hostile: attributes are an object", `{"excludedAttributes":{"userName":true}}`, "", "", "400 invalidSyntax"},
		{"hostile: an attribute is a number", `{"attributes":["userName",1]}`, "", "", "400 invalidSyntax"},
		{"hostile: sortBy is an object", `{"sortBy":{}}`, "", "", "400 invalidSyntax"},
		{"hostile: unknown sortBy", `{"sortBy":"nope"}`, "", "", "400 invalidValue"},
	} {
		t.Run(row.name, func(t *testing.T) {
			q, err := query.ParseSearch(scim.Users, scimtest.Object(t, row.body))
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			text := ""
			if q.Filter != nil {
				text = q.Filter.String()
			}
			if text != row.filter || describe(q) != row.want {
				t.Errorf("got %q, %s", text, describe(q))
			}
		})
	}
}

// A search lists attributes in the same way as a query string.
func TestSearchProjection(t *testing.T) {
	full := scimtest.Rendered(t)
	for body, raw := range map[string]string{
		`{"attributes":["userName"," Name.givenName "]}`:                 `attributes=userName,name.givenName`,
		`{"excludedAttributes":["emails","` + scim.EnterpriseURN + `"]}`: `excludedAttributes=emails,` + scim.EnterpriseURN,
		`{"attributes":"userName"}`:                                      `attributes=userName`,
		`{"attributes":"userName, emails"}`:                              `attributes=userName,emails`,
		`{"attributes":["userName,emails"]}`:                             `attributes=userName,emails`,
		`{"attributes":["emails[type eq \"a,b\"]","title , active"]}`:    `attributes=emails[type eq "a,b"],title,active`,
		`{"excludedAttributes":"emails,name"}`:                           `excludedAttributes=emails,name`,
		`{"excludedAttributes":["emails,name","active"]}`:                `excludedAttributes=emails,name,active`,
		`{"attributes":"","excludedAttributes":" "}`:                     ``,
		`{"attributes":[]}`:                                              ``,
		`{"attributes":["nope"]}`:                                        `attributes=nope`,
	} {
		search, err := query.ParseSearch(scim.Users, scimtest.Object(t, body))
		if err != nil {
			t.Fatal(err)
		}
		q, err := query.Parse(scim.Users, raw)
		if err != nil {
			t.Fatal(err)
		}
		scimtest.Same(t, search.Projection.Apply(full), q.Projection.Apply(full))
	}
}

// A cursor is valid for the same type, filter and order, in any notation, and
// for no others.
func TestQueryBound(t *testing.T) {
	bound := func(rt *scim.ResourceType, raw string) string {
		q, err := query.Parse(rt, raw)
		if err != nil {
			t.Fatal(err)
		}
		return q.Bound()
	}
	first := bound(scim.Users, `filter=title eq "x"&sortBy=userName`)
	for _, raw := range []string{
		`cursor=y&filter=TITLE+EQ+x&sortBy=USERNAME`,
		`count=7&attributes=id&startIndex=3&sortBy=` + scim.UserURN + `:userName&sortOrder=ascending&filter=(title eq "x")`,
	} {
		if got := bound(scim.Users, raw); got != first {
			t.Errorf("%s is bound to %q, not to %q", raw, got, first)
		}
	}
	seen := map[string]string{first: "the first"}
	for _, raw := range []string{
		``, `filter=title eq "x"`, `filter=title eq "X"&sortBy=userName`, `sortBy=userName`, `filter=title eq "x"&sortBy=userName&sortOrder=descending`,
		`filter=title eq "x\nsort userName"`, `filter=title eq "x"&sortBy=title`,
	} {
		got := bound(scim.Users, raw)
		if other, ok := seen[got]; ok {
			t.Errorf("%s has the same bound as %s", raw, other)
		}
		seen[got] = raw
	}
	if bound(scim.Users, `sortBy=displayName`) == bound(scim.Groups, `sortBy=displayName`) {
		t.Error("users and groups have the same bound")
	}
}
