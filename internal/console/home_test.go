package console_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"dsync/internal/management"
	"dsync/internal/table"
)

// Home says why a directory needs somebody, and says nothing of one that works.
func TestHome(t *testing.T) {
	w := newWorld(t)
	operator := w.signIn("operator")
	home := func() string { return body(t, w.send("GET", "/console", "", nil, operator)) }
	path := "/console/directories/" + w.directory
	if page := home(); !strings.Contains(page, "No directory needs you.") || !strings.Contains(page, "No request in the last 48 hours.") {
		t.Errorf("a new directory: %.1500s", page)
	}
	if r := w.send("POST", path+"/tokens", host, url.Values{"days": {"180"}}, operator); r.StatusCode != 201 {
		t.Fatal(r.StatusCode)
	}
	forward := func(d time.Duration) { w.now = w.now.Add(d); operator = w.signIn("operator") }
	forward(4 * 24 * time.Hour)
	if page := home(); !strings.Contains(page, "Never connected, for 4 days") || !strings.Contains(page, "1 directory needs somebody.") {
		t.Errorf("a directory that never connected: %.1500s", page)
	}
	forward(150 * 24 * time.Hour)
	if page := home(); !strings.Contains(page, " ends in 26 days") {
		t.Error("a token that ends is not shown")
	}
	if r := w.send("POST", path+"/pause", host, nil, operator); r.StatusCode != 303 {
		t.Fatal(r.StatusCode)
	}
	if page := home(); !strings.Contains(page, "Paused: its requests are refused") {
		t.Error("a paused directory is not shown")
	}
	for _, hours := range []int{30, 29, 20} {
		at := w.now.Add(-time.Duration(hours) * time.Hour)
		if err := w.table.CountDay(t.Context(), w.directory, table.Day{Date: at.Format(time.DateOnly), Requests: 7, Last: at}, true); err != nil {
			t.Fatal(err)
		}
	}
	if page := body(t, w.send("GET", path, "", nil, operator)); !strings.Contains(page, "Requests in 3 of the last 48 hours. The longest gap was 20 hours.") {
		t.Errorf("the strip: %.3000s", page)
	}
	tokens, err := w.session().Tokens(t.Context(), w.directory, management.PageRequest{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens.Items {
		if err := w.session().RevokeToken(t.Context(), w.directory, token.ID); err != nil {
			t.Fatal(err)
		}
	}
	if page := home(); !strings.Contains(page, "No token works") {
		t.Error("a directory without a token is not shown")
	}
}
