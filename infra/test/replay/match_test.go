package replay

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"dsync/internal/id"
)

var timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// exactly names the members whose objects have no more than what is expected.
const exactly = "previous_attributes"

// match compares what came with what is expected and says where they differ.
func match(want, got any) []string { return (&matching{}).value("", want, got) }

type matching struct{ exact bool }

func (m *matching) value(at string, want, got any) []string {
	differs := func() []string {
		return []string{fmt.Sprintf("%s is %s, expected %s", name(at), show(got), show(want))}
	}
	switch want := want.(type) {
	case map[string]any:
		if keyword(want) {
			return m.special(at, want, got)
		}
		object, ok := got.(map[string]any)
		if !ok {
			return differs()
		}
		return m.object(at, want, object)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return differs()
		}
		var wrong []string
		for i := range want {
			wrong = append(wrong, m.value(fmt.Sprintf("%s[%d]", at, i), want[i], list[i])...)
		}
		return wrong
	case string:
		if !matchText(want, got) {
			return differs()
		}
		return nil
	}
	if !reflect.DeepEqual(want, got) {
		return differs()
	}
	return nil
}

func (m *matching) object(at string, want, got map[string]any) []string {
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		v, there := got[key]
		inside := at + "." + key
		switch {
		case want[key] == "<absent>":
			if there {
				wrong = append(wrong, fmt.Sprintf("%s is there: %s", name(inside), show(v)))
			}
		case !there:
			wrong = append(wrong, fmt.Sprintf("%s is missing", name(inside)))
		default:
			wrong = append(wrong, (&matching{m.exact || key == exactly}).value(inside, want[key], v)...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok && m.exact {
			wrong = append(wrong, fmt.Sprintf("%s is there: %s", name(at+"."+key), show(got[key])))
		}
	}
	return wrong
}

func matchText(want string, got any) bool {
	s, isText := got.(string)
	switch {
	case want == "<any>":
		return got != nil
	case want == "<id>":
		return isText && (id.User.Valid(s) || id.Group.Valid(s))
	case want == "<timestamp>":
		return isText && timestamp.MatchString(s)
	case strings.HasPrefix(want, "<not ") && strings.HasSuffix(want, ">"):
		return isText && s != want[len("<not "):len(want)-1]
	}
	return isText && s == want
}

// keyword tells an object that stands for a list.
func keyword(want map[string]any) bool {
	for key := range want {
		if key != "<first>" && key != "<unordered>" && key != "<contains>" {
			return false
		}
	}
	return len(want) > 0
}

func (m *matching) special(at string, want map[string]any, got any) []string {
	list, ok := got.([]any)
	if !ok {
		return []string{fmt.Sprintf("%s is %s, expected a list", name(at), show(got))}
	}
	if some, ok := want["<contains>"].([]any); ok {
		var wrong []string
		for _, w := range some {
			if !slices.ContainsFunc(list, func(g any) bool { return len(m.value(at, w, g)) == 0 }) {
				wrong = append(wrong, fmt.Sprintf("%s has no element %s", name(at), show(w)))
			}
		}
		return wrong
	}
	first, _ := want["<first>"].([]any)
	rest, _ := want["<unordered>"].([]any)
	if len(list) != len(first)+len(rest) {
		return []string{fmt.Sprintf("%s has %d elements, expected %d: %s", name(at), len(list), len(first)+len(rest), show(got))}
	}
	if wrong := m.value(at, first, list[:len(first)]); len(first) > 0 && len(wrong) > 0 {
		return wrong
	}
	if !m.pair(rest, list[len(first):]) {
		return []string{fmt.Sprintf("%s is %s, expected in any order %s", name(at), show(list[len(first):]), show(rest))}
	}
	return nil
}

// pair finds for each expected element one of its own.
func (m *matching) pair(want, got []any) bool {
	if len(want) == 0 {
		return true
	}
	for i, g := range got {
		if len(m.value("", want[0], g)) == 0 && m.pair(want[1:], slices.Delete(slices.Clone(got), i, i+1)) {
			return true
		}
	}
	return false
}

func name(at string) string {
	if at == "" {
		return "it"
	}
	return strings.TrimPrefix(at, ".")
}

// nulls lists the places where a value is null.
func nulls(at string, v any) []string {
	switch v := v.(type) {
	case nil:
		return []string{name(at)}
	case map[string]any:
		var found []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, nulls(at+"."+key, v[key])...)
		}
		return found
	case []any:
		var found []string
		for i, element := range v {
			found = append(found, nulls(fmt.Sprintf("%s[%d]", at, i), element)...)
		}
		return found
	}
	return nil
}
