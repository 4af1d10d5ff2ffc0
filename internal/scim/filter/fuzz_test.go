package filter_test

import (
	"strings"
	"testing"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		`userName eq "guid"`, `externalId eq jyoung`, `emails[type eq "work"].value eq "a"`, `roles[primary eq "True"].value eq "x"`,
		`id eq "X" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "Y"`, `id eq "G" and members eq "U"`,
		`members[value eq "a"]`, `not (title pr) or (active ne false and meta.created gt "2026-01-15T12:00:00Z")`,
		`emails[not (type eq "work") and (display pr or value co "\u00e9\\")]`, `title eq null`, "title\tsw \xff", `schemas eq "x"`, `((((`,
		`groups eq "G" and groups[value eq "U"]`, scimtest.SizesURN + `:rank ge 4.20e1 or steps[value lt "-0.5" and at gt "2026-01-15T12:00:00Z"]`, `marks eq 9007199254740993 and size ne 1e-9`,
	} {
		f.Add(s)
	}
	user, group := scimtest.Rendered(f), resource.Render(scim.Groups, scimtest.Object(f, scimtest.Guides), resource.Meta{ID: "G"})
	extended, sized := scim.Users.Extend(scimtest.Sizes(f)), scimtest.Sized(f)
	keyed := func(id string) bool { return id == "U" }
	f.Fuzz(func(t *testing.T, s string) {
		for rt, r := range map[*scim.ResourceType]map[string]any{scim.Users: user, scim.Groups: group, extended: sized} {
			e, err := filter.Parse(rt, s)
			if err != nil {
				scimtest.Refused(t, err)
				if len(s) <= filter.MaxLength && !strings.HasPrefix(err.(*fault.Error).Detail, "at position ") {
					t.Fatalf("%v names no position", err)
				}
				continue
			}
			got, printed := filter.Match(e, r, keyed), e.String()
			if got {
				coverHolds(t, rt, e, r, keyed)
			}
			if len(printed) > filter.MaxLength {
				continue // full names are longer than what was sent
			}
			again, err := filter.Parse(rt, printed)
			if err != nil {
				t.Fatalf("%q is printed as %q: %v", s, printed, err)
			}
			if again.String() != printed || filter.Match(again, r, keyed) != got {
				t.Fatalf("%q is printed as %q, and then as %q", s, printed, again)
			}
		}
	})
}
