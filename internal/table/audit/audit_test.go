package audit

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	long := strings.Repeat("x", MaxValue-2) // with quotes, at the limit
	many := map[string]any{}
	for n := range 10 {
		many[strconv.Itoa(n)] = long
	}
	for name, row := range map[string]struct {
		before, after map[string]any
		members       string
		omitted       []string
	}{
		"equal":           {map[string]any{"a": 1}, map[string]any{"a": 1}, "", nil},
		"created":         {nil, map[string]any{"b": "x", "a": nil}, `{"b":{"before":null,"after":"x"}}`, nil},
		"deleted":         {map[string]any{"a": true}, nil, `{"a":{"before":true,"after":null}}`, nil},
		"changed":         {map[string]any{"a": 1, "b": 2}, map[string]any{"a": 1, "b": 3}, `{"b":{"before":2,"after":3}}`, nil},
		"at the limit":    {nil, map[string]any{"a": long}, `{"a":{"before":null,"after":"` + long + `"}}`, nil},
		"above it":        {nil, map[string]any{"a": long + "x"}, "", []string{"a"}},
		"above it before": {map[string]any{"a": long + "x"}, nil, "", []string{"a"}},
	} {
		if diff := cmp.Diff(Changes{row.members, row.omitted}, Diff(row.before, row.after)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	c := Diff(nil, many)
	if len(c.Members) > MaxChanges+1_000 || len(c.Members) < MaxChanges/2 || len(c.Omitted) != 7 {
		t.Errorf("%d bytes, %v", len(c.Members), c.Omitted)
	}
}

// Each record of an event expires with it.
func TestActions(t *testing.T) {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	for _, row := range []struct {
		organization, directory string
		keys                    []dynamo.Key
	}{
		{"", "", []dynamo.Key{{PK: "A#" + ulid, SK: "A"}}},
		{"org_1", "", []dynamo.Key{{PK: "A#" + ulid, SK: "A"}, {PK: "AO#1", SK: ulid}}},
		{"org_1", "directory_2", []dynamo.Key{{PK: "A#" + ulid, SK: "A"}, {PK: "AO#1", SK: ulid}, {PK: "AD#2", SK: ulid}}},
	} {
		var keys []dynamo.Key
		for _, a := range (Event{ID: "audit_event_" + ulid, At: at, OrganizationID: row.organization, DirectoryID: row.directory}).Actions() {
			var k dynamo.Key
			if err := dynamo.Unmarshal(a.Put.Item, &k); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
			if want := strconv.FormatInt(at.Add(400*24*time.Hour).Unix(), 10); a.Put.Item["ttl"].(*types.AttributeValueMemberN).Value != want {
				t.Errorf("%v expires at %v, not %s", k, a.Put.Item["ttl"], want)
			}
		}
		if diff := cmp.Diff(row.keys, keys); diff != "" {
			t.Error(diff)
		}
	}
}
