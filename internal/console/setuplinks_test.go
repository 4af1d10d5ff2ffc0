package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// A setup link is shown once, the page of the directory tells its state, and it can be
// revoked. A viewer sees it, and can do nothing.
func TestSetupLinks(t *testing.T) {
	w := newWorld(t)
	operator, viewer := w.signIn("operator"), w.signIn("viewer")
	path := "/console/directories/" + w.directory
	r := w.send("POST", path+"/setup-links", host, nil, operator)
	made := text(t, r)
	link := regexp.MustCompile(`https://console\.example/setup/\?token=[\w-]{40,}`).FindString(made)
	if r.StatusCode != http.StatusCreated || link == "" {
		t.Fatalf("%d %s", r.StatusCode, made)
	}
	page := w.page(path, operator)
	if _, secret, _ := strings.Cut(link, "token="); strings.Contains(page, secret) || !strings.Contains(page, "not opened") {
		t.Errorf("the page of the directory: %s", page)
	}
	revoke := regexp.MustCompile(path + `/setup-links/setup_link_\w+/revoke`).FindString(page)
	if revoke == "" {
		t.Fatal("the link cannot be revoked")
	}
	if seen := w.page(path, viewer); strings.Contains(seen, "setup-links") || !strings.Contains(seen, "not opened") {
		t.Errorf("a viewer sees %s", seen)
	}
	if r := w.send("POST", revoke, host, nil, operator); r.StatusCode != http.StatusSeeOther {
		t.Errorf("revoking: %d", r.StatusCode)
	}
	if page := w.page(path, operator); !strings.Contains(page, "Revoked") || strings.Contains(page, revoke) {
		t.Errorf("after that: %s", page)
	}
	if audit := w.page("/console/audit", viewer); !strings.Contains(audit, "made a setup link") || !strings.Contains(audit, "revoked a setup link") {
		t.Errorf("the audit log: %s", audit)
	}
}
