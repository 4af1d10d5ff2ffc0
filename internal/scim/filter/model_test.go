package filter_test

import (
	"encoding/json"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"

	"pgregory.net/rapid"
)

// person is an independent model of filters: a plain user.
type person struct {
	ID, UserName, ExternalID, Title, GivenName, Department, Manager string
	Active                                                          string // "", "true", "false"
	Emails                                                          []email
}

type email struct {
	Type, Value string
	Primary     string // "", "true", "false"
}

// term is a filter of the model: its text, and whether it holds for a person.
type term struct {
	text  string
	holds func(person) bool
}

// words are few and short, so that terms often hold.
var words = rapid.SampledFrom([]string{"a", "A", "b", "B", "ab", "Ab", "aB", "ba", "k", "\u212a", `q"\`, "ü Ü"})

func drawPerson(t *rapid.T) person {
	maybe := rapid.OneOf(rapid.Just(""), words)
	flag := rapid.SampledFrom([]string{"", "true", "false"})
	p := person{
		ID: words.Draw(t, "id"), UserName: words.Draw(t, "userName"), ExternalID: maybe.Draw(t, "externalId"),
		Title: maybe.Draw(t, "title"), GivenName: maybe.Draw(t, "givenName"), Department: maybe.Draw(t, "department"),
		Manager: maybe.Draw(t, "manager"), Active: flag.Draw(t, "active"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "emails") {
		p.Emails = append(p.Emails, email{maybe.Draw(t, "type"), words.Draw(t, "value"), flag.Draw(t, "primary")})
	}
	return p
}

// texts are the attributes that hold text: the values that a person has there.
var texts = []struct {
	name  string
	exact bool
	of    func(person) []string
}{
	{"id", true, func(p person) []string { return []string{p.ID} }},
	{"userName", false, func(p person) []string { return []string{p.UserName} }},
	{scim.UserURN + ":userName", false, func(p person) []string { return []string{p.UserName} }},
	{"externalId", true, func(p person) []string { return []string{p.ExternalID} }},
	{"title", false, func(p person) []string { return []string{p.Title} }},
	{"name.givenName", false, func(p person) []string { return []string{p.GivenName} }},
	{"department", false, func(p person) []string { return []string{p.Department} }},
	{scim.EnterpriseURN + ":department", false, func(p person) []string { return []string{p.Department} }},
	{"manager", true, func(p person) []string { return []string{p.Manager} }},
	{"manager.value", true, func(p person) []string { return []string{p.Manager} }},
	{"emails", false, func(p person) []string { return emailValues(p, func(email) bool { return true }) }},
	{"emails.value", false, func(p person) []string { return emailValues(p, func(email) bool { return true }) }},
}

func emailValues(p person, wanted func(email) bool) []string {
	var list []string
	for _, e := range p.Emails {
		if wanted(e) {
			list = append(list, e.Value)
		}
	}
	return list
}

func anyOf(list []string, holds func(string) bool) bool {
	for _, s := range list {
		if s != "" && holds(s) {
			return true
		}
	}
	return false
}

// compares implements the operators as the RFC defines them.
func compares(op, have, literal string, exact bool) bool {
	if !exact {
		have, literal = scim.Fold(have), scim.Fold(literal)
	}
	switch op {
	case "eq":
		return have == literal
	case "co":
		return strings.Contains(have, literal)
	case "sw":
		return strings.HasPrefix(have, literal)
	case "ew":
		return strings.HasSuffix(have, literal)
	case "gt":
		return have > literal
	case "ge":
		return have >= literal
	case "lt":
		return have < literal
	}
	return have <= literal
}

// cased prints a word in random letter case.
func cased(t *rapid.T, s string) string {
	switch rapid.IntRange(0, 3).Draw(t, "case") {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return strings.ToLower(s)
	}
	return s
}

func literalOf(t *rapid.T, s string) string {
	if !strings.ContainsAny(s, " \"\\") && rapid.Bool().Draw(t, "bare") {
		return s
	}
	b, _ := json.Marshal(s)
	return string(b)
}

func drawTextTerm(t *rapid.T, name string, exact bool, of func(person) []string) term {
	if !strings.Contains(name, "[") {
		name = cased(t, name)
	}
	op := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", "null", "not null"}).Draw(t, "op")
	present := func(p person) bool { return anyOf(of(p), func(string) bool { return true }) }
	switch op {
	case "pr":
		return term{name + " " + cased(t, "pr"), present}
	case "null":
		return term{name + " eq null", func(p person) bool { return !present(p) }}
	case "not null":
		return term{name + " ne null", present}
	}
	literal := words.Draw(t, "literal")
	text := name + " " + cased(t, op) + " " + literalOf(t, literal)
	if op == "ne" {
		return term{text, func(p person) bool {
			return !anyOf(of(p), func(s string) bool { return compares("eq", s, literal, exact) })
		}}
	}
	return term{text, func(p person) bool {
		return anyOf(of(p), func(s string) bool { return compares(op, s, literal, exact) })
	}}
}

func drawFlagTerm(t *rapid.T, name string, of func(person) string) term {
	literal := rapid.SampledFrom([]string{"true", "false"}).Draw(t, "flag")
	op := rapid.SampledFrom([]string{"eq", "ne"}).Draw(t, "op")
	text := cased(t, name) + " " + op + " "
	if rapid.Bool().Draw(t, "quoted") {
		text += `"` + cased(t, literal) + `"`
	} else {
		text += literal
	}
	return term{text, func(p person) bool { return (of(p) == literal) == (op == "eq") }}
}

// drawTerm draws a filter. In brackets it is about the only e-mail of a person.
func drawTerm(t *rapid.T, depth int, brackets bool) term {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch {
	case kind >= 8:
		e := drawTerm(t, depth-1, brackets)
		return term{cased(t, "not") + " (" + e.text + ")", func(p person) bool { return !e.holds(p) }}
	case kind >= 4:
		left, right := drawTerm(t, depth-1, brackets), drawTerm(t, depth-1, brackets)
		if kind >= 6 {
			return term{"(" + left.text + ") " + cased(t, "and") + " (" + right.text + ")", func(p person) bool { return left.holds(p) && right.holds(p) }}
		}
		return term{"(" + left.text + " " + cased(t, "or") + " " + right.text + ")", func(p person) bool { return left.holds(p) || right.holds(p) }}
	case brackets && kind == 0:
		return drawFlagTerm(t, "primary", func(p person) string { return p.Emails[0].Primary })
	case brackets && kind == 1:
		return drawTextTerm(t, "type", false, func(p person) []string { return []string{p.Emails[0].Type} })
	case brackets:
		return drawTextTerm(t, "value", false, func(p person) []string { return []string{p.Emails[0].Value} })
	case kind == 0:
		return drawFlagTerm(t, "active", func(p person) string { return p.Active })
	case kind == 1:
		return drawValuePath(t)
	}
	a := rapid.SampledFrom(texts).Draw(t, "attribute")
	return drawTextTerm(t, a.name, a.exact, a.of)
}

func drawValuePath(t *rapid.T) term {
	inside := drawTerm(t, 1, true)
	matches := func(e email) bool { return inside.holds(person{Emails: []email{e}}) }
	name := cased(t, "emails") + "[" + inside.text + "]"
	if rapid.Bool().Draw(t, "sub") {
		return drawTextTerm(t, name+"."+cased(t, "value"), false, func(p person) []string { return emailValues(p, matches) })
	}
	return term{name, func(p person) bool {
		for _, e := range p.Emails {
			if matches(e) {
				return true
			}
		}
		return false
	}}
}

func TestFilterAgainstModel(t *testing.T) {
	outcomes := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := drawPerson(t)
		want := drawTerm(t, 3, false)
		e, err := filter.Parse(scim.Users, want.text)
		if err != nil {
			t.Fatalf("%s: %v", want.text, err)
		}
		got := filter.Match(e, p.resource(), nil)
		outcomes[got]++
		if got != want.holds(p) {
			t.Fatalf("%s of %s gives %v", want.text, resource.Encode(p.resource()), got)
		}
		printed := e.String()
		again, err := filter.Parse(scim.Users, printed)
		if err != nil {
			t.Fatalf("%s is printed as %s: %v", want.text, printed, err)
		}
		if again.String() != printed || filter.Match(again, p.resource(), nil) != got {
			t.Fatalf("%s is printed as %s, and then as %s", want.text, printed, again)
		}
		if got {
			coverHolds(t, scim.Users, e, p.resource(), nil)
		}
	})
	if outcomes[true] == 0 || outcomes[false] == 0 {
		t.Errorf("one-sided: %v", outcomes)
	}
}

func (p person) resource() map[string]any {
	r := map[string]any{"id": p.ID, "userName": p.UserName}
	set := func(holder map[string]any, name, v string) {
		switch v {
		case "":
		case "true", "false":
			holder[name] = v == "true"
		default:
			holder[name] = v
		}
	}
	set(r, "externalId", p.ExternalID)
	set(r, "title", p.Title)
	set(r, "active", p.Active)
	if p.GivenName != "" {
		r["name"] = map[string]any{"givenName": p.GivenName}
	}
	extension := map[string]any{}
	set(extension, "department", p.Department)
	if p.Manager != "" {
		extension["manager"] = map[string]any{"value": p.Manager}
	}
	if len(extension) > 0 {
		r[scim.EnterpriseURN] = extension
	}
	var emails []any
	for _, e := range p.Emails {
		object := map[string]any{}
		set(object, "type", e.Type)
		set(object, "value", e.Value)
		set(object, "primary", e.Primary)
		emails = append(emails, object)
	}
	if emails != nil {
		r["emails"] = emails
	}
	return r
}
