package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// template has the parts of a CloudFormation template that the tests read.
type template struct {
	Resources map[string]*resource
	Outputs   map[string]struct{ Value, Export any }
}

type resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
	DependsOn           any // a logical id, or several
}

func parse(document []byte) (template, error) {
	var t template
	err := json.Unmarshal(document, &t)
	return t, err
}

// of returns the sorted logical ids of the resources of a type.
func (t template) of(kind string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		if t.Resources[id].Type == kind {
			ids = append(ids, id)
		}
	}
	return ids
}

// at returns the resource with the id, or an empty one.
func (t template) at(id string) *resource {
	if resource := t.Resources[id]; resource != nil {
		return resource
	}
	return &missing
}

// get returns a nested property, or nil.
func (r *resource) get(path ...string) any { return walk(r.Properties, path...) }

// text returns a nested property, resolved to a string.
func (r *resource) text(path ...string) string { return resolve(r.get(path...)) }

// number returns a nested property, or -1 if it is missing.
func (r *resource) number(path ...string) int {
	if n, ok := r.get(path...).(float64); ok {
		return int(n)
	}
	return -1
}

func walk(value any, path ...string) any {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// resolve returns an expression as a string, with ${Id} for a Ref and
// ${Id.Attribute} for a Fn::GetAtt. Numbers and booleans are returned as JSON, and
// nil as "".
func resolve(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any:
		if id, ok := v["Ref"].(string); ok {
			return "${" + id + "}"
		}
		if parts, ok := v["Fn::GetAtt"].([]any); ok && len(parts) == 2 {
			return fmt.Sprintf("${%s.%s}", parts...)
		}
		if arguments, ok := v["Fn::Join"].([]any); ok && len(arguments) == 2 {
			parts, _ := arguments[1].([]any)
			texts := make([]string, len(parts))
			for i, part := range parts {
				texts[i] = resolve(part)
			}
			return strings.Join(texts, resolve(arguments[0]))
		}
	}
	written, err := json.Marshal(value)
	if err != nil {
		panic(err) // it was parsed from JSON
	}
	return string(written)
}

// idIn returns the logical id in "${id}" or, with an attribute, "${id.attribute}".
func idIn(expression, attribute string) string {
	suffix := "}"
	if attribute != "" {
		suffix = "." + attribute + "}"
	}
	inner, ok := strings.CutPrefix(expression, "${")
	if !ok {
		return ""
	}
	inner, ok = strings.CutSuffix(inner, suffix)
	if !ok || strings.Contains(inner, ".") {
		return ""
	}
	return inner
}

// list returns a list, or a single value as a list.
func list(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}

func texts(value any) []string {
	var all []string
	for _, v := range list(value) {
		all = append(all, resolve(v))
	}
	return all
}

// statement is a statement of a policy.
type statement struct {
	Effect     string
	Actions    []string
	Resources  []string
	Principals []string
	Conditions map[string]string // operator and key → value
}

// statements parses a policy document, which is an object or a JSON string,
// depending on the resource type.
func statements(document any) ([]statement, error) {
	object, ok := document.(map[string]any)
	if _, joined := object["Fn::Join"]; !ok || joined {
		object = nil
		if err := json.Unmarshal([]byte(resolve(document)), &object); err != nil {
			return nil, err
		}
	}
	var all []statement
	for _, entry := range list(object["Statement"]) {
		s := statement{
			Effect:     resolve(walk(entry, "Effect")),
			Actions:    texts(walk(entry, "Action")),
			Resources:  texts(walk(entry, "Resource")),
			Conditions: map[string]string{},
		}
		for _, name := range []string{"NotAction", "NotResource", "NotPrincipal"} {
			if walk(entry, name) != nil {
				return nil, fmt.Errorf("%s allows what it does not name", name)
			}
		}
		switch principal := walk(entry, "Principal").(type) {
		case string:
			s.Principals = []string{principal}
		case map[string]any:
			for _, kind := range slices.Sorted(maps.Keys(principal)) {
				s.Principals = append(s.Principals, texts(principal[kind])...)
			}
		}
		conditions, _ := walk(entry, "Condition").(map[string]any)
		for operator, keys := range conditions {
			for key, value := range keys.(map[string]any) {
				s.Conditions[operator+" "+key] = resolve(value)
			}
		}
		all = append(all, s)
	}
	return all, nil
}
