package patch_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"

	"pgregory.net/rapid"
)

// account is an independent model of PATCH: a user with one single-valued
// attribute, one complex one, one list and attributes of an extension. "" is
// unassigned.
type account struct {
	Title, Given, Family, Department, Manager string
	Phones                                    []phone
}

type phone struct{ Type, Value, Display, Primary string }

func (a account) clone() account {
	a.Phones = slices.Clone(a.Phones)
	return a
}

// demote clears the primary flags before another phone becomes primary.
func (a *account) demote() {
	for i := range a.Phones {
		if a.Phones[i].Primary == "true" {
			a.Phones[i].Primary = "false"
		}
	}
}

// step is one operation: as JSON, and its effect on the model. do returns the
// scimType of the error, "" for none.
type step struct {
	json map[string]any
	do   func(*account) fault.Code
}

// scalars are the string attributes, with the paths that clients use.
var scalars = []struct {
	paths []string
	of    func(*account) *string
}{
	{[]string{"title", "TITLE", scim.UserURN + ":title"}, func(a *account) *string { return &a.Title }},
	{[]string{"name.givenName", "Name.GivenName", scim.UserURN + ":name.givenName"}, func(a *account) *string { return &a.Given }},
	{[]string{"name.familyName"}, func(a *account) *string { return &a.Family }},
	{[]string{"department", scim.EnterpriseURN + ":department"}, func(a *account) *string { return &a.Department }},
	{[]string{"manager.value", scim.EnterpriseURN + ":manager.value"}, func(a *account) *string { return &a.Manager }},
}

var (
	verbs      = rapid.SampledFrom([]string{"add", "replace", "Add", "Replace"})
	phoneTypes = rapid.SampledFrom([]string{"work", "mobile", "fax", "WORK", "custom"})
	numbers    = rapid.SampledFrom([]string{"1", "2", "3"})
)

func drawStep(t *rapid.T) step {
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0, 1, 2:
		return scalarStep(t)
	case 3:
		return nameStep(t)
	case 4, 5:
		return partStep(t)
	case 6:
		return wholeStep(t)
	case 7:
		return primaryStep(t)
	case 8:
		return removeStep(t)
	}
	return listStep(t)
}

func scalarStep(t *rapid.T) step {
	s := rapid.SampledFrom(scalars).Draw(t, "scalar")
	path := rapid.SampledFrom(s.paths).Draw(t, "path")
	clear := func(a *account) fault.Code { *s.of(a) = ""; return "" }
	if rapid.IntRange(0, 3).Draw(t, "how") == 0 {
		return step{map[string]any{"op": "Remove", "path": path}, clear}
	}
	v := rapid.SampledFrom([]any{"x", "y", "", nil}).Draw(t, "value")
	o := map[string]any{"op": verbs.Draw(t, "op")}
	if rapid.Bool().Draw(t, "pathless") {
		o["value"] = map[string]any{path: v}
	} else {
		o["path"], o["value"] = path, v
	}
	text, _ := v.(string)
	return step{o, func(a *account) fault.Code { *s.of(a) = text; return "" }}
}

func nameStep(t *rapid.T) step {
	given := rapid.SampledFrom([]any{"x", nil}).Draw(t, "given")
	v := map[string]any{"givenName": given}
	return step{map[string]any{"op": verbs.Draw(t, "op"), "path": "name", "value": v}, func(a *account) fault.Code {
		a.Given, _ = given.(string)
		return ""
	}}
}

// partStep sets or clears a sub-attribute of the phones of one type.
func partStep(t *rapid.T) step {
	kind, op := phoneTypes.Draw(t, "type"), verbs.Draw(t, "op")
	part := rapid.SampledFrom([]string{"value", "display"}).Draw(t, "part")
	v := rapid.SampledFrom([]string{"1", "2", ""}).Draw(t, "value")
	o := map[string]any{"op": op, "path": `phoneNumbers[type eq "` + kind + `"].` + part, "value": v}
	return step{o, func(a *account) fault.Code {
		set := func(p *phone) {
			if part == "value" {
				p.Value = v
			} else {
				p.Display = v
			}
		}
		matched := false
		for i := range a.Phones {
			if strings.EqualFold(a.Phones[i].Type, kind) {
				matched = true
				set(&a.Phones[i])
			}
		}
		switch {
		case matched || v == "":
			return ""
		case kind == "custom" && strings.EqualFold(op, "replace"):
			return scim.NoTarget
		}
		p := phone{Type: kind}
		set(&p)
		a.Phones = append(a.Phones, p)
		return ""
	}}
}

// wholeStep sets the phones of one type as a whole.
func wholeStep(t *rapid.T) step {
	kind, op, number := phoneTypes.Draw(t, "type"), verbs.Draw(t, "op"), numbers.Draw(t, "number")
	o := map[string]any{"op": op, "path": `phoneNumbers[type eq "` + kind + `"]`, "value": map[string]any{"value": number}}
	return step{o, func(a *account) fault.Code {
		replace := strings.EqualFold(op, "replace")
		matched := false
		for i, p := range a.Phones {
			if !strings.EqualFold(p.Type, kind) {
				continue
			}
			matched = true
			if replace {
				p = phone{Type: p.Type}
			}
			p.Value = number
			a.Phones[i] = p
		}
		if !matched && replace && kind == "custom" {
			return scim.NoTarget
		}
		if !matched {
			a.Phones = append(a.Phones, phone{Type: kind, Value: number})
		}
		return ""
	}}
}

func primaryStep(t *rapid.T) step {
	number := numbers.Draw(t, "number")
	v := rapid.SampledFrom([]any{true, false, "True", "False"}).Draw(t, "primary")
	o := map[string]any{"op": "replace", "path": `phoneNumbers[value eq "` + number + `"].primary`, "value": v}
	return step{o, func(a *account) fault.Code {
		yes := v == true || v == "True"
		if !slices.ContainsFunc(a.Phones, func(p phone) bool { return p.Value == number }) {
			return scim.NoTarget
		}
		if yes {
			a.demote()
		}
		for i := range a.Phones {
			if a.Phones[i].Value == number {
				a.Phones[i].Primary = map[bool]string{true: "true", false: "false"}[yes]
			}
		}
		return ""
	}}
}

func removeStep(t *rapid.T) step {
	kind, number := phoneTypes.Draw(t, "type"), numbers.Draw(t, "number")
	o := map[string]any{"op": "remove"}
	gone := func(phone) bool { return true }
	switch rapid.IntRange(0, 3).Draw(t, "how") {
	case 0:
		o["path"] = "phoneNumbers"
	case 1:
		o["path"], o["value"] = "phoneNumbers", []any{map[string]any{"value": number}}
		gone = func(p phone) bool { return p.Value == number }
	case 2:
		o["path"] = `phoneNumbers[type eq "` + kind + `"]`
		gone = func(p phone) bool { return strings.EqualFold(p.Type, kind) }
	default:
		o["path"] = `phoneNumbers[type ne "` + kind + `" and value eq "` + number + `"]`
		gone = func(p phone) bool { return !strings.EqualFold(p.Type, kind) && p.Value == number }
	}
	return step{o, func(a *account) fault.Code { a.Phones = slices.DeleteFunc(a.Phones, gone); return "" }}
}

// listStep adds phones to the list, or replaces it.
func listStep(t *rapid.T) step {
	op := verbs.Draw(t, "op")
	given := []phone{}
	v := []any{}
	for range rapid.IntRange(0, 2).Draw(t, "phones") {
		p := phone{Type: phoneTypes.Draw(t, "type"), Value: numbers.Draw(t, "number"), Primary: rapid.SampledFrom([]string{"", "true", "false"}).Draw(t, "primary")}
		given = append(given, p)
		object := map[string]any{"type": p.Type, "value": p.Value}
		if p.Primary != "" {
			object["primary"] = p.Primary
		}
		v = append(v, object)
	}
	return step{map[string]any{"op": op, "path": "phoneNumbers", "value": v}, func(a *account) fault.Code {
		if strings.EqualFold(op, "replace") {
			a.Phones = slices.Clone(given)
			return ""
		}
		given := slices.DeleteFunc(slices.Clone(given), func(p phone) bool {
			return slices.ContainsFunc(given[:slices.Index(given, p)], func(q phone) bool { return strings.EqualFold(p.Type, q.Type) && p.Value == q.Value })
		}) // of equal elements the first counts
		if slices.ContainsFunc(given, func(p phone) bool { return p.Primary == "true" }) {
			a.demote()
		}
		for _, p := range given {
			// Of elements that an earlier operation made equal the last counts.
			there := -1
			for i, q := range a.Phones {
				if strings.EqualFold(p.Type, q.Type) && p.Value == q.Value {
					there = i
				}
			}
			if there < 0 {
				a.Phones = append(a.Phones, p)
				continue
			}
			a.Phones[there].Type = p.Type
			if p.Primary != "" {
				a.Phones[there].Primary = p.Primary
			}
		}
		return ""
	}}
}

func TestPatchAgainstModel(t *testing.T) {
	outcomes := map[fault.Code]int{}
	rapid.Check(t, func(t *rapid.T) {
		a := account{}
		r := a.resource()
		for range rapid.IntRange(1, 4).Draw(t, "requests") {
			next, list, failure := a.clone(), []any{}, fault.Code("")
			for range rapid.IntRange(1, 4).Draw(t, "operations") {
				s := drawStep(t)
				list = append(list, s.json)
				if failure == "" {
					failure = s.do(&next)
				}
			}
			body, _ := json.Marshal(map[string]any{"Operations": list})
			operations, err := patch.Parse(body)
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			before := resource.Encode(r)
			got, _, err := patch.Resolve(scim.Users, operations).Apply(r)
			outcomes[failure]++
			if resource.Encode(r) != before {
				t.Fatalf("%s changes its argument", body)
			}
			if failure != "" {
				if e, ok := err.(*fault.Error); !ok || e.Code != failure {
					t.Fatalf("%s of %s gives %v, want %s", body, before, err, failure)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s of %s gives %v", body, before, err)
			}
			if want := resource.Encode(next.resource()); resource.Encode(got) != want {
				t.Fatalf("%s of %s gives\n%s, want\n%s", body, before, resource.Encode(got), want)
			}
			r, a = got, read(got)
		}
	})
	if outcomes[""] == 0 || outcomes[scim.NoTarget] == 0 {
		t.Errorf("one-sided: %v", outcomes)
	}
}

// read is the account of a stored resource.
func read(r map[string]any) account {
	text := func(v any, name string) string {
		object, _ := v.(map[string]any)
		switch v := object[name].(type) {
		case string:
			return v
		case bool:
			return map[bool]string{true: "true", false: "false"}[v]
		}
		return ""
	}
	extension, _ := r[scim.EnterpriseURN].(map[string]any)
	a := account{Title: text(r, "title"), Given: text(r["name"], "givenName"), Family: text(r["name"], "familyName"),
		Department: text(extension, "department"), Manager: text(extension["manager"], "value")}
	list, _ := r["phoneNumbers"].([]any)
	for _, e := range list {
		a.Phones = append(a.Phones, phone{text(e, "type"), text(e, "value"), text(e, "display"), text(e, "primary")})
	}
	return a
}

// Entra repeats requests that time out, so a repeated PATCH must change
// nothing.
func TestPatchIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := account{}.resource()
		for range rapid.IntRange(1, 8).Draw(t, "operations") {
			s := drawStep(t)
			body, _ := json.Marshal(map[string]any{"Operations": []any{s.json}})
			operations, err := patch.Parse(body)
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			once, _, err := patch.Resolve(scim.Users, operations).Apply(r)
			if err != nil {
				continue
			}
			twice, _, err := patch.Resolve(scim.Users, operations).Apply(once)
			if err != nil || resource.Encode(twice) != resource.Encode(once) {
				t.Fatalf("%s of %s gives\n%s, then\n%v (%v)", body, resource.Encode(r), resource.Encode(once), twice, err)
			}
			r = once
		}
	})
}

// resource is the stored form: no empty elements, no duplicates, one primary
// element.
func (a account) resource() map[string]any {
	r := map[string]any{"userName": "u"}
	put := func(holder map[string]any, name, v string) {
		if v != "" {
			holder[name] = v
		}
	}
	put(r, "title", a.Title)
	name, extension, manager := map[string]any{}, map[string]any{}, map[string]any{}
	put(name, "givenName", a.Given)
	put(name, "familyName", a.Family)
	put(extension, "department", a.Department)
	put(manager, "value", a.Manager)
	if len(manager) > 0 {
		extension["manager"] = manager
	}
	var phones []any
	seen, primary := map[string]bool{}, false
	for _, p := range a.Phones {
		key := strings.ToLower(p.Type) + "|" + p.Value
		if p.Value == "" {
			key += "|" + p.Type + "|" + p.Display
		}
		if p.Value == "" && p.Display == "" || seen[key] {
			continue
		}
		seen[key] = true
		object := map[string]any{}
		put(object, "type", p.Type)
		put(object, "value", p.Value)
		put(object, "display", p.Display)
		if p.Primary != "" {
			object["primary"] = p.Primary == "true" && !primary
			primary = primary || p.Primary == "true"
		}
		phones = append(phones, object)
	}
	if phones != nil {
		r["phoneNumbers"] = phones
	}
	if len(name) > 0 {
		r["name"] = name
	}
	if len(extension) > 0 {
		r[scim.EnterpriseURN] = extension
	}
	return r
}
