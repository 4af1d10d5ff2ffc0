package scim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/fault"

	"github.com/google/go-cmp/cmp"
)

// rendered is babs as clients see her.
func rendered(t testing.TB) map[string]any {
	at := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	return Users.Render(resource(t, babs), Meta{ID: "u-1", Created: at, LastModified: at.Add(time.Hour), Version: 3, Location: "https://x/Users/u-1"})
}

func TestFilterUsers(t *testing.T) {
	yes, no := true, false
	r := rendered(t)
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
		{"entra Q9: extension URN", enterprise + `:department eq "tours"`, &yes},
		{"entra Q9: extension URN with a sub-attribute", enterprise + `:manager.value eq "m-1"`, &yes},
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
		{"rfc: pr of an extension", enterprise + ` pr`, &yes},
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
		{"hostile: blank", `  `, nil},
		{"hostile: no operator", `title`, nil},
		{"hostile: no value", `title eq`, nil},
		{"hostile: no attribute", `eq "x"`, nil},
		{"hostile: unknown operator", `title like "x"`, nil},
		{"hostile: sign as an operator", `title = "x"`, nil},
		{"hostile: unknown attribute", `shoeSize eq "44"`, nil},
		{"hostile: unknown sub-attribute", `name.nope eq "x"`, nil},
		{"hostile: unknown URN", `urn:x:2.0:User:title pr`, nil},
		{"hostile: core URN alone", UserURN + ` pr`, nil},
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
		{"hostile: extension compared", enterprise + ` eq "x"`, nil},
		{"rfc: complex without a value", `name eq "x"`, nil},
		{"rfc: gt on a boolean", `active gt true`, nil},
		{"rfc: co on a boolean", `active co "tr"`, nil},
		{"rfc: a boolean against another text", `active eq "yes"`, nil},
		{"rfc: gt null", `title gt null`, nil},
		{"rfc: a date against a text", `meta.created gt "yesterday"`, nil},
		{"rfc: a date against a boolean", `meta.created eq true`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, err := Users.ParseFilter(row.filter)
			if row.want == nil {
				if p := problem(t, err); p != "400 invalidFilter" {
					t.Fatalf("got %q (%v)", p, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := Match(e, r, nil); got != *row.want {
				t.Errorf("%s gives %v", e, got)
			}
			printed := e.String()
			e, err = Users.ParseFilter(printed)
			if err != nil {
				t.Fatalf("printed as %s: %v", printed, err)
			}
			if e.String() != printed || Match(e, r, nil) != *row.want {
				t.Errorf("printed as %s, then as %s", printed, e)
			}
		})
	}
}

func TestFilterNamesThePosition(t *testing.T) {
	for filter, want := range map[string]string{
		`title pr and shoeSize pr`:      "at position 14: ",
		`title like "x"`:                "at position 7: ",
		"title eq \"\ufffd\xff\"":       "at position 14: ",
		"\xff":                          "at position 1: ",
		`emails[nope eq "x"]`:           "at position 8: ",
		`active gt true`:                "at position 11: ",
		`emails[type eq "work"].nope`:   "at position 24: ",
		`title eq "x" and (title pr`:    "at position 27: ",
		`(((title pr) and title pr) x)`: "at position 28: ",
	} {
		_, err := Users.ParseFilter(filter)
		if e, ok := err.(*fault.Error); !ok || !strings.HasPrefix(e.Detail, want) {
			t.Errorf("%s: got %v, want %s…", filter, err, want)
		}
	}
}

// The elements of members are records: the filter asks for one by its value.
func TestFilterGroups(t *testing.T) {
	r := Groups.Render(resource(t, guides), Meta{ID: "G"})
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
		{"entra Q10: core URN prefix", GroupURN + `:members eq U`, "true", "U"},
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
			matchKeyed(t, Groups, r, row.filter, "U", row.want, row.asked)
		})
	}
}

func TestEqualities(t *testing.T) {
	for _, row := range []struct {
		name   string
		rt     *ResourceType
		filter string
		want   []string
	}{
		{"entra: userName", Users, `userName eq "A@x"`, []string{"userName=A@x"}},
		{"entra: unquoted", Users, `externalId eq jyoung`, []string{"externalId=jyoung"}},
		{"entra: work e-mail", Users, `emails[type eq "work"].value eq "a"`, []string{`emails[type eq "work"].value=a`}},
		{"entra: work e-mail as a value path", Users, `emails[type eq "work" and value eq "a"]`, []string{`emails[type eq "work"].value=a`}},
		{"entra: value path the other way round", Users, `emails[value eq "a" and type eq "work"]`, []string{`emails[type eq "work"].value=a`}},
		{"entra: value path alone", Users, `emails[value eq "a"]`, []string{`emails.value=a`}},
		{"entra: any e-mail", Users, `emails eq "a"`, []string{`emails.value=a`}},
		{"entra U6: manager", Users, `id eq "X" and manager eq "Y"`, []string{"id=X", enterprise + ":manager.value=Y"}},
		{"entra G8: members", Groups, `id eq "G" and members eq "U"`, []string{"id=G", "members.value=U"}},
		{"rfc: members as a value path", Groups, `members[value eq "U"]`, []string{"members.value=U"}},
		{"rfc: and of three", Users, `userName eq a and (title eq b and nickName eq c)`, []string{"userName=a", "title=b", "nickName=c"}},
		{"rfc: the rest of a value path", Users, `emails[type eq "work" and value eq "a" and primary eq true and display eq "b"]`,
			[]string{`emails[type eq "work" and primary eq true and display eq "b"].value=a`}},
		{"rfc: or needs neither", Users, `userName eq a or title eq b`, nil},
		{"rfc: or beside and", Users, `(userName eq a or title eq b) and nickName eq c`, []string{"nickName=c"}},
		{"rfc: not", Users, `not (userName eq a)`, nil},
		{"rfc: other operators", Users, `userName sw a and title ne b and nickName pr`, nil},
		{"rfc: booleans and dates are no keys", Users, `active eq true and meta.created eq "2026-01-15T12:00:00Z"`, nil},
		{"rfc: null is no key", Users, `title eq null`, nil},
		{"rfc: value path with or", Users, `emails[value eq "a" or type eq "work"]`, nil},
		{"rfc: value path without a value", Users, `emails[type eq "work"]`, nil},
		{"rfc: value path with a part", Users, `emails[value eq "a"].display pr`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, err := row.rt.ParseFilter(row.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, q := range Equalities(e) {
				got = append(got, q.Target.String()+"="+q.Value)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParsePath(t *testing.T) {
	for _, row := range []struct{ name, path, want, problem string }{
		{"rfc: attribute", `userName`, `userName`, ""},
		{"rfc: sub-attribute", `name.familyName`, `name.familyName`, ""},
		{"entra: capitals", `ADDRESSES[TYPE eq "other"].FORMATTED`, `addresses[type eq "other"].formatted`, ""},
		{"entra Q9: extension attribute", enterprise + `:department`, enterprise + `:department`, ""},
		{"entra Q9: extension sub-attribute", enterprise + `:manager.value`, enterprise + `:manager.value`, ""},
		{"entra Q9: bare extension attribute", `manager`, enterprise + `:manager`, ""},
		{"entra Q9: extension", strings.ToUpper(enterprise), enterprise, ""},
		{"entra Q10: core URN", UserURN + `:name.givenName`, `name.givenName`, ""},
		{"entra Q12: boolean against a string", `roles[primary eq "True"].value`, `roles[primary eq true].value`, ""},
		{"rfc: filter", `emails[type eq "work" and not (value ew "x" or primary eq false)]`, `emails[type eq "work" and not (value ew "x" or primary eq false)]`, ""},
		{"hostile: empty", ``, "", "400 invalidPath"},
		{"hostile: core URN alone", UserURN, "", "400 invalidPath"},
		{"hostile: URN with a colon at the end", enterprise + `:`, "", "400 invalidPath"},
		{"hostile: URN that goes on", enterprise + `s:department`, "", "400 invalidPath"},
		{"hostile: attribute of another schema", UserURN + `:department`, "", "400 invalidPath"},
		{"hostile: common attribute of an extension", enterprise + `:externalId`, "", "400 invalidPath"},
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
			target, err := Users.ParsePath(row.path)
			if p := problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v)", p, err)
			}
			if err == nil && target.String() != row.want {
				t.Errorf("got %s", target)
			}
		})
	}
}

// Every attribute that /Schemas publishes takes a filter and a path (entra.md
// section 15).
func TestEveryAttributeIsKnown(t *testing.T) {
	for _, rt := range ResourceTypes {
		for _, s := range slices.Concat([]*Schema{rt.Schema}, rt.Extensions) {
			for _, a := range s.Attributes {
				names := []string{a.Name}
				for _, sub := range a.SubAttributes {
					names = append(names, a.Name+"."+sub.Name)
				}
				for _, name := range names {
					for _, path := range []string{name, strings.ToUpper(name), s.ID + ":" + name} {
						if _, err := rt.ParsePath(path); err != nil {
							t.Error(err)
						}
					}
				}
			}
		}
	}
}

// matchKeyed matches a filter on a resource whose keyed attribute has the one
// element `has`, and tells which element it must ask for; want "" is a filter
// that is refused. Printed and read again it matches the same.
func matchKeyed(t *testing.T, rt *ResourceType, r map[string]any, filter, has, want, wantAsked string) {
	t.Helper()
	e, err := rt.ParseFilter(filter)
	if want == "" {
		if p := problem(t, err); p != "400 invalidFilter" {
			t.Fatalf("got %q (%v)", p, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	asked := ""
	keyed := func(id string) bool { asked = id; return id == has }
	if got := Match(e, r, keyed); got != (want == "true") || asked != wantAsked {
		t.Errorf("got %v after asking for %q", got, asked)
	}
	again, err := rt.ParseFilter(e.String())
	if err != nil || again.String() != e.String() || Match(again, r, keyed) != (want == "true") {
		t.Errorf("printed as %s, then as %v (%v)", e, again, err)
	}
}
