package dsync

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"dsync/internal/scim"
)

// The sizes of the largest events, JSON, in bytes. EventBridge accepts 256 KB in
// every Region; the rest is for the other fields of an entry. The event of a
// membership repeats a user and a group that had events of their own, and one
// request can cause thousands of them, so it has to be small.
const (
	MaxBytes           = 250 << 10
	MaxMembershipBytes = 32 << 10
)

// The sizes of a text, in bytes, in an event that is too large without its objects,
// too. JSON can take six bytes for one, so the smaller size is for memberships.
const (
	maxText   = 1 << 10
	smallText = 256
)

// Encoded is an event as JSON, without its sequence.
type Encoded struct {
	head    []byte // up to the context
	context Context
}

// Encode returns the event as JSON, in at most MaxBytes, or MaxMembershipBytes for
// the event of a membership. From a larger event it
// removes raw_attributes, then previous_attributes, then custom_attributes, and
// then it shortens every text: as little as possible. The context names what was
// removed. The event itself is not changed.
func (e Event) Encode() (Encoded, error) {
	limit := MaxBytes
	if subjectOf(e.Name) == SubjectMembership {
		limit = MaxMembershipBytes
	}
	for n := 0; ; n++ {
		head := scim.EncodeJSON(struct {
			Object    string         `json:"object"`
			ID        string         `json:"id"`
			Name      string         `json:"event"`
			Data      map[string]any `json:"data"`
			CreatedAt string         `json:"created_at"`
		}{e.Object, e.ID, e.Name, e.Data, e.CreatedAt})
		encoded := Encoded{head[:len(head)-1], e.Context}
		if size := len(encoded.JSON(1 << 62)); size <= limit {
			return encoded, nil
		} else if n == len(reductions) {
			return Encoded{}, fmt.Errorf("dsync: an event of %d bytes cannot be reduced", size)
		}
		e.Data = reductions[n].apply(e.Data)
		if name := reductions[n].name; !slices.Contains(e.Context.Truncated, name) {
			e.Context.Truncated = append(slices.Clip(e.Context.Truncated), name)
		}
	}
}

// Truncated reports whether something was removed from the event.
func (e Encoded) Truncated() bool { return len(e.context.Truncated) > 0 }

// Size is the size of the event in bytes, about.
func (e Encoded) Size() int { return len(e.head) }

// JSON returns the event with a sequence.
func (e Encoded) JSON(sequence int64) []byte {
	e.context.Sequence = sequence
	return slices.Concat(e.head, []byte(`,"context":`), scim.EncodeJSON(e.context), []byte("}"))
}

// reductions are what Encode removes, in this order.
var reductions = []struct {
	name  string
	apply func(map[string]any) map[string]any
}{
	{"raw_attributes", emptied("raw_attributes")},
	{"previous_attributes", emptied("previous_attributes")},
	{"custom_attributes", emptied("custom_attributes")},
	{"texts", shortening(maxText)},
	{"texts", shortening(smallText)},
}

// emptied returns a function that copies data with an empty object instead of
// the attribute, in the resource, its parts and its previous attributes.
func emptied(name string) func(map[string]any) map[string]any {
	var replace func(object map[string]any, depth int) map[string]any
	replace = func(object map[string]any, depth int) map[string]any {
		object = maps.Clone(object)
		for key, v := range object {
			part, ok := v.(map[string]any)
			switch {
			case ok && key == name:
				object[key] = map[string]any{}
			case ok && depth > 0 && (key == "user" || key == "group" || key == "previous_attributes"):
				object[key] = replace(part, depth-1)
			}
		}
		return object
	}
	return func(data map[string]any) map[string]any { return replace(data, 1) }
}

// shortening returns a function that copies data and cuts every text in it.
func shortening(limit int) func(map[string]any) map[string]any {
	return func(data map[string]any) map[string]any {
		short, _ := shortened(data, limit).(map[string]any)
		return short
	}
}

// shortened copies a value and cuts every text in it to limit bytes.
func shortened(v any, limit int) any {
	switch v := v.(type) {
	case string:
		if len(v) <= limit {
			return v
		}
		cut := limit
		for cut > 0 && !utf8.RuneStart(v[cut]) {
			cut--
		}
		return v[:cut]
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, value := range v {
			object[key] = shortened(value, limit)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = shortened(value, limit)
		}
		return list
	}
	return v
}
