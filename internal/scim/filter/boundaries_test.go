package filter_test

import (
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"

	"github.com/google/go-cmp/cmp"
)

// Groups beside each other are not nested.
func TestGroupsBesideEachOther(t *testing.T) {
	text := strings.Repeat(`(title pr) and `, filter.MaxDepth+1) + `(title pr)`
	if _, err := filter.Parse(scim.Users, text); err != nil {
		t.Error(err)
	}
}

// A keyword ends where a name would go on.
func TestKeywordsAreWords(t *testing.T) {
	for _, text := range []string{`title pr ornickName pr`, `title pr andnickName pr`, `title pr or_nickName pr`} {
		if e, err := filter.Parse(scim.Users, text); err == nil {
			t.Errorf("%s is read as %s", text, e)
		}
	}
}

// Every comparison counts, on both sides of an operator.
func TestComparisonsAreCounted(t *testing.T) {
	for text, want := range map[string]int{
		`title pr`:                                     1,
		`title pr or nickName pr`:                      2,
		`title pr and nickName pr`:                     2,
		`not (title pr or (nickName pr and title pr))`: 3,
	} {
		e, err := filter.Parse(scim.Users, text)
		if err != nil {
			t.Fatal(err)
		}
		if n := filter.Comparisons(e); n != want {
			t.Errorf("%s: %d comparisons, want %d", text, n, want)
		}
	}
}

// Members are named by alternatives only: of two ids that are joined by and,
// neither is meant.
func TestValuesAreAlternatives(t *testing.T) {
	for text, want := range map[string]bool{
		`members[value eq "a"]`:                                    true,
		`members[value eq "a" or value eq "b"]`:                    true,
		`members[value eq "a" and value eq "b"]`:                   false,
		`members[value eq "a" or value eq "b" and value eq "c"]`:   false,
		`members[value eq "a" or display eq "b"]`:                  false,
		`members[(value eq "a" and value eq "b") or value eq "c"]`: false,
		`members[value ne "a"]`:                                    false,
	} {
		target, err := filter.ParsePath(scim.Groups, text)
		if err != nil {
			t.Fatal(text, err)
		}
		if _, ok := filter.Values(target.Filter); ok != want {
			t.Errorf("%s: %v, want %v", text, ok, want)
		}
	}
}

// A filter describes the element that it asks for. Only one of canonical values is
// made by a replace that matches nothing: a date, a number or a text is not.
func TestDescribe(t *testing.T) {
	extension, err := scim.ParseExtension([]byte(`{"id":"urn:x:y","attributes":[{"name":"badges","type":"complex","multiValued":true,"subAttributes":[
		{"name":"since","type":"dateTime"},{"name":"rank","type":"integer"},{"name":"kind","canonicalValues":["door"]},{"name":"primary","type":"boolean"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	users := scim.Users.Extend(extension)
	for text, row := range map[string]struct {
		want      map[string]any
		canonical bool
	}{
		`kind eq "door"`:                                     {map[string]any{"kind": "door"}, true},
		`kind eq "door" and primary eq true`:                 {map[string]any{"kind": "door", "primary": true}, true},
		`primary eq false`:                                   {map[string]any{"primary": false}, false},
		`kind eq "gate"`:                                     {map[string]any{"kind": "gate"}, false},
		`kind eq "door" or primary eq true`:                  {map[string]any{}, false},
		`since eq "2026-01-15T12:00:00+01:00"`:               {map[string]any{"since": "2026-01-15T12:00:00+01:00"}, false},
		`kind eq "door" and since eq "2026-01-15T12:00:00Z"`: {map[string]any{"kind": "door", "since": "2026-01-15T12:00:00Z"}, false},
	} {
		target, err := filter.ParsePath(users, "urn:x:y:badges["+text+"]")
		if err != nil {
			t.Fatal(text, err)
		}
		got, canonical := filter.Describe(target.Filter)
		if diff := cmp.Diff(row.want, got); diff != "" || canonical != row.canonical {
			t.Errorf("%s: canonical %v %s", text, canonical, diff)
		}
	}
}

// A path in a log or a record of a request has no value of a person.
func TestRedactedPath(t *testing.T) {
	for text, want := range map[string]string{
		`emails[type eq "work"].value`:                                      `emails[type eq "work"].value`,
		`emails[value eq "ada@example.com"]`:                                `emails[value eq "…"]`,
		`emails[type eq "ada" or not (value sw "ada" and primary eq true)]`: `emails[type eq "…" or not (value sw "…" and primary eq true)]`,
		`emails[value eq null]`:                                             `emails[value eq null]`,
		`userName`:                                                          `userName`,
	} {
		target, err := filter.ParsePath(scim.Users, text)
		if err != nil {
			t.Fatal(text, err)
		}
		if got := target.Redacted(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
