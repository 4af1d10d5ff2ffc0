package console_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dsync/internal/management"
	"dsync/internal/settings"
)

// body is the text of an answer.
func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (w *world) session() *management.Session {
	return management.Bootstrap(w.table, func() time.Time { return w.now }, rand.Reader)
}

// A second token is shown once; a third is refused; one that is revoked leaves room.
func TestTokens(t *testing.T) {
	w := newWorld(t)
	operator := w.signIn("operator")
	path := "/console/directories/" + w.directory
	create := func() *http.Response {
		return w.send("POST", path+"/tokens", host, url.Values{"days": {"365"}}, operator)
	}
	w.now = w.now.Add(time.Second)
	created := create()
	if text := body(t, created); created.StatusCode != http.StatusCreated || !strings.Contains(text, "dsync_scim_") || !strings.Contains(text, `data-address="`+path+`"`) {
		t.Fatalf("%d %.300s", created.StatusCode, text)
	}
	tokens, err := w.session().Tokens(t.Context(), w.directory, management.PageRequest{Limit: 10})
	if err != nil || len(tokens.Items) != 2 || !tokens.Items[0].Expires.Equal(w.now.AddDate(0, 0, 365)) {
		t.Fatalf("%+v, %v", tokens.Items, err)
	}
	if text := body(t, w.send("GET", path, "", nil, operator)); strings.Contains(text, "dsync_scim_") || strings.Contains(text, "Make a second token") || !strings.Contains(text, "…"+tokens.Items[0].Suffix) {
		t.Errorf("the page with two tokens: %.300s", text)
	}
	if r := create(); r.StatusCode != http.StatusConflict || strings.Contains(body(t, r), "dsync_scim_") {
		t.Errorf("a third token: %d", r.StatusCode)
	}
	if r := w.send("POST", path+"/tokens/"+tokens.Items[1].ID+"/revoke", host, nil, operator); r.StatusCode != http.StatusSeeOther {
		t.Errorf("revoking: %d", r.StatusCode)
	}
	if text := body(t, w.send("GET", path, "", nil, operator)); !strings.Contains(text, "Make a second token") || !strings.Contains(text, "Revoked") {
		t.Error("the page after the revocation does not offer another token")
	}
	w.now = w.now.AddDate(0, 0, 340)
	if text := body(t, w.send("GET", path, "", nil, w.signIn("viewer"))); !strings.Contains(text, "Ends soon") || strings.Contains(text, "/revoke") {
		t.Error("a viewer of a token that ends in 25 days does not see that, or may revoke it")
	}
}

// The form has every setting, saves what it shows, and keeps what was refused.
func TestSettings(t *testing.T) {
	w := newWorld(t)
	operator := w.signIn("operator")
	path := "/console/directories/" + w.directory + "/settings"
	d, err := w.session().Directory(t.Context(), w.directory)
	if err != nil {
		t.Fatal(err)
	}
	values := formOf(t, d)
	page := body(t, w.send("GET", path, "", nil, operator))
	for name := range values {
		if !strings.Contains(page, `name="`+name+`"`) {
			t.Errorf("the form has no %s", name)
		}
	}
	if r := w.send("POST", path, host, values, operator); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("saving what is there: %d %.500s", r.StatusCode, body(t, r))
	}
	if same, err := w.session().Directory(t.Context(), w.directory); err != nil || same.Version != d.Version {
		t.Errorf("saving what is there made version %d of %d, %v", same.Version, d.Version, err)
	}
	values.Set("name", "Acme's tenant")
	values.Set("deactivation_policy", "delete")
	values.Set("attribute_mapping", "nickname = nickName\r\n\r\ntitle=title")
	values.Del("raw_attributes")
	if r := w.send("POST", path, host, values, operator); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("saving: %d %.500s", r.StatusCode, body(t, r))
	}
	changed, err := w.session().Directory(t.Context(), w.directory)
	if err != nil || changed.Name != "Acme's tenant" || changed.Settings != `{"attribute_mapping":{"nickname":"nickName","title":"title"},"deactivation_policy":"delete","raw_attributes":false}` {
		t.Errorf("%s, %s, %v", changed.Name, changed.Settings, err)
	}
	for text, message := range map[string]string{
		"nickname": "Line 1 has no =.", "a = title\na = nickName": "Line 2 has a name that another line has.", "a = nothingLikeThis": "must be a path of the users",
	} {
		values.Set("attribute_mapping", text)
		values.Set("name", "kept <b>")
		r := w.send("POST", path, host, values, operator)
		if page := body(t, r); r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, message) || !strings.Contains(page, "kept &lt;b&gt;") {
			t.Errorf("%q: %d, no %q", text, r.StatusCode, message)
		}
	}
}

// What cannot be undone needs the name, as it is or as the page shows it.
func TestDeletion(t *testing.T) {
	w := newWorld(t)
	operator := w.signIn("operator")
	name := "Acme \u202eevil"
	if _, err := w.session().UpdateDirectory(t.Context(), w.directory, management.DirectoryUpdate{Name: &name}); err != nil {
		t.Fatal(err)
	}
	organization, directory := "/console/organizations/"+w.organization, "/console/directories/"+w.directory
	typed := func(path, text string) int {
		return w.send("POST", path+"/delete", host, url.Values{"confirmation": {text}}, operator).StatusCode
	}
	if status := typed(organization, "Acme"); status != http.StatusUnprocessableEntity {
		t.Errorf("an organization with a directory: %d", status)
	}
	for _, text := range []string{"", "Acme", "acme evil"} {
		if status := typed(directory, text); status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", text, status)
		}
	}
	if d, err := w.session().Directory(t.Context(), w.directory); err != nil || d.State == management.Deleting {
		t.Fatal(d.State, err)
	}
	if status := typed(directory, " Acme ⟨U+202E⟩evil "); status != http.StatusSeeOther {
		t.Errorf("the name as shown: %d", status)
	}
	if d, err := w.session().Directory(t.Context(), w.directory); err != nil || d.State != management.Deleting {
		t.Error(d.State, err)
	}
	for _, page := range []string{directory, directory + "/settings", directory + "/delete"} {
		if r := w.send("GET", page, "", nil, operator); r.StatusCode != http.StatusOK {
			t.Errorf("%s of a directory that is being deleted: %d", page, r.StatusCode)
		}
	}
	empty := "Globex"
	o, err := w.session().CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &empty})
	if err != nil {
		t.Fatal(err)
	}
	if status := typed("/console/organizations/"+o.ID, "Globex"); status != http.StatusSeeOther {
		t.Errorf("an organization without directories: %d", status)
	}
}

// formOf is what the browser sends for the settings of a directory.
func formOf(t *testing.T, d management.Directory) url.Values {
	t.Helper()
	s, err := settings.Parse(d.SCIMConfig)
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{"name": {d.Name}}
	for name, v := range s.Members() {
		switch v := v.(type) {
		case map[string]any:
			for key, path := range v {
				values.Set(name, values.Get(name)+fmt.Sprint(key, " = ", path, "\n"))
			}
		case float64: // the quotas are set through the API
		default:
			values.Set(name, fmt.Sprint(v))
		}
	}
	return values
}
