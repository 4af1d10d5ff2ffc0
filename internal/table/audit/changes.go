package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

const (
	// MaxValue bounds a value of a member, in bytes of JSON: every name, domain
	// list of usual size and metadata value fits; custom schemas do not.
	MaxValue = 4 << 10
	// MaxChanges bounds all values of an event. A page of 100 events stays below
	// the 6 MB that a function may answer.
	MaxChanges = 16 << 10
)

// Changes are the members that a change changed.
type Changes struct {
	// Members are the values before and after, by the name of the member: a JSON
	// object of Change. "" is none.
	Members string `dynamodbav:"members,omitempty"`
	// Omitted are the names of changed members whose values are too large.
	Omitted []string `dynamodbav:"omitted,omitempty"`
}

// Change is a value before and after, null where there was or is none.
type Change struct {
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// Diff compares the members of an object before and after a change. nil is an
// object that does not exist. A member whose value is nil counts as absent.
func Diff(before, after map[string]any) Changes {
	var c Changes
	changed, size := map[string]Change{}, 0
	names := slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		one := Change{encode(before[name]), encode(after[name])}
		if bytes.Equal(one.Before, one.After) {
			continue
		}
		sum := len(name) + len(one.Before) + len(one.After)
		if max(len(one.Before), len(one.After)) > MaxValue || size+sum > MaxChanges {
			c.Omitted = append(c.Omitted, name)
			continue
		}
		size += sum
		changed[name] = one
	}
	if len(changed) > 0 {
		c.Members = string(encode(changed))
	}
	return c
}

// encode is the JSON of a value: of maps with sorted names.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("audit: a member that is no JSON: %v", err)) // strings, numbers, lists and maps always are
	}
	return b
}
