package patch_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"

	"pgregory.net/rapid"
)

// wrapped is a value in one of the forms that clients send for a single value.
func wrapped(t *rapid.T, v any) any {
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		return []any{v}
	case 1:
		return map[string]any{"value": v}
	case 2:
		return []any{map[string]any{"Value": v}}
	}
	return v
}

// drawValue is a value of an attribute as a client may send it, mostly of its
// type.
func drawValue(t *rapid.T, a *scim.Attribute) any {
	if a.MultiValued && rapid.IntRange(0, 4).Draw(t, "one") > 0 {
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			one := *a
			one.MultiValued = false
			list = append(list, drawValue(t, &one))
		}
		return list
	}
	if rapid.IntRange(0, 9).Draw(t, "empty") == 0 {
		return rapid.SampledFrom([]any{nil, "", []any{}, []any{nil}, map[string]any{}}).Draw(t, "nothing")
	}
	if a.Type == scim.Complex {
		object := map[string]any{}
		for _, sub := range a.SubAttributes {
			if rapid.Bool().Draw(t, sub.Name) {
				object[sub.Name] = drawValue(t, sub)
			}
		}
		if !a.MultiValued && rapid.IntRange(0, 3).Draw(t, "list") == 0 {
			return []any{object}
		}
		return object
	}
	var v any
	switch a.Type {
	case scim.Boolean:
		v = rapid.SampledFrom([]any{true, false, "True", "False", "maybe"}).Draw(t, "boolean")
	case scim.Integer, scim.Decimal:
		v = rapid.SampledFrom([]any{"1", "2.0", "-0", "x"}).Draw(t, "number")
	case scim.DateTime:
		v = rapid.SampledFrom([]any{"2026-01-15T12:00:00Z", "2026-01-15"}).Draw(t, "time")
	default:
		v = rapid.SampledFrom([]any{"a", "b", "https://x/Users/c", "work", 7}).Draw(t, "text")
	}
	return wrapped(t, v)
}

// drawDocument is a user as a client may send it: names in any letter case,
// extensions as objects or by full names, and what nobody keeps.
func drawDocument(t *rapid.T, rt *scim.ResourceType) map[string]any {
	doc := map[string]any{"userName": wrapped(t, "u")}
	for _, s := range slices.Concat([]*scim.Schema{rt.Schema}, rt.Extensions) {
		holder, prefix := doc, ""
		if s != rt.Schema {
			if prefix = s.ID + ":"; rapid.Bool().Draw(t, "object") {
				holder, prefix = map[string]any{}, ""
			}
		}
		for _, a := range s.Attributes {
			if a.Required || a.ReadOnly() || rapid.IntRange(0, 3).Draw(t, a.Name) > 0 {
				continue
			}
			name := rapid.SampledFrom([]string{a.Name, strings.ToUpper(a.Name)}).Draw(t, "case")
			holder[prefix+name] = drawValue(t, a)
		}
		if len(holder) > 0 && s != rt.Schema && prefix == "" {
			doc[s.ID] = rapid.SampledFrom([]any{holder, []any{holder}}).Draw(t, "extension")
		}
	}
	for _, name := range []string{"password", "photos", "x509Certificates"} {
		if rapid.IntRange(0, 5).Draw(t, name) == 0 {
			doc[name] = rapid.SampledFrom([]any{"x", 7, nil, []any{map[string]any{"value": "x"}}}).Draw(t, "dropped")
		}
	}
	return doc
}

// operations are the PATCHes that set a document: with a path for each
// attribute, and without a path.
func forms(rt *scim.ResourceType, doc map[string]any, op string) map[string][]patch.Operation {
	var paths []patch.Operation
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		paths = append(paths, patch.Operation{Op: op, Path: key, Value: doc[key], HasValue: true})
	}
	return map[string][]patch.Operation{
		op + " by paths":       paths,
		op + " without a path": {{Op: op, Value: doc, HasValue: true}},
		op + " under the core URN": {{Op: op, Value: map[string]any{rt.Schema.ID: coreOf(rt, doc)}, HasValue: true},
			{Op: op, Value: extensionsOf(doc), HasValue: true}},
	}
}

func coreOf(rt *scim.ResourceType, doc map[string]any) map[string]any {
	core := maps.Clone(doc)
	maps.DeleteFunc(core, func(name string, _ any) bool { return strings.HasPrefix(name, "urn:") })
	return core
}

func extensionsOf(doc map[string]any) map[string]any {
	rest := maps.Clone(doc)
	maps.DeleteFunc(rest, func(name string, _ any) bool { return !strings.HasPrefix(name, "urn:") })
	return rest
}

// A document that a POST accepts is accepted by every form, and every form leads
// to the same stored resource.
func TestFormsAgree(t *testing.T) {
	rt := scim.Users.Extend(scimtest.Sizes(t))
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t, rt)
		posted, _, err := resource.Parse(rt, doc)
		want := "refused"
		if err == nil {
			want = resource.Encode(posted)
			accepted++
		} else {
			refused++
		}
		for _, op := range []string{"add", "replace"} {
			for name, list := range forms(rt, doc, op) {
				patched, _, err := patch.Resolve(rt, list).Apply(map[string]any{"userName": "before"})
				got := "refused"
				if err == nil {
					got = resource.Encode(patched)
				}
				if got != want {
					t.Fatalf("POST of %s gives %s, %s gives %s (%v)", resource.Encode(doc), want, name, got, err)
				}
			}
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("one-sided: %d accepted, %d refused", accepted, refused)
	}
}

// drawActive is an operation that may touch active, and whether it names a true
// value.
func drawActive(t *rapid.T) (o patch.Operation, enables bool) {
	o.Op = rapid.SampledFrom([]string{"add", "replace", "remove"}).Draw(t, "op")
	v := wrapped(t, rapid.SampledFrom([]any{nil, "", []any{}, false, "False", true, "TRUE", map[string]any{}}).Draw(t, "value"))
	text := strings.ToLower(fmt.Sprint(v))
	o.Value, o.HasValue = v, true
	switch rapid.IntRange(0, 4).Draw(t, "form") {
	case 0:
		o.Path = rapid.SampledFrom([]string{"active", "ACTIVE", scim.UserURN + ":active"}).Draw(t, "path")
	case 1:
		o.Value = map[string]any{"Active": v}
	case 2:
		o.Value = map[string]any{scim.UserURN: map[string]any{"active": v}}
	case 3:
		o.Value = map[string]any{scim.UserURN + ":active": v, "title": "x"}
	default:
		o.Path, o.Value = rapid.SampledFrom([]string{"title", "name", "emails", scim.EnterpriseURN, "password"}).Draw(t, "other"), nil
		return o, false
	}
	return o, o.Op != "remove" && strings.Contains(text, "true")
}

// A disabled user stays disabled unless an operation names a true value.
func TestDisabledStaysDisabled(t *testing.T) {
	enabled, kept := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var list []patch.Operation
		mayEnable := false
		for range rapid.IntRange(1, 4).Draw(t, "operations") {
			o, enables := drawActive(t)
			list, mayEnable = append(list, o), mayEnable || enables
		}
		r, _, err := patch.Resolve(scim.Users, list).Apply(map[string]any{"userName": "u", "active": false})
		if err != nil {
			return
		}
		active, ok := r["active"].(bool)
		if !ok || active && !mayEnable {
			t.Fatalf("%v leads to %s", list, resource.Encode(r))
		}
		if active {
			enabled++
		} else {
			kept++
		}
	})
	if enabled == 0 || kept == 0 {
		t.Errorf("one-sided: %d enabled, %d not", enabled, kept)
	}
}
