package filter_test

import (
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/scimtest"
)

func TestParsePath(t *testing.T) {
	for _, row := range []struct{ name, path, want, problem string }{
		{"rfc: attribute", `userName`, `userName`, ""},
		{"rfc: sub-attribute", `name.familyName`, `name.familyName`, ""},
		{"entra: capitals", `ADDRESSES[TYPE eq "other"].FORMATTED`, `addresses[type eq "other"].formatted`, ""},
		{"entra Q9: extension attribute", scim.EnterpriseURN + `:department`, scim.EnterpriseURN + `:department`, ""},
		{"entra Q9: extension sub-attribute", scim.EnterpriseURN + `:manager.value`, scim.EnterpriseURN + `:manager.value`, ""},
		{"entra Q9: bare extension attribute", `manager`, scim.EnterpriseURN + `:manager`, ""},
		{"entra Q9: extension", strings.ToUpper(scim.EnterpriseURN), scim.EnterpriseURN, ""},
		{"entra Q10: core URN", scim.UserURN + `:name.givenName`, `name.givenName`, ""},
		{"entra Q12: boolean against a string", `roles[primary eq "True"].value`, `roles[primary eq true].value`, ""},
		{"rfc: filter", `emails[type eq "work" and not (value ew "x" or primary eq false)]`, `emails[type eq "work" and not (value ew "x" or primary eq false)]`, ""},
		{"canaille: single quotes in brackets", `emails[type eq 'work'].value`, "", "400 invalidFilter"},
		{"canaille: typographic quotes in brackets", `emails[type eq ”work”].value`, "", "400 invalidFilter"},
		{"canaille: single quotes in a value path of members", `members[value eq 'x']`, "", "400 invalidPath"},
		{"canaille: a path in single quotes", `'title'`, "", "400 invalidPath"},
		{"canaille: a path in quotes", `"title"`, "", "400 invalidPath"},
		{"hostile: empty", ``, "", "400 invalidPath"},
		{"hostile: core URN alone", scim.UserURN, "", "400 invalidPath"},
		{"hostile: URN with a colon at the end", scim.EnterpriseURN + `:`, "", "400 invalidPath"},
		{"hostile: URN that goes on", scim.EnterpriseURN + `s:department`, "", "400 invalidPath"},
		{"hostile: attribute of another schema", scim.UserURN + `:department`, "", "400 invalidPath"},
		{"hostile: common attribute of an extension", scim.EnterpriseURN + `:externalId`, "", "400 invalidPath"},
		{"hostile: something follows", `userName eq "x"`, "", "400 invalidPath"},
		{"hostile: two dots", `name.familyName.x`, "", "400 invalidPath"},
		{"hostile: dot at the end", `name.`, "", "400 invalidPath"},
		{"hostile: dot at the start", `.name`, "", "400 invalidPath"},
		{"hostile: brackets twice", `emails[type eq "a"][type eq "b"]`, "", "400 invalidPath"},
		{"hostile: a part of a part", `emails[type eq "a"].value.x`, "", "400 invalidPath"},
		{"hostile: only brackets", `[type eq "a"]`, "", "400 invalidPath"},
		{"hostile: filter is broken", `emails[type]`, "", "400 invalidFilter"},
	} {
		t.Run(row.name, func(t *testing.T) {
			target, err := filter.ParsePath(scim.Users, row.path)
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v)", p, err)
			}
			if err == nil && target.String() != row.want {
				t.Errorf("got %s", target)
			}
		})
	}
}

// Every attribute of /Schemas is a filter attribute and a path (entra.md
// section 15).
func TestEveryAttributeIsKnown(t *testing.T) {
	for _, rt := range scim.ResourceTypes {
		for _, s := range slices.Concat([]*scim.Schema{rt.Schema}, rt.Extensions) {
			for _, a := range s.Attributes {
				names := []string{a.Name}
				for _, sub := range a.SubAttributes {
					names = append(names, a.Name+"."+sub.Name)
				}
				for _, name := range names {
					for _, path := range []string{name, strings.ToUpper(name), s.ID + ":" + name} {
						if _, err := filter.ParsePath(rt, path); err != nil {
							t.Error(err)
						}
					}
				}
			}
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{
		`userName`, `name.familyName`, `emails[type eq "work"].value`, `roles[primary eq "True"].display`, `members[value eq "a"]`, scim.UserURN + `:name.givenName`,
		scim.EnterpriseURN, scim.EnterpriseURN + `:manager.value`, `addresses[type eq "other"].Formatted`, `emails[type eq "a" or not (value pr)]`, `URN:`, `urn:a:b.c`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, rt := range scim.ResourceTypes {
			target, err := filter.ParsePath(rt, s)
			if err != nil {
				scimtest.Refused(t, err)
				continue
			}
			printed := target.String()
			if len(printed) > filter.MaxLength {
				continue
			}
			again, err := filter.ParsePath(rt, printed)
			if err != nil || again.String() != printed {
				t.Fatalf("%q is printed as %q, and then as %q (%v)", s, printed, again, err)
			}
		}
	})
}
