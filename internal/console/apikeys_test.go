package console_test

import (
	"crypto/rand"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
)

// An API key is created with what was chosen, is shown once, opens what it shall,
// and nothing when it was revoked. What is refused keeps what was typed.
func TestAPIKeys(t *testing.T) {
	w := newWorld(t)
	admin := w.signIn("admin")
	create := func(form url.Values) (int, string) {
		r := w.send("POST", "/console/api-keys", host, form, admin)
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, html.UnescapeString(string(b))
	}
	status, page := create(url.Values{"name": {"Billing"}, "scope": {"manage"}, "organization_id": {w.organization}, "expires": {"30"}})
	value := regexp.MustCompile(`dsync_[0-9A-Za-z_-]{40,}`).FindString(page)
	if status != http.StatusCreated || value == "" {
		t.Fatalf("%d %s", status, page)
	}
	opens := func() (*management.Session, error) {
		return management.NewAuthenticator(w.table, func() time.Time { return w.now }, rand.Reader, slog.New(slog.DiscardHandler)).Authenticate(t.Context(), value, management.Origin{})
	}
	s, err := opens()
	if err != nil || !s.May(management.Manage) || s.May(management.Keys) {
		t.Errorf("the key opens %v: %v", s, err)
	}
	for _, step := range []struct {
		after time.Duration
		opens bool
	}{{30*24*time.Hour - time.Second, true}, {time.Second, false}} {
		w.now = w.now.Add(step.after)
		if _, err := opens(); (err == nil) != step.opens {
			t.Errorf("after %v more it opens: %v", step.after, err)
		}
	}
	w.now = w.now.Add(-30 * 24 * time.Hour)
	listed := w.page("/console/api-keys", admin)
	if strings.Contains(listed, value) || !strings.Contains(listed, "…"+value[len(value)-4:]) || !strings.Contains(listed, w.organization) {
		t.Errorf("the list: %s", listed)
	}
	keyID := regexp.MustCompile(`api_key_[0-9A-Z]{26}`).FindString(listed)
	if r := w.send("POST", "/console/api-keys/"+keyID+"/revoke", host, nil, admin); r.StatusCode != http.StatusSeeOther {
		t.Errorf("revoking it: %d", r.StatusCode)
	}
	if _, err := opens(); fault.KindOf(err) != fault.Unauthorized {
		t.Errorf("it was revoked, and opens: %v", err)
	}
	if listed := w.page("/console/api-keys", admin); !strings.Contains(listed, "Revoked") || strings.Contains(listed, "/revoke\"") {
		t.Errorf("the list has no revoked key: %s", listed)
	}

	before := len(w.records())
	for want, form := range map[string]url.Values{
		"Name must":                              {"name": {strings.Repeat("W", 300)}, "scope": {"keys"}},
		"Scope must":                             {"name": {"x"}, "scope": {"king"}},
		"No organization has this ID":            {"name": {"x"}, "scope": {"read"}, "organization_id": {"org_01ARZ3NDEKTSV4RRFFQ69G5FAV"}},
		"Organization ID must":                   {"name": {"x"}, "scope": {"read"}, "organization_id": {`"><b>`}},
		"Choose when the key expires":            {"name": {"x"}, "scope": {"read"}, "expires": {"-1"}},
		"value=\"typed before\"":                 {"name": {"typed before"}, "scope": {"king"}},
		"value=\"manage keys\" required checked": {"name": {""}, "scope": {"manage keys"}},
	} {
		if status, page := create(form); status != http.StatusUnprocessableEntity || !strings.Contains(page, want) {
			t.Errorf("%s: %d %s", want, status, page)
		}
	}
	if len(w.records()) != before {
		t.Error("what was refused changed something")
	}
}

// The audit log names the person or the key, what was done to what, and the values
// before and after.
func TestAuditLog(t *testing.T) {
	w := newWorld(t)
	admin := w.signIn("admin")
	w.send("POST", "/console/directories/"+w.directory+"/pause", host, nil, admin)
	w.send("POST", "/console/api-keys", host, url.Values{"name": {"Billing \u202egnp"}, "scope": {"read"}}, admin)
	w.send("POST", "/console/api-keys", host, url.Values{"name": {"<script>"}, "scope": {"read"}}, admin)
	viewer := w.signIn("viewer")
	page := w.page("/console/audit", viewer)
	for _, want := range []string{
		"<strong><bdi>Ada Lovelace</bdi></strong> <small>in the console</small> paused the directory",
		"<del><bdi>validating</bdi></del>", " values</summary>", "<ins><bdi>unlinked</bdi></ins>", "signed in", "created the API key", "&lt;script&gt;",
		"<strong><bdi>bootstrap</bdi></strong> <small>with access to the account</small> created the organization <bdi>Acme</bdi>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not there: %s", want, page)
		}
	}
	if strings.Contains(page, "<script>") || strings.Contains(page, "\u202e") {
		t.Error("a name is on the page as it was typed")
	}
	for query, want := range map[string][2]string{
		"?action=directory.paused":           {"paused the directory", "created the organization"},
		"?organization_id=" + w.organization: {"created the organization", "signed in"},
		"?action=nonsense":                   {"signed in", "No match"},
		"?organization_id=x":                 {"No organization has this ID", "No match"},
		"?action=organization.deleted&organization_id=" + w.organization: {"No match", "signed in"},
	} {
		if page := w.page("/console/audit"+query, viewer); !strings.Contains(page, want[0]) || strings.Contains(page, want[1]) {
			t.Errorf("%s: %s", query, page)
		}
	}
}
