// Package pattern matches JSON documents against EventBridge event patterns.
// Rules of an event bus and filters of an event source mapping use the same
// patterns.
//
// It supports exact values and {"prefix": …}. Compile rejects all other
// operators, so a compiled pattern matches the same documents as on AWS. A
// Pattern is safe for concurrent use.
package pattern

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Pattern is a compiled pattern.
type Pattern struct{ root fields }

// All fields must match. Of alternatives, one must match.
type (
	fields       map[string]any // fields or alternatives
	alternatives []any          // string, json.Number, bool, nil, or prefix
	prefix       string
)

// Compile compiles a pattern.
func Compile(source map[string]any) (Pattern, error) {
	// The conversion through JSON makes the result independent of the Go types
	// of source.
	text, err := json.Marshal(source)
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern: %w", err)
	}
	tree, err := decode(text)
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern: %w", err)
	}
	root, err := compile(tree.(map[string]any), "")
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern: %w", err)
	}
	return Pattern{root}, nil
}

func compile(tree map[string]any, path string) (fields, error) {
	if len(tree) == 0 {
		return nil, fmt.Errorf("%s must have at least one field", describe(path))
	}
	out := fields{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		if strings.HasPrefix(name, "$") {
			return nil, fmt.Errorf("the operator %s is not supported", at)
		}
		switch v := tree[name].(type) {
		case map[string]any:
			sub, err := compile(v, at)
			if err != nil {
				return nil, err
			}
			out[name] = sub
		case []any:
			values, err := compileValues(v, at)
			if err != nil {
				return nil, err
			}
			out[name] = values
		default:
			return nil, fmt.Errorf("%s must be an object or an array of values, not %v", at, v)
		}
	}
	return out, nil
}

func compileValues(values []any, path string) (alternatives, error) {
	if len(values) == 0 {
		return nil, fmt.Errorf("%s must have at least one value", path)
	}
	out := make(alternatives, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case map[string]any:
			p, ok := v["prefix"].(string)
			if !ok || len(v) != 1 {
				operator, _ := json.Marshal(v)
				return nil, fmt.Errorf("%s: only exact values and {\"prefix\": text} are supported, not %s", path, operator)
			}
			out[i] = prefix(p)
		case []any:
			return nil, fmt.Errorf("%s: a value cannot be an array", path)
		default:
			out[i] = v
		}
	}
	return out, nil
}

func describe(path string) string {
	if path == "" {
		return "a pattern"
	}
	return path
}

// Match reports whether a JSON document matches. A document that is not a JSON
// object matches no pattern.
func (p Pattern) Match(document []byte) bool {
	tree, err := decode(document)
	return err == nil && p.root.match(tree)
}

// match matches an array in the document if one of its elements matches.
func (f fields) match(value any) bool {
	if elements, ok := value.([]any); ok {
		return slices.ContainsFunc(elements, f.match)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return false
	}
	for name, want := range f {
		got, present := object[name]
		if !present {
			return false
		}
		switch want := want.(type) {
		case fields:
			if !want.match(got) {
				return false
			}
		case alternatives:
			if !want.match(got) {
				return false
			}
		}
	}
	return true
}

func (a alternatives) match(value any) bool {
	if elements, ok := value.([]any); ok {
		return slices.ContainsFunc(elements, a.match)
	}
	if _, ok := value.(map[string]any); ok {
		return false
	}
	return slices.ContainsFunc(a, func(want any) bool {
		if p, ok := want.(prefix); ok {
			text, ok := value.(string)
			return ok && strings.HasPrefix(text, string(p))
		}
		return want == value
	})
}

// decode does not convert numbers, because EventBridge compares their text.
func decode(document []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var tree any
	err := d.Decode(&tree)
	return tree, err
}
