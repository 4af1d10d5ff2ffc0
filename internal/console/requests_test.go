package console_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/table"
	"dsync/internal/usage"
)

// page reads a page, which must be there.
func (w *world) page(path string, c *http.Cookie) string {
	w.t.Helper()
	r := w.send("GET", path, "", nil, c)
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %d %v %s", path, r.StatusCode, err, b)
	}
	return string(b)
}

// Each reason for which a request is refused or a part of it ignored has a sentence
// and a remedy of its own.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	viewer := w.signIn("viewer")
	path := "/console/directories/" + w.directory + "/requests"
	if page := w.page(path, viewer); !strings.Contains(page, "Nothing was refused") {
		t.Errorf("without a request: %s", page)
	}
	codes := []fault.Code{scim.InvalidFilter, scim.TooMany, scim.Uniqueness, scim.Mutability, scim.InvalidSyntax, scim.InvalidPath, scim.NoTarget, scim.InvalidValue, scim.InvalidCursor, scim.ExpiredCursor, scim.InvalidCount}
	var requests []table.Request
	add := func(r table.Request) {
		r.ID, r.DirectoryID, r.At, r.Method = fmt.Sprintf("scim_request_01%024d", len(requests)), w.directory, w.now, "PATCH"
		r.TTL = w.now.AddDate(9, 0, 0).Unix()
		r.RequestID = fmt.Sprint("R", len(requests), ".")
		requests = append(requests, r)
	}
	for _, code := range codes {
		add(table.Request{Route: "/Users/{id}", Status: 400, ScimType: string(code), Path: "attribute-" + string(code)})
	}
	for _, status := range []int{403, 404, 405, 409, 412, 413, 415, 429, 500, 501, 503} {
		add(table.Request{Route: "/Users/{id}", Status: status})
	}
	for _, what := range []string{usage.UnknownPath, usage.UnknownMember, usage.NestedGroup} {
		add(table.Request{Route: "/Groups/{id}", Status: 204, Tolerated: []table.Tolerated{{What: what, Count: 2, Path: `<script>"\u202e`}}})
	}
	if err := w.table.PutRequests(t.Context(), requests); err != nil {
		t.Fatal(err)
	}
	page := html.UnescapeString(w.page(path, viewer))
	problems := map[string]bool{}
	for _, part := range strings.Split(page, "<li id=")[1:] {
		_, text, _ := strings.Cut(part, "<p>")
		problem, _, _ := strings.Cut(text, "<")
		if problems[problem] || strings.Contains(part, "It was answered with") || !strings.Contains(part, `<p class="remedy">`) {
			t.Errorf("it says %q, which is known, or nothing: %s", problem, part)
		}
		problems[problem] = true
	}
	if len(problems) != len(requests) {
		t.Errorf("%d problems of %d requests", len(problems), len(requests))
	}
	if strings.Contains(page, "\u202e") || strings.Contains(w.page(path, viewer), "<script>\"") {
		t.Error("a path is on the page as it was sent")
	}
	for query, want := range map[string][2]string{
		"?outcome=partial": {"R24.", "R10."}, "?outcome=refused": {"R10.", "R24."}, "?request_id=R7.": {"R7.", "R8."}, "?outcome=nonsense": {"R24.", "R99."}, "?request_id=none": {"No match", "R1."},
	} {
		if page := w.page(path+query, viewer); !strings.Contains(page, want[0]) || strings.Contains(page, ">"+want[1]) {
			t.Errorf("%s: %s", query, page)
		}
	}
}

// A cursor that is none is no failure of the console.
func TestCursors(t *testing.T) {
	w := newWorld(t)
	admin := w.signIn("admin")
	for _, path := range []string{"/console/organizations", "/console/organizations/" + w.organization, "/console/sessions", "/console/directories/" + w.directory + "/requests"} {
		for _, cursor := range []string{"x", "org_", "org_01ARZ3NDEKTSV4RRFFQ69G5FAV", "\x00", strings.Repeat("W", 5000)} {
			for _, direction := range []string{"?after=", "?before="} {
				if r := w.send("GET", path+direction+strings.ReplaceAll(cursor, "\x00", "%00"), "", nil, admin); r.StatusCode >= 500 {
					t.Errorf("%s%s%.30q: %d", path, direction, cursor, r.StatusCode)
				}
			}
		}
	}
}
