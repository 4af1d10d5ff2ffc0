package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dsync/internal/management"
	"dsync/internal/table/audit"

	"github.com/google/go-cmp/cmp"
)

// audited are the audit events of a query, oldest first.
func (w *world) audited(t testing.TB, query string) (all []map[string]any) {
	t.Helper()
	for _, e := range w.call(t, w.read, "GET", "/audit_events?limit=100&order=asc"+query, "").object(t)["data"].([]any) {
		all = append(all, e.(map[string]any))
	}
	return all
}

// Each request that changes something has one audit event: who, what, from where,
// and the members that changed.
func TestAuditEvents(t *testing.T) {
	w := open(t)
	actor := w.keyID(t, w.manage)
	known := map[string]string{} // what stands for ids
	in := func(text string) string {
		for name, id := range known {
			text = strings.ReplaceAll(text, "{"+name+"}", id)
		}
		return text
	}
	change := func(before, after string) string { return fmt.Sprintf(`{"before":%s,"after":%s}`, before, after) }
	keep := func(name, member string) func(map[string]any) {
		return func(o map[string]any) { known[name] = text(o, member) }
	}
	known["person"], known["secret3"] = w.person(t, "Ada Lovelace", management.Operator)
	exercised := map[string]bool{}
	for _, c := range []struct {
		pattern, body string
		note          func(map[string]any) // of the response
		action        string               // "" for no event
		target        string
		organization  bool // whether the event has them
		directory     bool
		changes       string // JSON; "" is not compared
	}{
		{"POST /organizations", `{"name":"Acme","external_id":"acme","domain_data":[{"domain":"acme.example"}],"metadata":{"plan":"x"}}`, keep("org", "id"), "organization.created", "{org}", true, false,
			`{"name":` + change(`null`, `"Acme"`) + `,"external_id":` + change(`null`, `"acme"`) + `,"domain_data.acme.example":` + change(`null`, `"pending"`) + `,"metadata.plan":` + change(`null`, `"x"`) + `}`},
		{"PUT /organizations/{org}", `{"name":"Acme Inc.","metadata":{"plan":null,"tier":"1"}}`, nil, "organization.updated", "{org}", true, false,
			`{"name":` + change(`"Acme"`, `"Acme Inc."`) + `,"metadata.plan":` + change(`"x"`, `null`) + `,"metadata.tier":` + change(`null`, `"1"`) + `}`},
		{"PUT /organizations/{org}", `{"name":"Acme Inc."}`, nil, "", "", false, false, ""},
		{"POST /organizations", `{"name":"Other","external_id":"acme"}`, nil, "", "", false, false, ""},
		{"POST /directories", `{"name":"Entra","organization_id":"{org}"}`, func(o map[string]any) {
			known["dir"], known["token"], known["secret"] = text(o, "id"), text(o["token"].(map[string]any), "id"), text(o["token"].(map[string]any), "token")
		}, "directory.created", "{dir}", true, true, ""},
		{"PATCH /directories/{dir}", `{"name":"Entra ID","settings":{"email_fallback":false}}`, nil, "directory.updated", "{dir}", true, true,
			`{"name":` + change(`"Entra"`, `"Entra ID"`) + `,"settings.email_fallback":` + change(`true`, `false`) + `}`},
		{"PATCH /directories/{dir}", `{"settings":{"email_fallback":false}}`, nil, "", "", false, false, ""},
		{"PATCH /directories/{dir}", `{"name":""}`, nil, "", "", false, false, ""},
		{"POST /directories/{dir}/pause", ``, nil, "directory.paused", "{dir}", true, true, `{"state":` + change(`"validating"`, `"unlinked"`) + `}`},
		{"POST /directories/{dir}/pause", ``, nil, "", "", false, false, ""},
		{"POST /directories/{dir}/resume", ``, nil, "directory.resumed", "{dir}", true, true, `{"state":` + change(`"unlinked"`, `"validating"`) + `}`},
		{"POST /directories/{dir}/tokens", ``, func(o map[string]any) { known["token2"], known["secret2"] = text(o, "id"), text(o, "token") }, "directory_token.created", "{token2}", true, true, ""},
		{"POST /directories/{dir}/tokens", ``, nil, "", "", false, false, ""}, // a third one
		{"DELETE /directories/{dir}/tokens/{token2}", ``, nil, "directory_token.revoked", "{token2}", true, true, `{"state":` + change(`"active"`, `"revoked"`) + `}`},
		{"DELETE /directories/{dir}/tokens/{token2}", ``, nil, "", "", false, false, ""},
		{"POST /api_keys", `{"name":"Bound","scope":"manage","organization_id":"{org}"}`, func(o map[string]any) { known["key"], known["value"] = text(o, "id"), text(o, "value") }, "api_key.created", "{key}", true, false, ""},
		{"DELETE /api_keys/{key}", ``, nil, "api_key.revoked", "{key}", true, false, `{"state":` + change(`"active"`, `"revoked"`) + `}`},
		{"DELETE /api_keys/{key}", ``, nil, "", "", false, false, ""},
		{"POST /api_keys", `{"name":"Free","scope":"read","expires_at":"2100-01-01T00:00:00Z"}`, func(o map[string]any) { known["free"], known["value2"] = text(o, "id"), text(o, "value") }, "api_key.created", "{free}", false, false, ""},
		{"POST /directories/{dir}/setup_links", ``, func(o map[string]any) { known["link"], known["secret4"] = text(o, "id"), secretOf(t, text(o, "link")) }, "setup_link.created", "{link}", true, true, ""},
		{"DELETE /directories/{dir}/setup_links/{link}", ``, nil, "setup_link.revoked", "{link}", true, true, `{"state":` + change(`"active"`, `"revoked"`) + `}`},
		{"DELETE /directories/{dir}/setup_links/{link}", ``, nil, "", "", false, false, ""},
		{"POST /portal/generate_link", `{"organization":"{org}","intent":"dsync"}`, func(o map[string]any) {
			known["secret5"] = secretOf(t, text(o, "link"))
			known["link2"] = text(w.must(t, 200, "GET", "/directories/"+known["dir"]+"/setup_links", "")["data"].([]any)[0].(map[string]any), "id")
		}, "setup_link.created", "{link2}", true, true, ""},
		{"POST /portal/generate_link", `{"organization":"{org}","intent":"sso"}`, nil, "", "", false, false, ""},
		{"PATCH /setup_page", `{"name":"Widgets"}`, nil, "setup_page.updated", "setup_page", false, false, `{"name":` + change(`null`, `"Widgets"`) + `}`},
		{"PATCH /setup_page", `{"name":"Widgets"}`, nil, "", "", false, false, ""},
		{"DELETE /console_sessions/{person}", ``, nil, "console_session.revoked", "{person}", false, false, `{"state":` + change(`"active"`, `"revoked"`) + `}`},
		{"DELETE /console_sessions/{person}", ``, nil, "", "", false, false, ""},
		{"DELETE /directories/{dir}", ``, nil, "directory.deleted", "{dir}", true, true, `{"state":` + change(`"validating"`, `"deleting"`) + `,"tokens.{token}":` + change(`"active"`, `null`) + `}`},
		{"DELETE /directories/{dir}", ``, nil, "", "", false, false, ""},
		{"POST /organizations", `{"name":"Short"}`, keep("org2", "id"), "organization.created", "{org2}", false, false, ""},
		{"DELETE /organizations/{org2}", ``, nil, "organization.deleted", "{org2}", false, false, `{"name":` + change(`"Short"`, `null`) + `}`},
	} {
		method, path, _ := strings.Cut(c.pattern, " ")
		before := w.audited(t, "")
		s := w.call(t, w.manage, method, in(path), in(c.body), "User-Agent", "curl/8.5.0\x01 "+strings.Repeat("x", 300))
		if c.note != nil {
			c.note(s.object(t))
		}
		made := w.audited(t, "")[len(before):]
		if c.action == "" {
			if len(made) != 0 {
				t.Errorf("%s changes nothing (%d), and has the event %v", c.pattern, s.status, made)
			}
			continue
		}
		if s.status/100 != 2 || len(made) != 1 {
			t.Errorf("%s: %d %s, and the events %v", c.pattern, s.status, s.body, made)
			continue
		}
		exercised[c.pattern] = true
		e := made[0]
		target, _, _ := strings.Cut(c.action, ".")
		want := map[string]any{
			"object": "audit_event", "id": e["id"], "created_at": e["created_at"], "action": c.action,
			"actor":  map[string]any{"api_key_id": actor, "api_key_name": "test", "console_session_id": nil, "person": nil, "setup_link_id": nil},
			"target": map[string]any{"type": target, "id": in(c.target)}, "organization_id": nil, "directory_id": nil,
			"changes": e["changes"], "omitted_changes": []any{}, "source_ip": "192.0.2.1", "request_id": "request-1",
			"user_agent": ("curl/8.5.0 " + strings.Repeat("x", 300))[:256],
		}
		if c.organization {
			want["organization_id"] = known["org"]
		}
		if target == "organization" {
			want["organization_id"] = in(c.target)
		}
		if c.directory {
			want["directory_id"] = known["dir"]
		}
		if c.changes != "" {
			var changes any
			if err := json.Unmarshal([]byte(in(c.changes)), &changes); err != nil {
				t.Fatal(err)
			}
			want["changes"] = changes
		} else if len(e["changes"].(map[string]any)) == 0 {
			t.Errorf("%s: the changes are %v", c.pattern, e["changes"])
		}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("%s: %s", c.pattern, diff)
		}
	}
	for _, r := range routes() {
		pattern := strings.NewReplacer("{token_id}", "", "{setup_link_id}", "", "{id}", "").Replace(r.Method + " " + r.Pattern)
		has := slices.ContainsFunc(slices.Collect(maps.Keys(exercised)), func(p string) bool {
			for name := range known {
				p = strings.ReplaceAll(p, "{"+name+"}", "")
			}
			return p == pattern
		})
		if !has && r.Method != http.MethodGet {
			t.Errorf("%s changes something, and nothing shows that it has an audit event", pattern)
		}
	}

	// No record of the audit log has a secret, or a hash of one.
	count := 0
	for _, record := range w.records(t) {
		if !strings.Contains(record, `pk={"Value":"A`) {
			continue
		}
		count++
		for _, name := range []string{"secret", "secret2", "secret3", "value", "value2"} {
			if body := known[name][len(known[name])-30 : len(known[name])-4]; strings.Contains(record, body) {
				t.Errorf("%s is in %s", name, record)
			}
		}
		if strings.Contains(record, "hash") || strings.Contains(record, "cursor_key") {
			t.Errorf("%s", record)
		}
		i := strings.Index(record, `ttl={"Value":"`)
		ttl, _ := strconv.ParseInt(strings.Trim(record[i+len(`ttl={"Value":"`):], `"} `), 10, 64)
		if left := time.Until(time.Unix(ttl, 0)); i < 0 || left < audit.Retention-time.Hour || left > audit.Retention+time.Hour {
			t.Errorf("it expires in %v: %s", left, record)
		}
	}
	if count < 20 {
		t.Errorf("%d records", count)
	}
}

// What an event would hold of large values is left out, and named.
func TestLargeChanges(t *testing.T) {
	w := open(t)
	metadata := map[string]string{}
	for i := range 50 {
		metadata[fmt.Sprintf("key-%02d", i)] = strings.Repeat("x", 600)
	}
	b, _ := json.Marshal(map[string]any{"name": "Acme", "metadata": metadata})
	w.must(t, 201, "POST", "/organizations", string(b))
	e := w.audited(t, "&action=organization.created")[0]
	changes, omitted := e["changes"].(map[string]any), e["omitted_changes"].([]any)
	text, _ := json.Marshal(changes)
	if len(changes)+len(omitted) != 51 || len(omitted) == 0 || len(text) > 2*audit.MaxChanges || !slices.Contains(omitted, any("metadata.key-49")) {
		t.Errorf("%d changes in %d bytes, and %v", len(changes), len(text), omitted)
	}
}
