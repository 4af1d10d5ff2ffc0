package replay

import (
	"encoding/json"
	"testing"
)

// The comparison itself must be able to fail.
func TestMatch(t *testing.T) {
	for _, row := range []struct {
		name, want, got string
		same            bool
	}{
		{"subset", `{"a":1}`, `{"a":1,"b":2}`, true},
		{"missing", `{"a":1}`, `{"b":2}`, false},
		{"other value", `{"a":1}`, `{"a":2}`, false},
		{"other type", `{"a":"1"}`, `{"a":1}`, false},
		{"no object", `{"a":1}`, `[]`, false},
		{"null is null", `{"a":null}`, `{"a":null}`, true},
		{"null is not absent", `{"a":null}`, `{}`, false},
		{"null is nothing else", `{"a":null}`, `{"a":""}`, false},
		{"absent", `{"a":"<absent>"}`, `{"b":1}`, true},
		{"absent and there", `{"a":"<absent>"}`, `{"a":null}`, false},
		{"any", `{"a":"<any>"}`, `{"a":[]}`, true},
		{"any is not null", `{"a":"<any>"}`, `{"a":null}`, false},
		{"list", `[1,2]`, `[1,2]`, true},
		{"list in another order", `[1,2]`, `[2,1]`, false},
		{"longer list", `[1]`, `[1,2]`, false},
		{"shorter list", `[1,2]`, `[1]`, false},
		{"no list", `[]`, `{}`, false},
		{"unordered", `{"<unordered>":[1,2]}`, `[2,1]`, true},
		{"unordered, one too many", `{"<unordered>":[1,2]}`, `[2,1,3]`, false},
		{"unordered, one twice", `{"<unordered>":[1,2]}`, `[2,2]`, false},
		{"unordered, the vague one first", `{"<unordered>":[{"a":1},{"a":1,"b":2}]}`, `[{"a":1,"b":2},{"a":1}]`, true},
		{"first and unordered", `{"<first>":[3],"<unordered>":[1,2]}`, `[3,2,1]`, true},
		{"first is not first", `{"<first>":[3],"<unordered>":[1,2]}`, `[2,3,1]`, false},
		{"contains", `{"<contains>":[2]}`, `[1,2,3]`, true},
		{"contains not", `{"<contains>":[4]}`, `[1,2,3]`, false},
		{"exactly", `{"previous_attributes":{"a":1}}`, `{"b":1,"previous_attributes":{"a":1}}`, true},
		{"exactly, one too many", `{"previous_attributes":{"a":1}}`, `{"previous_attributes":{"a":1,"b":2}}`, false},
		{"exactly, one too many inside", `{"previous_attributes":{"a":{"b":1}}}`, `{"previous_attributes":{"a":{"b":1,"c":2}}}`, false},
		{"exactly, in a list", `{"previous_attributes":{"a":[{"b":1}]}}`, `{"previous_attributes":{"a":[{"b":1,"c":2}]}}`, false},
		{"user id", `"<id>"`, `"directory_user_01E1JG7J09H96KYP8HM9B0G5SJ"`, true},
		{"no id", `"<id>"`, `"01E1JG7J09H96KYP8HM9B0G5SJ"`, false},
		{"timestamp", `"<timestamp>"`, `"2026-01-15T12:00:00.000Z"`, true},
		{"no milliseconds", `"<timestamp>"`, `"2026-01-15T12:00:00Z"`, false},
		{"other", `"<not a>"`, `"b"`, true},
		{"not other", `"<not a>"`, `"a"`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var want, got any
			if err := json.Unmarshal([]byte(row.want), &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(row.got), &got); err != nil {
				t.Fatal(err)
			}
			if wrong := match(want, got); (len(wrong) == 0) != row.same {
				t.Errorf("%s against %s: %q", row.want, row.got, wrong)
			}
		})
	}
}
