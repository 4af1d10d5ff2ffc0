package filter_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// keyPaths are targets with a key in the tests, the best first.
var keyPaths = []string{"id", "userName", "displayName", "externalId", "emails.value", "members.value", "groups.value"}

func rank(t filter.Target) int {
	t.Filter = nil
	return slices.Index(keyPaths, t.String())
}

// coverHolds checks that one equality of the cover of a filter holds for a
// resource that the filter matches.
func coverHolds(t interface{ Fatalf(string, ...any) }, rt *scim.ResourceType, e filter.Expr, r map[string]any, keyed func(string) bool) {
	cover := filter.Cover(e, rank)
	if cover == nil {
		return
	}
	for _, q := range cover {
		literal, _ := json.Marshal(q.Value)
		q.Target.Filter = nil
		needed, err := filter.Parse(rt, fmt.Sprintf("%s eq %s", q.Target, literal))
		if err != nil || filter.Match(needed, r, keyed) {
			return // holds, or is longer than a filter
		}
	}
	t.Fatalf("%s matches %s without any of %v", e, resource.Encode(r), cover)
}

func TestCover(t *testing.T) {
	for _, row := range []struct {
		name, filter string
		want         string // "" for none
	}{
		{"entra: userName", `userName eq "A@x"`, `userName=A@x`},
		{"entra: unquoted", `externalId eq jyoung`, `externalId=jyoung`},
		{"entra: work e-mail", `emails[type eq "work"].value eq "a"`, `emails[type eq "work"].value=a`},
		{"entra: work e-mail as a value path", `emails[type eq "work" and value eq "a"]`, `emails[type eq "work" and value eq "a"].value=a`},
		{"entra: value path the other way round", `emails[value eq "a" and type eq "work"]`, `emails[value eq "a" and type eq "work"].value=a`},
		{"entra: manager", `id eq "X" and manager eq "Y"`, `id=X`},
		{"entra: manager the other way round", `manager eq "Y" and id eq "X"`, `id=X`},
		{"github: any e-mail", `emails eq "a"`, `emails.value=a`},
		{"github: any e-mail by its value", `emails.value eq "a"`, `emails.value=a`},
		{"github: value path alone", `emails[value eq "a"]`, `emails[value eq "a"].value=a`},
		{"nextcloud: or of two attributes", `externalId eq "a" or userName eq "b"`, `externalId=a userName=b`},
		{"okta: or of one attribute", `userName eq "a" or userName eq "b"`, `userName=a userName=b`},
		{"okta: or of three", `userName eq "a" or (userName eq "b" or id eq "c")`, `userName=a userName=b id=c`},
		{"keycloak: or beside and", `(userName eq "a" or emails.value eq "b") and active eq true`, `userName=a emails.value=b`},
		{"keycloak: and before or", `userName eq "a" and active eq true or emails eq "b" and title pr`, `userName=a emails.value=b`},
		{"rfc: the better key", `emails eq "a" and userName eq "b"`, `userName=b`},
		{"rfc: the shorter cover", `(userName eq "a" or userName eq "b") and userName eq "c"`, `userName=c`},
		{"rfc: the better of two covers", `(emails eq "a" or id eq "b") and (userName eq "c" or userName eq "d")`, `userName=c userName=d`},
		{"rfc: or in brackets", `emails[value eq "a" or value eq "b"]`, `emails[value eq "a" or value eq "b"].value=a emails[value eq "a" or value eq "b"].value=b`},
		{"rfc: or in brackets with type", `emails[type eq "work" and (value eq "a" or value eq "b")].display pr`,
			`emails[type eq "work" and (value eq "a" or value eq "b")].value=a emails[type eq "work" and (value eq "a" or value eq "b")].value=b`},
		{"rfc: brackets, and a part", `emails[value eq "a"].type eq "work"`, `emails[value eq "a"].value=a`},
		{"rfc: brackets, and a part that is greater", `emails[value eq "a"].type gt "a"`, `emails[value eq "a"].value=a`},
		{"rfc: the negation of ne", `not (userName ne "a")`, `userName=a`},
		{"rfc: the negation of a negation", `not (not (userName eq "a" or id eq "b"))`, `userName=a id=b`},
		{"rfc: the negation of and", `not (userName ne "a" and id ne "b")`, `userName=a id=b`},
		{"rfc: the negation of or", `not (userName ne "a" or title ne "b")`, `userName=a`},
		{"rfc: groups", `groups eq "G" and title pr`, `groups.value=G`},
		{"rfc: groups as a value path", `groups[value eq "G"]`, `groups[value eq "G"].value=G`},
		{"rfc: or with an attribute without a key", `userName eq a or title eq b`, ``},
		{"rfc: or with not", `userName eq a or not (userName eq b)`, ``},
		{"rfc: not", `not (userName eq "a")`, ``},
		{"rfc: ne", `userName ne "a"`, ``},
		{"rfc: the negation of eq or eq", `not (userName eq "a" or userName eq "b")`, ``},
		{"rfc: other operators", `userName sw a and externalId pr and id gt "a"`, ``},
		{"rfc: no key", `title eq "a" and nickName eq "b"`, ``},
		{"rfc: null", `externalId eq null`, ``},
		{"rfc: not null", `not (externalId ne null)`, ``},
		{"rfc: value path that needs no value", `emails[value eq "a" or type eq "work"]`, ``},
		{"rfc: value path without a value", `emails[type eq "work"]`, ``},
		{"rfc: value path that starts so", `emails[value sw "a"]`, ``},
		{"rfc: a negated value path", `not (emails[value eq "a"])`, ``},
		{"rfc: ne of a part", `emails[value eq "a"].type ne "work"`, ``},
		{"rfc: null of a part", `emails[value eq "a"].type eq null`, ``},
		{"hostile: an attribute of the same name", `addresses[type eq "work"].region eq "a"`, ``},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, err := filter.Parse(scim.Users, row.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, q := range filter.Cover(e, rank) {
				got = append(got, q.Target.String()+"="+q.Value)
			}
			if diff := cmp.Diff(row.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for _, text := range []string{`id eq "G" and members eq "U"`, `members[value eq "U"] and id eq "G"`} {
		e, err := filter.Parse(scim.Groups, text)
		if cover := filter.Cover(e, rank); err != nil || len(cover) != 1 || cover[0].Target.String() != "id" {
			t.Errorf("%s: %v, %v", text, cover, err)
		}
	}
}

// Whatever the filter, one equality of its cover holds for each match.
func TestCoverOfAnyFilter(t *testing.T) {
	terms := []string{`id eq "i1"`, `userName eq "a"`, `userName ne "a"`, `userName eq "b"`, `externalId eq "x"`, `externalId eq null`, `title eq "t"`, `title pr`,
		`emails eq "e"`, `emails[type eq "work"].value eq "e"`, `emails[value eq "e" and type eq "home"]`, `emails[value eq "e" or value eq "f"]`, `emails[not (value ne "f")]`,
		`emails[value eq "f"].type ne "work"`, `emails[value eq "e"].type eq null`, `emails[not (value eq "e")].display pr`}
	var expression func(depth int) *rapid.Generator[string]
	expression = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			kind := rapid.IntRange(0, 4).Draw(t, "kind")
			if depth == 0 || kind == 0 {
				return rapid.SampledFrom(terms).Draw(t, "term")
			}
			inner := expression(depth - 1)
			if kind == 1 {
				return "not (" + inner.Draw(t, "negated") + ")"
			}
			return "(" + inner.Draw(t, "left") + [...]string{") and (", ") or ("}[kind%2] + inner.Draw(t, "right") + ")"
		})
	}
	user := rapid.Custom(func(t *rapid.T) map[string]any {
		pick := func(name string, values ...string) string { return rapid.SampledFrom(values).Draw(t, name) }
		r := map[string]any{"id": pick("id", "i1", "i2"), "userName": pick("userName", "a", "b", "c")}
		for name, value := range map[string]string{"externalId": pick("externalId", "", "x", "y"), "title": pick("title", "", "t")} {
			if value != "" {
				r[name] = value
			}
		}
		var emails []any
		for range rapid.IntRange(0, 2).Draw(t, "emails") {
			emails = append(emails, map[string]any{"value": pick("value", "e", "f", "g"), "type": pick("type", "work", "home"), "display": "d"})
		}
		if emails != nil {
			r["emails"] = emails
		}
		return r
	})
	keyed, matches := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := expression(4).Draw(t, "filter")
		e, err := filter.Parse(scim.Users, text)
		if err != nil {
			t.Skip(err)
		}
		r := user.Draw(t, "user")
		if filter.Match(e, r, nil) {
			matches++
			if filter.Cover(e, rank) != nil {
				keyed++
			}
			coverHolds(t, scim.Users, e, r, nil)
		}
	})
	if keyed < 5 {
		t.Errorf("of %d matches %d were by key", matches, keyed)
	}
}

// A filter with the most comparisons has as many look-ups at most.
func TestCoverIsBounded(t *testing.T) {
	e, err := filter.Parse(scim.Users, strings.Repeat(`userName eq "a" or `, filter.MaxTerms-1)+`id eq "b"`)
	if cover := filter.Cover(e, rank); err != nil || len(cover) != filter.MaxTerms {
		t.Errorf("%d, %v", len(cover), err)
	}
	_, err = filter.Parse(scim.Users, strings.Repeat(`userName eq "a" or `, filter.MaxTerms)+`id eq "b"`)
	if p := scimtest.Problem(t, err); p != "400 invalidFilter" {
		t.Error(p)
	}
}

func TestRequires(t *testing.T) {
	for text, want := range map[string]bool{
		`emails[type eq "work"]`:                            true,
		`emails[type eq "WORK" and value eq "a"]`:           true,
		`emails[value eq "a" and type eq "work"]`:           true,
		`emails[type eq "home"]`:                            false,
		`emails[type eq "work" or value eq "a"]`:            false,
		`emails[not (type eq "work")]`:                      false,
		`emails[type ne "work"]`:                            false,
		`emails[display eq "work"]`:                         false,
		`emails[type eq null and value eq "a"]`:             false,
		`emails[(type eq "work" or primary eq true)].value`: false,
		`emails`: false,
	} {
		target, err := filter.ParsePath(scim.Users, text)
		if got := filter.Requires(target.Filter, "type", "work"); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func TestIsEquality(t *testing.T) {
	for text, want := range map[string]bool{
		`userName eq "a"`: true,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "a"`: true,
		`emails[type eq "work"].value eq "a"`:                        true,
		`emails[type eq "work" and value eq "a"]`:                    false,
		`userName eq "a" and title eq "b"`:                           false,
		`not (userName eq "a")`:                                      false,
		`userName ne "a"`:                                            false,
		`active eq true`:                                             false,
		`title eq null`:                                              false,
	} {
		e, err := filter.Parse(scim.Users, text)
		if err != nil {
			t.Fatal(text, err)
		}
		if got := filter.IsEquality(e); got != want || got && len(filter.Cover(e, func(filter.Target) int { return 0 })) != 1 {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if filter.IsEquality(nil) {
		t.Error("no filter is an equality")
	}
}
