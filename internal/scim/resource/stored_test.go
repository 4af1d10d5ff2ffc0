package resource_test

import (
	"encoding/json"
	"testing"
	"time"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

// The request, the stored form and the response have the same digits.
func TestNumbersAreExact(t *testing.T) {
	rt := scim.Users.Extend(scimtest.Sizes(t))
	body := `{"userName":"u","` + scimtest.SizesURN + `":{"rank":9007199254740993,"size":"0.10000000000000000000000000001"}}`
	r, _, err := resource.Parse(rt, scimtest.Object(t, body))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"` + scimtest.SizesURN + `":{"rank":9007199254740993,"size":0.10000000000000000000000000001},"userName":"u"}`
	decoded, err := resource.Decode(resource.Encode(r))
	if err != nil || resource.Encode(r) != want || resource.Encode(decoded) != want {
		t.Errorf("%s, and then %s (%v)", resource.Encode(r), resource.Encode(decoded), err)
	}
	b, err := json.Marshal(resource.Render(rt, decoded, resource.Meta{})[scimtest.SizesURN])
	if err != nil || string(b) != `{"rank":9007199254740993,"size":0.10000000000000000000000000001}` {
		t.Errorf("%s (%v)", b, err)
	}
	// The same number in another notation changes nothing.
	for _, v := range []any{json.Number("9007199254740993"), "9007199254740993"} {
		after, _, err := patch.Resolve(rt, []patch.Operation{{Op: "replace", Path: scimtest.SizesURN + ":rank", Value: v, HasValue: true}}).Apply(decoded)
		if err != nil || resource.Encode(after) != want {
			t.Errorf("%v: %s (%v)", v, resource.Encode(after), err)
		}
	}
}

func TestRender(t *testing.T) {
	at := time.Date(2026, 1, 15, 13, 0, 0, 1_999_999, time.FixedZone("", 3600))
	got := resource.Render(scim.Users, scimtest.Object(t, `{"userName":"u","`+scim.EnterpriseURN+`":{"department":"d"}}`), resource.Meta{ID: "i", Created: at, LastModified: at, Version: 7, Location: "https://x/Users/i"})
	want := scimtest.Object(t, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"id":"i","userName":"u","`+scim.EnterpriseURN+`":{"department":"d"},
		"meta":{"resourceType":"User","created":"2026-01-15T12:00:00.001Z","lastModified":"2026-01-15T12:00:00.001Z","location":"https://x/Users/i","version":"W/\"7\""}}`)
	scimtest.Same(t, got, want)
	r := scimtest.Object(t, scimtest.Guides)
	resource.Render(scim.Groups, r, resource.Meta{ID: "g"})
	scimtest.Same(t, r, scimtest.Object(t, scimtest.Guides))
}

// Text is encoded without HTML escapes, in records and in responses.
func TestEncodeIsPlain(t *testing.T) {
	if got, want := resource.Encode(map[string]any{"b": "<&>", "a": true}), `{"a":true,"b":"<&>"}`; got != want {
		t.Errorf("got %s", got)
	}
	if _, err := resource.Decode(`{`); err == nil {
		t.Error("an incomplete object decodes")
	}
}
