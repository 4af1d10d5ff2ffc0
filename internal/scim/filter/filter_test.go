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

func TestFilterUsers(t *testing.T) {
	yes, no := true, false
	r := scimtest.Rendered(t)
	for _, row := range []struct {
		name, filter string
		want         *bool // nil: invalidFilter
	}{
		{"entra U1 Q21: userName", `userName eq "bjensen@example.com"`, &yes},
		{"entra Q21: userName in other case", `userName eq "BJensen@Example.COM"`, &yes},
		{"entra Q17: eq is no wildcard", `userName eq "bjensen"`, &no},
		{"entra Q17: a star is a star", `userName eq "*"`, &no},
		{"entra Q15: externalId", `externalId eq "ext-1"`, &yes},
		{"entra Q15: externalId is case-exact", `externalId eq "EXT-1"`, &no},
		{"entra Q15: work e-mail", `emails[type eq "work"].value eq "bjensen@example.com"`, &yes},
		{"entra Q15: work e-mail in other case", `Emails[Type eq "Work"].Value eq "BJENSEN@example.com"`, &yes},
		{"entra: value of another type", `emails[type eq "work"].value eq "babs@example.org"`, &no},
		{"entra: value path", `emails[type eq "work" and value eq "bjensen@example.com"]`, &yes},
		{"entra: value path across elements", `emails[type eq "work" and value eq "babs@example.org"]`, &no},
		{"entra: unquoted literal", `externalId eq ext-1`, &yes},
		{"entra: unquoted literal in a group", `(externalId eq ext-1)`, &yes},
		{"entra U6: reference check", `id eq "u-1" and manager eq "m-1"`, &yes},
		{"entra U6: reference check the other way round", `manager eq "m-1" and id eq "u-1"`, &yes},
		{"entra U6: another manager", `id eq "u-1" and manager eq "m-2"`, &no},
		{"entra Q10: core URN prefix", `urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bjensen@example.com"`, &yes},
		{"entra Q10: core URN prefix with a dot", `urn:ietf:params:scim:schemas:core:2.0:User:name.givenName eq "barbara"`, &yes},
		{"entra Q10: core URN prefix with brackets", `urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work"].value eq "bjensen@example.com"`, &yes},
		{"entra Q9: extension URN", scim.EnterpriseURN + `:department eq "tours"`, &yes},
		{"entra Q9: extension URN with a sub-attribute", scim.EnterpriseURN + `:manager.value eq "m-1"`, &yes},
		{"entra Q12: boolean against a string", `roles[primary eq "True"].value eq "Admin"`, &yes},
		{"entra Q12: boolean against an unquoted string", `active eq True`, &yes},
		{"entra Q12: boolean against a string, false", `active eq "False"`, &no},
		{"entra Q26: inactive users are found", `active ne false`, &yes},
		{"entra Q36: signs in a value", `displayName eq "R'D + 100% #1 \"q\" ü"`, &no},
		{"rfc: boolean", `active eq true`, &yes},
		{"rfc: common attribute under the core URN", `urn:ietf:params:scim:schemas:core:2.0:User:externalId eq "ext-1"`, &yes},
		{"rfc: id", `id eq "u-1"`, &yes},
		{"rfc: id is case-exact", `id eq "U-1"`, &no},
		{"rfc: schemas", `schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"`, &yes},
		{"rfc: ne", `title ne "Boss"`, &yes},
		{"rfc: ne of what is equal", `title ne "guide"`, &no},
		{"rfc: ne of what is absent", `nickName ne "x"`, &yes},
		{"rfc: co", `userName co "JENSEN"`, &yes},
		{"rfc: sw", `userName sw "bj"`, &yes},
		{"rfc: sw of the middle", `userName sw "jensen"`, &no},
		{"rfc: ew", `userName ew ".COM"`, &yes},
		{"rfc: gt", `title gt "Guida"`, &yes},
		{"rfc: gt of itself", `title gt "guide"`, &no},
		{"rfc: ge of itself", `title ge "GUIDE"`, &yes},
		{"rfc: lt", `title lt "guidf"`, &yes},
		{"rfc: le", `title le "guide"`, &yes},
		{"rfc: le of less", `title le "a"`, &no},
		{"rfc: pr", `title pr`, &yes},
		{"rfc: pr of what is absent", `nickName pr`, &no},
		{"rfc: pr of an absent part", `name.middleName pr`, &no},
		{"rfc: pr of a list", `emails pr`, &yes},
		{"rfc: pr of a part of a list", `emails.display pr`, &yes},
		{"rfc: pr of a part of an element", `emails[type eq "work"].display pr`, &no},
		{"rfc: pr of an extension", scim.EnterpriseURN + ` pr`, &yes},
		{"rfc: value path with pr", `emails[type eq "work"] pr`, &yes},
		{"rfc: eq null", `nickName eq null`, &yes},
		{"rfc: eq null of what is there", `title eq null`, &no},
		{"rfc: ne null", `title ne null`, &yes},
		{"rfc: a list by its value", `emails co "example.org"`, &yes},
		{"rfc: a list by its value with brackets", `emails[type eq "home"] co "example.org"`, &yes},
		{"rfc: any element", `emails.type eq "home"`, &yes},
		{"rfc: and binds tighter than or", `title pr or title pr and nickName pr`, &yes},
		{"rfc: grouping", `(title pr or title pr) and nickName pr`, &no},
		{"rfc: not", `not (nickName pr)`, &yes},
		{"rfc: not with blanks", `not  ( title pr )`, &no},
		{"rfc: operators in any case", `TITLE PR AND NOT (nickName PR) OR title EQ "x"`, &yes},
		{"rfc: example of value path with co", `emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`, &yes},
		{"rfc: not and or in brackets", `emails[not (type eq "work") and (display pr or value eq "x")]`, &yes},
		{"rfc: dates compare as times", `meta.created eq "2026-01-15T13:00:00+01:00"`, &yes},
		{"rfc: date gt", `meta.lastModified gt "2026-01-15T12:59:59.999Z"`, &yes},
		{"rfc: date le", `meta.lastModified le "2026-01-15T12:59:59Z"`, &no},
		{"rfc: date sw", `meta.created sw "2026-01-15t"`, &yes},
		{"rfc: meta.resourceType", `meta.resourceType eq "User"`, &yes},
		{"rfc: meta.version", `meta.version eq "W/\"3\""`, &yes},
		{"rfc: escapes", `title eq "\u0047uide"`, &yes},
		{"hostile: keyword as a value", `title eq and`, &no},
		{"hostile: tab between words", "title\teq\t\"guide\"", &yes},
		{"hostile: blanks around", `  title pr  `, &yes},
		{"hostile: number for a string", `title eq 5`, &no},
		{"hostile: text that folds", `name.familyName eq "JENſEN"`, &yes},

		{"hostile: empty", ``, nil},
		{"hostile: not UTF-8", "title eq \xff", nil},
		{"canaille: single quotes", `userName eq 'bjensen@example.com'`, nil},
		{"canaille: single quotes around words", `displayName eq 'Barbara Jensen'`, nil},
		{"canaille: single quotes in brackets", `emails[type eq 'work'].value eq "bjensen@example.com"`, nil},
		{"canaille: single quotes after brackets", `emails[type eq "work"].value eq 'bjensen@example.com'`, nil},
		{"canaille: one single quote", `userName eq 'bjensen`, nil},
		{"canaille: a single quote at the end", `userName eq bjensen'`, nil},
		{"canaille: a lone single quote", `userName eq '`, nil},
		{"canaille: single quotes against a boolean", `active eq 'true'`, nil},
		{"canaille: single quotes in or", `userName eq "x" or userName eq 'y'`, nil},
		{"manual: typographic quotes", `userName eq “bjensen@example.com”`, nil},
		{"manual: typographic single quotes", `userName eq ‘bjensen@example.com’`, nil},
		{"manual: backquotes", "userName eq `bjensen@example.com`", nil},
		{"manual: a quoted attribute", `"userName" eq "bjensen@example.com"`, nil},
		{"manual: an attribute in single quotes", `'userName' eq "bjensen@example.com"`, nil},
		{"entra: an apostrophe in a word", `name.familyName eq O'Brien`, &no},
		{"entra: quotes in a string", `name.familyName eq "'Jensen'"`, &no},
		{"nextcloud: unquoted with a plus", `userName eq a+b@x`, &no},
		{"hostile: blank", `  `, nil},
		{"hostile: no operator", `title`, nil},
		{"hostile: no value", `title eq`, nil},
		{"hostile: no attribute", `eq "x"`, nil},
		{"hostile: unknown operator", `title like "x"`, nil},
		{"hostile: sign as an operator", `title = "x"`, nil},
		{"hostile: unknown attribute", `shoeSize eq "44"`, nil},
		{"hostile: unknown sub-attribute", `name.nope eq "x"`, nil},
		{"hostile: unknown URN", `urn:x:2.0:User:title pr`, nil},
		{"hostile: core URN alone", scim.UserURN + ` pr`, nil},
		{"hostile: open string", `title eq "x`, nil},
		{"hostile: open string after an escape", `title eq "x\"`, nil},
		{"hostile: bad escape", `title eq "\x"`, nil},
		{"hostile: line end in a string", "title eq \"a\nb\"", nil},
		{"hostile: two values", `title eq "x" "y"`, nil},
		{"hostile: value at once after a word", `title eq x"y"`, nil},
		{"hostile: dangling and", `title pr and`, nil},
		{"hostile: dangling or", `or title pr`, nil},
		{"hostile: not without a group", `not title pr`, nil},
		{"hostile: open group", `(title pr`, nil},
		{"hostile: closed too often", `title pr)`, nil},
		{"hostile: empty group", `()`, nil},
		{"hostile: group as a value", `title eq (x)`, nil},
		{"hostile: open brackets", `emails[type eq "work"`, nil},
		{"hostile: group open in brackets", `emails[(type eq "work"]`, nil},
		{"hostile: brackets in brackets", `emails[emails[type pr]]`, nil},
		{"hostile: empty brackets", `emails[]`, nil},
		{"hostile: brackets on a simple attribute", `title[value eq "x"]`, nil},
		{"hostile: brackets on a sub-attribute", `emails.value[type eq "x"]`, nil},
		{"hostile: dot at the end", `emails[type eq "work"]. eq "x"`, nil},
		{"hostile: extension compared", scim.EnterpriseURN + ` eq "x"`, nil},
		{"rfc: complex without a value", `name eq "x"`, nil},
		{"rfc: gt on a boolean", `active gt true`, nil},
		{"rfc: co on a boolean", `active co "tr"`, nil},
		{"rfc: a boolean against another text", `active eq "yes"`, nil},
		{"rfc: gt null", `title gt null`, nil},
		{"rfc: a date against a text", `meta.created gt "yesterday"`, nil},
		{"rfc: a date against a boolean", `meta.created eq true`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, err := filter.Parse(scim.Users, row.filter)
			if row.want == nil {
				if p := scimtest.Problem(t, err); p != "400 invalidFilter" {
					t.Fatalf("got %q (%v)", p, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := filter.Match(e, r, nil); got != *row.want {
				t.Errorf("%s gives %v", e, got)
			}
			printed := e.String()
			e, err = filter.Parse(scim.Users, printed)
			if err != nil {
				t.Fatalf("printed as %s: %v", printed, err)
			}
			if e.String() != printed || filter.Match(e, r, nil) != *row.want {
				t.Errorf("printed as %s, then as %s", printed, e)
			}
		})
	}
}

func TestFilterNamesThePosition(t *testing.T) {
	for text, want := range map[string]string{
		`title pr and shoeSize pr`:      "at position 14: ",
		`title like "x"`:                "at position 7: ",
		"title eq \"\ufffd\xff\"":       "at position 14: ",
		"\xff":                          "at position 1: ",
		`emails[nope eq "x"]`:           "at position 8: ",
		`active gt true`:                "at position 11: ",
		`userName eq 'a'`:               "at position 13: \"'a'\": only \" encloses a string, as in \"a\"",
		`'userName' eq "a"`:             "at position 1: an attribute has no quotation marks",
		`emails[type eq "work"].nope`:   "at position 24: ",
		`title eq "x" and (title pr`:    "at position 27: ",
		`(((title pr) and title pr) x)`: "at position 28: ",
	} {
		_, err := filter.Parse(scim.Users, text)
		if e, ok := err.(*fault.Error); !ok || !strings.HasPrefix(e.Detail, want) {
			t.Errorf("%s: got %v, want %s…", text, err, want)
		}
	}
}

// Members are records: the filter looks one up by its value.
func TestFilterGroups(t *testing.T) {
	r := resource.Render(scim.Groups, scimtest.Object(t, scimtest.Guides), resource.Meta{ID: "G"})
	for _, row := range []struct {
		name, filter string
		want, asked  string // "" for invalidFilter
	}{
		{"entra G1 Q28: displayName in other case", `displayName eq "GUIDES"`, "true", ""},
		{"entra Q28: externalId", `externalId eq "g-1"`, "true", ""},
		{"entra G8: membership check", `id eq "G" and members eq "U"`, "true", "U"},
		{"entra G8: membership check the other way round", `members eq "U" and id eq "G"`, "true", "U"},
		{"entra G8: of another group", `id eq "H" and members eq "U"`, "false", ""},
		{"entra G8: no member", `id eq "G" and members eq "nobody"`, "false", "nobody"},
		{"rfc: members.value", `members.value eq "U"`, "true", "U"},
		{"rfc: value path", `members[value eq "U"]`, "true", "U"},
		{"rfc: value path with pr", `members[value eq "U"] pr`, "true", "U"},
		{"rfc: not a member", `not (members eq "nobody")`, "true", "nobody"},
		{"entra Q10: core URN prefix", scim.GroupURN + `:members eq U`, "true", "U"},
		{"hostile: ids are case-exact", `members eq "u"`, "false", "u"},
		{"hostile: ne", `members ne "U"`, "", ""},
		{"hostile: co", `members co "U"`, "", ""},
		{"hostile: null", `members eq null`, "", ""},
		{"hostile: pr", `members pr`, "", ""},
		{"hostile: pr of a part", `members.value pr`, "", ""},
		{"hostile: display", `members.display eq "x"`, "", ""},
		{"hostile: type in brackets", `members[type eq "User"]`, "", ""},
		{"hostile: two in brackets", `members[value eq "U" or value eq "V"]`, "", ""},
		{"hostile: brackets and a part", `members[value eq "U"].display eq "x"`, "", ""},
		{"hostile: brackets and the value", `members[value eq "U"].value eq "U"`, "", ""},
		{"hostile: a part is there", `members[value eq "U"].display pr`, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			matchKeyed(t, scim.Groups, r, row.filter, "U", row.want, row.asked)
		})
	}
}

// matchKeyed matches a filter on a resource whose keyed attribute has one
// element, `has`. It checks which element the filter looks up; want "" means
// invalidFilter. The printed filter must match the same.
func matchKeyed(t *testing.T, rt *scim.ResourceType, r map[string]any, text, has, want, wantAsked string) {
	t.Helper()
	e, err := filter.Parse(rt, text)
	if want == "" {
		if p := scimtest.Problem(t, err); p != "400 invalidFilter" {
			t.Fatalf("got %q (%v)", p, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	asked := ""
	keyed := func(id string) bool { asked = id; return id == has }
	if got := filter.Match(e, r, keyed); got != (want == "true") || asked != wantAsked {
		t.Errorf("got %v after asking for %q", got, asked)
	}
	again, err := filter.Parse(rt, e.String())
	if err != nil || again.String() != e.String() || filter.Match(again, r, keyed) != (want == "true") {
		t.Errorf("printed as %s, then as %v (%v)", e, again, err)
	}
}

// The groups of a user are records: the filter looks one up by its value.
func TestFilterGroupsOfUsers(t *testing.T) {
	r := scimtest.Rendered(t)
	for _, row := range []struct {
		name, filter string
		want, asked  string // "" for invalidFilter
	}{
		{"rfc: by value", `groups eq "G"`, "true", "G"},
		{"rfc: groups.value", `groups.value eq "G"`, "true", "G"},
		{"rfc: value path", `groups[value eq "G"]`, "true", "G"},
		{"rfc: with the core URN, in any case", scim.UserURN + `:GROUPS.VALUE EQ "G"`, "true", "G"},
		{"rfc: in another group", `groups eq "H"`, "false", "H"},
		{"rfc: not in a group", `not (groups eq "H") and active eq true`, "true", "H"},
		{"rfc: what fails before is not asked", `title eq "x" and groups eq "G"`, "false", ""},
		{"hostile: ids are case-exact", `groups eq "g"`, "false", "g"},
		{"hostile: ne", `groups ne "G"`, "", ""},
		{"hostile: co", `groups co "G"`, "", ""},
		{"hostile: null", `groups eq null`, "", ""},
		{"hostile: pr", `groups pr`, "", ""},
		{"hostile: by name", `groups.display eq "Guides"`, "", ""},
		{"hostile: by type", `groups[type eq "direct"]`, "", ""},
		{"hostile: two in brackets", `groups[value eq "G" and type eq "direct"]`, "", ""},
		{"hostile: users have no members", `members eq "u-1"`, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			matchKeyed(t, scim.Users, r, row.filter, "G", row.want, row.asked)
		})
	}
}
