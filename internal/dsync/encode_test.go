package dsync_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"dsync/internal/dsync"
	"dsync/internal/scim"

	"github.com/google/go-cmp/cmp"
)

// bytesOf encodes an event, and checks that it is valid and within the limit.
func bytesOf(t *testing.T, e dsync.Event) (size int, decoded dsync.Event) {
	t.Helper()
	encoded, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := encoded.JSON(7)
	if len(text) > dsync.MaxBytes || !utf8.Valid(text) {
		t.Fatalf("the event has %d bytes", len(text))
	}
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatal(err)
	}
	if decoded.Context.Sequence != 7 {
		t.Errorf("the sequence is %d", decoded.Context.Sequence)
	}
	return len(text), decoded
}

// An event of the largest size is complete; one byte more, and it loses its raw
// attributes. Characters of HTML are not escaped.
func TestEncodeAtTheLimit(t *testing.T) {
	event := func(n int) dsync.Event {
		return dsync.Event{Object: "event", ID: "event_1", Name: dsync.UserCreated, Data: map[string]any{
			"id": "u", "raw_attributes": map[string]any{"text": strings.Repeat("<", n)},
		}}
	}
	size, small := bytesOf(t, event(0))
	if small.Context.Truncated != nil {
		t.Errorf("truncated %v", small.Context.Truncated)
	}
	// The size counts the longest sequence, of 19 digits, instead of one.
	fits := dsync.MaxBytes - size - 18
	size, whole := bytesOf(t, event(fits))
	if size != dsync.MaxBytes-18 || whole.Context.Truncated != nil || len(whole.Data["raw_attributes"].(map[string]any)["text"].(string)) != fits {
		t.Errorf("%d bytes, truncated %v", size, whole.Context.Truncated)
	}
	_, cut := bytesOf(t, event(fits+1))
	if !slices.Equal(cut.Context.Truncated, []string{"raw_attributes"}) || len(cut.Data["raw_attributes"].(map[string]any)) != 0 || cut.Data["id"] != "u" {
		t.Errorf("truncated %v: %v", cut.Context.Truncated, cut.Data)
	}
}

// What is removed, in which order. The event itself is not changed.
func TestEncodeReduces(t *testing.T) {
	large := func() map[string]any { return map[string]any{"x": strings.Repeat("x", dsync.MaxBytes)} }
	text := strings.Repeat("€", dsync.MaxBytes)
	user := map[string]any{"id": "u", "raw_attributes": large(), "custom_attributes": map[string]any{"a": "b"}}
	for name, c := range map[string]struct {
		data      map[string]any
		truncated []string
	}{
		"raw":        {map[string]any{"raw_attributes": large(), "custom_attributes": map[string]any{"a": "b"}}, []string{"raw_attributes"}},
		"of a user":  {map[string]any{"user": user, "group": map[string]any{"raw_attributes": large()}}, []string{"raw_attributes"}},
		"previous":   {map[string]any{"raw_attributes": map[string]any{}, "previous_attributes": large()}, []string{"raw_attributes", "previous_attributes"}},
		"custom":     {map[string]any{"custom_attributes": large()}, []string{"raw_attributes", "previous_attributes", "custom_attributes"}},
		"many texts": {map[string]any{"list": slices.Repeat([]any{strings.Repeat("x", 1<<10)}, 300)}, []string{"raw_attributes", "previous_attributes", "custom_attributes", "texts"}},
		"all others": {map[string]any{"name": text, "list": []any{text}}, []string{"raw_attributes", "previous_attributes", "custom_attributes", "texts"}},
	} {
		e := dsync.Event{Object: "event", ID: "event_1", Name: dsync.UserUpdated, Data: c.data}
		before, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		_, got := bytesOf(t, e)
		if diff := cmp.Diff(c.truncated, got.Context.Truncated); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if after, _ := json.Marshal(e); string(after) != string(before) {
			t.Errorf("%s: the event has changed", name)
		}
		if name == "all others" && got.Data["name"] != strings.Repeat("€", 341) {
			t.Errorf("a text of %d bytes is left", len(got.Data["name"].(string)))
		}
	}
}

// scripts are texts that JSON and gzip treat differently: escaped, of two to four
// bytes, and of random characters.
func scripts(n int) map[string]string {
	return map[string]string{
		"latin":   strings.Repeat("a", n),
		"html":    strings.Repeat("<&>", n/3),
		"control": strings.Repeat("\x01\x02", n/2),
		"quotes":  strings.Repeat(`"\`, n/2),
		"cyrill":  strings.Repeat("ж", n/2),
		"han":     strings.Repeat("語", n/3),
		"emoji":   strings.Repeat("🙂", n/4),
		"lines":   strings.Repeat("\u2028", n/3),
		"invalid": strings.Repeat("\xff", n),
	}
}

// The largest users, under up to 50 mappings, in all scripts: every event fits.
func TestEncodeTheLargestUsers(t *testing.T) {
	const text = 16 << 10 // of one attribute
	paths := []string{"displayName", "title", "userType", "nickName", "name.formatted", "name.givenName", "name.familyName", "name.middleName",
		`emails[type eq "work"].value`, scim.EnterpriseURN + ":department"}
	for script, s := range scripts(text) {
		doc := func(suffix string) map[string]any {
			v := s[:len(s)-len(s)%12] + suffix
			return map[string]any{
				"userName": v, "externalId": v, "displayName": v, "title": v, "userType": v, "nickName": v, "active": true,
				"name":             map[string]any{"formatted": v, "givenName": v, "familyName": v, "middleName": v},
				"emails":           []any{map[string]any{"type": "work", "value": v, "primary": true}},
				scim.EnterpriseURN: map[string]any{"department": v, "employeeNumber": v},
			}
		}
		for n := 0; n < 50; n += 16 {
			mapping := map[string]string{}
			for i := range n {
				mapping[fmt.Sprint("attribute_", i)] = paths[i%len(paths)]
			}
			view := dsync.Projection{Mapping: mapping, NoRawAttributes: n%2 == 1}
			old := &dsync.Resource{ID: "directory_user_1", Document: doc("a"), Created: created, Updated: created, Projection: view}
			updated := &dsync.Resource{ID: "directory_user_1", Document: doc("b"), Created: created, Updated: updated, Projection: view}
			for _, change := range []*dsync.Change{
				dsync.UserChange(nil, old), dsync.UserChange(old, updated),
				dsync.MembershipChange(nil, dsync.Membership{}, *updated, dsync.Resource{Document: map[string]any{"displayName": s}}),
			} {
				if change == nil {
					t.Fatalf("%s under %d mappings has no event", script, n)
				}
				size, _ := bytesOf(t, dsync.Event{Object: "event", ID: "event_1", Name: change.Name, Data: change.Data})
				if change.Name == dsync.GroupUserAdded && size > dsync.MaxMembershipBytes {
					t.Errorf("the event of a membership has %d bytes", size)
				}
			}
		}
	}
}
