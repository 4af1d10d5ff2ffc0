package api_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/credential"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/table"
	"dsync/internal/table/apikey"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

func TestAPIKeys(t *testing.T) {
	w := open(t)
	expires := w.clock.now().Add(time.Hour).UTC()
	k := w.must(t, 201, "POST", "/api_keys", `{"name":"Reporting","scope":"read","expires_at":"`+expires.Format(time.RFC3339Nano)+`"}`)
	value := text(k, "value")
	if diff := cmp.Diff(map[string]any{
		"object": "api_key", "id": k["id"], "name": "Reporting", "scope": "read", "organization_id": nil, "created_by": w.keyID(t, w.manage), "suffix": value[len(value)-4:], "state": "active",
		"last_used_at": nil, "expires_at": scim.Timestamp(expires), "created_at": k["created_at"], "value": value,
	}, k); diff != "" || !strings.HasPrefix(value, "dsync_api_") || len(value) != len("dsync_api_")+43+6 {
		t.Error(diff, value)
	}
	for _, r := range w.records(t) {
		if strings.Contains(r, value[len("dsync_api_"):len(value)-6]) {
			t.Error("the value is stored")
		}
	}
	if s := w.call(t, value, "GET", "/directories", ""); s.status != 200 {
		t.Errorf("%d %s", s.status, s.body)
	}
	listed := w.call(t, w.manage, "GET", "/api_keys", "")
	if strings.Contains(listed.body, value) || !strings.Contains(listed.body, `"last_used_at":"`+w.clock.now().UTC().Format(time.DateOnly)+`"`) {
		t.Errorf("%s", listed.body)
	}

	// Revoked: at once for a process that has not seen it, within 10 seconds for all.
	r := w.must(t, 201, "POST", "/api_keys", `{"name":"Short","scope":"manage keys"}`)
	short := text(r, "value")
	if s := w.call(t, short, "DELETE", "/api_keys/"+text(r, "id"), ""); s.status != 204 || s.body != "" {
		t.Errorf("%d %s", s.status, s.body)
	}
	before := w.records(t)
	if s := w.call(t, w.manage, "DELETE", "/api_keys/"+text(r, "id"), ""); s.status != 204 {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.unchanged(t, before)
	w.clock.advance(10 * time.Second)
	if s := w.call(t, short, "GET", "/directories", ""); s.status != 401 {
		t.Errorf("a revoked key: %d %s", s.status, s.body)
	}
	// Expired.
	w.clock.advance(time.Hour)
	if s := w.call(t, value, "GET", "/directories", ""); s.status != 401 {
		t.Errorf("an expired key: %d %s", s.status, s.body)
	}
	got := states(t, w.call(t, w.manage, "GET", "/api_keys?limit=100", ""))
	if got[text(k, "id")] != "expired" || got[text(r, "id")] != "revoked" || len(got) != 4 {
		t.Errorf("%v", got)
	}

	before = w.records(t)
	for name, c := range map[string]struct{ body, field string }{
		"no scope":    {`{"name":"x"}`, "scope"},
		"other scope": {`{"name":"x","scope":"admin"}`, "scope"},
		"no name":     {`{"scope":"read"}`, "name"},
		"blank":       {`{"scope":"read","name":" "}`, "name"},
		"past":        {`{"scope":"read","name":"x","expires_at":"2020-01-31T12:00:00Z"}`, "expires_at"},
	} {
		invalid(t, name, w.call(t, w.manage, "POST", "/api_keys", c.body), c.field)
	}
	w.unchanged(t, before)
}

// keyID is the id of the key with that value.
func (w *world) keyID(t testing.TB, value string) string {
	t.Helper()
	k, err := apikey.Find(t.Context(), w.options.Table, credential.Hash(value))
	if err != nil {
		t.Fatal(err)
	}
	return k.ID
}

// A key may do what its scopes say, on every route, and create no key that may do
// more.
func TestScopesOfKeys(t *testing.T) {
	w, path, _ := full(t)
	allowed := map[string][]string{
		"read": {"read"}, "manage": {"read", "manage"}, "keys": {"keys"},
		"read keys": {"read", "keys"}, "manage keys": {"read", "manage", "keys"},
	}
	if len(allowed) != len(management.Scopes) {
		t.Errorf("%v", management.Scopes)
	}
	for scope, may := range allowed {
		key := w.key(t, scope)
		w.call(t, key, "GET", "/nothing", "") // notes the day
		before := w.records(t)
		for _, r := range routes() {
			if slices.Contains(may, r.Scope) && r.Method != "GET" {
				continue // it would change something
			}
			s := w.call(t, key, r.Method, path(r.Pattern), body(r.Body, "", ""))
			if forbidden := s.status == 403; forbidden == slices.Contains(may, r.Scope) {
				t.Errorf("%s: %s %s: %d %s", scope, r.Method, r.Pattern, s.status, s.body)
			}
		}
		w.unchanged(t, before)
		for created, needs := range allowed {
			exceeds := slices.ContainsFunc(needs, func(n string) bool { return !slices.Contains(may, n) })
			s := w.call(t, key, "POST", "/api_keys", `{"name":"x","scope":"`+created+`"}`)
			want := 201
			switch {
			case !slices.Contains(may, "keys"):
				want = 403
			case exceeds:
				want = 422
			}
			if s.status != want {
				t.Errorf("%s creates %s: %d %s", scope, created, s.status, s.body)
			}
			if k := s.object(t); want == 201 && (k["created_by"] != w.keyID(t, key) || k["scope"] != created) {
				t.Errorf("%v", k)
			}
		}
	}
	for _, scope := range []string{"", "keys manage", "manage read", "read  keys", " read", "read read"} {
		invalid(t, scope, w.call(t, w.manage, "POST", "/api_keys", `{"name":"x","scope":"`+scope+`"}`), "scope")
	}
}

// Keys of an earlier version keep what they could do, and earlier code lets later
// keys do no more than their scopes without keys.
func TestEarlierKeys(t *testing.T) {
	w := open(t)
	for scope, c := range map[string]struct {
		shown string
		may   map[string]int
	}{
		"read":   {"read", map[string]int{"GET /directories": 200, "POST /organizations": 403, "GET /api_keys": 403}},
		"manage": {"manage keys", map[string]int{"GET /directories": 200, "POST /organizations": 201, "GET /api_keys": 200}},
	} {
		value := w.key(t, scope)
		hash := credential.Hash(value)
		if _, err := w.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &w.table, UpdateExpression: aws.String("REMOVE scopes, created_by"),
			Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "K#" + hash}, "sk": &types.AttributeValueMemberS{Value: "K"}},
		}); err != nil {
			t.Fatal(err)
		}
		for request, want := range c.may {
			method, path, _ := strings.Cut(request, " ")
			sent := ""
			if method == "POST" {
				sent = `{"name":"x"}`
			}
			if s := w.call(t, value, method, path, sent); s.status != want {
				t.Errorf("%s: %s: %d %s", scope, request, s.status, s.body)
			}
		}
		listed := w.call(t, w.manage, "GET", "/api_keys?limit=100", "").object(t)["data"].([]any)
		i := slices.IndexFunc(listed, func(k any) bool { return k.(map[string]any)["id"] == w.keyID(t, value) })
		if k := listed[i].(map[string]any); k["scope"] != c.shown || k["created_by"] != nil {
			t.Errorf("%s is listed as %v", scope, k)
		}
	}
	for scope, want := range map[string]string{"read": "read", "manage": "manage", "keys": "keys", "read keys": "read", "manage keys": "manage"} {
		if k, err := apikey.Find(t.Context(), w.options.Table, credential.Hash(w.key(t, scope))); err != nil || k.EarlierScope != want {
			t.Errorf("%s: earlier code reads %q, %v", scope, k.EarlierScope, err)
		}
	}
}

// The function that makes the first key takes what POST /api_keys takes.
func TestKeyMaker(t *testing.T) {
	w := open(t)
	make := api.KeyMaker(w.options)
	k, err := make(t.Context(), json.RawMessage(`{"name":"first","scope":"manage keys"}`))
	if err != nil || k["object"] != "api_key" || k["created_by"] != "bootstrap" {
		t.Fatalf("%v, %v", k, err)
	}
	if s := w.call(t, text(k, "value"), "GET", "/api_keys", ""); s.status != 200 {
		t.Errorf("%d %s", s.status, s.body)
	}
	before := w.records(t)
	if _, err := make(t.Context(), json.RawMessage(`{"name":"x","scope":"read","organization_id":"org_`+nobody+`"}`)); err == nil || !strings.Contains(err.Error(), "Organization not found") {
		t.Errorf("an unknown organization: %v", err)
	}
	for _, input := range []string{``, `{}`, `null`, `[]`, `{"name":"x","scope":"admin"}`, `{"name":"x","scope":"read","more":1}`} {
		if k, err := make(t.Context(), json.RawMessage(input)); err == nil {
			t.Errorf("%s makes %v", input, k)
		}
	}
	w.unchanged(t, before)

	// It writes once and reads nothing: it may do no more.
	ctx, meter := table.WithMeter(context.Background())
	if _, err := make(ctx, json.RawMessage(`{"name":"x","scope":"read","expires_at":null}`)); err != nil || meter.RoundTrips != 1 || meter.ReadUnits != 0 {
		t.Errorf("%+v, %v", meter, err)
	}
}
