package filter_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"

	"github.com/google/go-cmp/cmp"
)

// equalitiesHold checks that the equalities of a filter hold for a resource
// that it matches.
func equalitiesHold(t interface{ Fatalf(string, ...any) }, rt *scim.ResourceType, e filter.Expr, r map[string]any) {
	for _, q := range filter.Equalities(e) {
		literal, _ := json.Marshal(q.Value)
		text := fmt.Sprintf("%s eq %s", q.Target, literal)
		needed, err := filter.Parse(rt, text)
		if len(text) > filter.MaxLength {
			continue
		}
		if err != nil || !filter.Match(needed, r, func(string) bool { return true }) {
			t.Fatalf("%s matches %s without %s (%v)", e, resource.Encode(r), text, err)
		}
	}
}

func TestEqualities(t *testing.T) {
	for _, row := range []struct {
		name   string
		rt     *scim.ResourceType
		filter string
		want   []string
	}{
		{"entra: userName", scim.Users, `userName eq "A@x"`, []string{"userName=A@x"}},
		{"entra: unquoted", scim.Users, `externalId eq jyoung`, []string{"externalId=jyoung"}},
		{"entra: work e-mail", scim.Users, `emails[type eq "work"].value eq "a"`, []string{`emails[type eq "work"].value=a`}},
		{"entra: work e-mail as a value path", scim.Users, `emails[type eq "work" and value eq "a"]`, []string{`emails[type eq "work"].value=a`}},
		{"entra: value path the other way round", scim.Users, `emails[value eq "a" and type eq "work"]`, []string{`emails[type eq "work"].value=a`}},
		{"entra: value path alone", scim.Users, `emails[value eq "a"]`, []string{`emails.value=a`}},
		{"entra: any e-mail", scim.Users, `emails eq "a"`, []string{`emails.value=a`}},
		{"entra U6: manager", scim.Users, `id eq "X" and manager eq "Y"`, []string{"id=X", scim.EnterpriseURN + ":manager.value=Y"}},
		{"entra G8: members", scim.Groups, `id eq "G" and members eq "U"`, []string{"id=G", "members.value=U"}},
		{"rfc: members as a value path", scim.Groups, `members[value eq "U"]`, []string{"members.value=U"}},
		{"rfc: and of three", scim.Users, `userName eq a and (title eq b and nickName eq c)`, []string{"userName=a", "title=b", "nickName=c"}},
		{"rfc: the rest of a value path", scim.Users, `emails[type eq "work" and value eq "a" and primary eq true and display eq "b"]`,
			[]string{`emails[type eq "work" and primary eq true and display eq "b"].value=a`}},
		{"rfc: or needs neither", scim.Users, `userName eq a or title eq b`, nil},
		{"rfc: or beside and", scim.Users, `(userName eq a or title eq b) and nickName eq c`, []string{"nickName=c"}},
		{"rfc: not", scim.Users, `not (userName eq a)`, nil},
		{"rfc: other operators", scim.Users, `userName sw a and title ne b and nickName pr`, nil},
		{"rfc: booleans and dates are no keys", scim.Users, `active eq true and meta.created eq "2026-01-15T12:00:00Z"`, nil},
		{"rfc: null is no key", scim.Users, `title eq null`, nil},
		{"rfc: value path with or", scim.Users, `emails[value eq "a" or type eq "work"]`, nil},
		{"rfc: value path without a value", scim.Users, `emails[type eq "work"]`, nil},
		{"rfc: value path with a part", scim.Users, `emails[value eq "a"].display pr`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, err := filter.Parse(row.rt, row.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, q := range filter.Equalities(e) {
				got = append(got, q.Target.String()+"="+q.Value)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEqualitiesOfGroups(t *testing.T) {
	for _, text := range []string{`groups eq "G" and title pr`, `title pr and groups.value eq "G"`, `groups[value eq "G"]`} {
		e, err := filter.Parse(scim.Users, text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, q := range filter.Equalities(e) {
			got = append(got, q.Target.String()+"="+q.Value)
		}
		if diff := cmp.Diff([]string{"groups.value=G"}, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
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
		if got := filter.IsEquality(e); got != want || got && len(filter.Equalities(e)) != 1 {
			t.Errorf("%s: %v", text, got)
		}
	}
	if filter.IsEquality(nil) {
		t.Error("no filter is an equality")
	}
}
