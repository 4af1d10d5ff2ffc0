package api_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"dsync/internal/table"

	"github.com/google/go-cmp/cmp"
)

func TestOrganizations(t *testing.T) {
	w := open(t)
	acme := w.must(t, 201, "POST", "/organizations", `{"name":"Acme Inc.","external_id":"acme/1","domain_data":[{"domain":"Acme.example","state":"verified"},{"domain":"acme.test"}],"metadata":{"tier":"diamond"}}`)
	id := text(acme, "id")
	domains := acme["domains"].([]any)
	first, second := domains[0].(map[string]any), domains[1].(map[string]any)
	want := map[string]any{
		"object": "organization", "id": id, "name": "Acme Inc.", "external_id": "acme/1", "metadata": map[string]any{"tier": "diamond"},
		"allow_profiles_outside_organization": false, "created_at": acme["created_at"], "updated_at": acme["created_at"],
		"domains": []any{
			map[string]any{"object": "organization_domain", "id": first["id"], "organization_id": id, "domain": "acme.example", "state": "verified",
				"verification_strategy": "manual", "created_at": first["created_at"], "updated_at": first["created_at"]},
			map[string]any{"object": "organization_domain", "id": second["id"], "organization_id": id, "domain": "acme.test", "state": "pending",
				"verification_strategy": "manual", "created_at": second["created_at"], "updated_at": second["created_at"]},
		},
	}
	if diff := cmp.Diff(want, acme); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(text(first, "id"), "org_domain_") || len(text(first, "created_at")) != len("2026-01-15T12:00:00.000Z") {
		t.Errorf("%v", first)
	}
	for _, path := range []string{"/organizations/" + id, "/organizations/" + id + "/", "/organizations/external_id/acme/1"} {
		if diff := cmp.Diff(want, w.must(t, 200, "GET", path, "")); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}

	// What is not given stays. metadata is merged, domain_data replaced.
	before := w.records(t)
	if diff := cmp.Diff(want, w.must(t, 200, "PUT", "/organizations/"+id, `{"name":"Acme Inc.","metadata":{"tier":"diamond"},"domain_data":[{"domain":"acme.example","state":"verified"},{"domain":"acme.test"}]}`)); diff != "" {
		t.Errorf("nothing changed, and yet: %s", diff)
	}
	w.unchanged(t, before)
	changed := w.must(t, 200, "PUT", "/organizations/"+id, `{"metadata":{"tier":null,"seats":"5"},"domain_data":[{"domain":"acme.test","state":"verified"},{"domain":"new.example"}]}`)
	if changed["name"] != "Acme Inc." || changed["external_id"] != "acme/1" || !cmp.Equal(changed["metadata"], map[string]any{"seats": "5"}) {
		t.Errorf("%v", changed)
	}
	if kept := changed["domains"].([]any)[0].(map[string]any); kept["id"] != second["id"] || kept["state"] != "verified" {
		t.Errorf("the domain that stays is another: %v", kept)
	}
	for domain, found := range map[string]int{"acme.example": 0, "acme.test": 1, "NEW.example": 1, "acme.example,new.example": 1} {
		if list, _, _ := ids(t, w.call(t, w.read, "GET", "/organizations?domains="+domain, "")); len(list) != found {
			t.Errorf("domains=%s finds %v", domain, list)
		}
	}

	// The external id is unique, can be taken over once it is free, and taken away.
	other := w.organization(t, "Other")
	before = w.records(t)
	for _, s := range []said{
		w.call(t, w.manage, "POST", "/organizations", `{"name":"Third","external_id":"acme/1"}`),
		w.call(t, w.manage, "PUT", "/organizations/"+other, `{"external_id":"acme/1"}`),
	} {
		if s.status != 409 || s.object(t)["code"] != "external_id_taken" {
			t.Errorf("%d %s", s.status, s.body)
		}
	}
	w.unchanged(t, before)
	w.must(t, 200, "PUT", "/organizations/"+id, `{"external_id":null}`)
	w.must(t, 404, "GET", "/organizations/external_id/acme/1", "")
	w.must(t, 200, "PUT", "/organizations/"+other, `{"external_id":"acme/1"}`)
	if got := w.must(t, 200, "GET", "/organizations/external_id/acme/1", ""); got["id"] != other {
		t.Errorf("%v", got)
	}

	// Deleting.
	d := w.directory(t, other, "Entra")
	before = w.records(t)
	if s := w.call(t, w.manage, "DELETE", "/organizations/"+other, ""); s.status != 409 || s.object(t)["code"] != "organization_has_directories" {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.unchanged(t, before)
	w.must(t, 202, "DELETE", "/directories/"+d.id, "")
	w.must(t, 409, "DELETE", "/organizations/"+other, "") // until its records are gone
	if s := w.call(t, w.manage, "DELETE", "/organizations/"+id, ""); s.status != 202 || s.body != "Accepted" {
		t.Errorf("%d %s", s.status, s.body)
	}
	if s := w.call(t, w.read, "GET", "/organizations/"+id, ""); s.status != 404 || s.body != `{"code":"entity_not_found","entity_id":"`+id+`","message":"Organization not found: '`+id+`'."}`+"\n" {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.must(t, 404, "DELETE", "/organizations/"+id, "")
	if list, _, _ := ids(t, w.call(t, w.read, "GET", "/organizations?domains=acme.test", "")); len(list) != 0 {
		t.Errorf("a deleted organization is found by its domain: %v", list)
	}
	if len(w.records(t)) != len(before)-3-1+2+5 { // its record and two look-ups; what leads from the external key to the directory; the job of the directory with its entry in the list of running jobs; and two audit events with their entries
		t.Errorf("%d records of %d are left", len(w.records(t)), len(before))
	}
}

// Nothing can be too much of an organization, and what is too much is refused.
func TestOrganizationLimits(t *testing.T) {
	w := open(t)
	many := func(n int, format string) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(format, i))
		}
		return strings.Join(parts, ",")
	}
	domain := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 57)
	for name, c := range map[string]struct{ fits, not, field string }{
		"name":           {`{"name":"` + strings.Repeat("ä", 256) + `"}`, `{"name":"` + strings.Repeat("ä", 257) + `"}`, "name"},
		"external id":    {`{"external_id":"` + strings.Repeat("x", 128) + `"}`, `{"external_id":"` + strings.Repeat("x", 129) + `"}`, "external_id"},
		"domains":        {`{"domain_data":[` + many(45, `{"domain":"a%d.example"}`) + `]}`, `{"domain_data":[` + many(46, `{"domain":"b%d.example"}`) + `]}`, "domain_data"},
		"other domains":  {`{"domain_data":[` + many(45, `{"domain":"c%d.example"}`) + `]}`, `{"domain_data":[{"domain":"a.example"},{"domain":"A.example"}]}`, "domain_data.1.domain"},
		"domain":         {`{"domain_data":[{"domain":"` + domain + `.xyz"}]}`, `{"domain_data":[{"domain":"` + domain + `.wxyz"}]}`, "domain_data.0.domain"},
		"metadata":       {`{"metadata":{` + many(50, `"k%d":"v"`) + `}}`, `{"metadata":{` + many(51, `"k%d":"v"`) + `}}`, "metadata"},
		"metadata key":   {`{"metadata":{"` + strings.Repeat("k", 40) + `":"v"}}`, `{"metadata":{"` + strings.Repeat("k", 41) + `":null}}`, "metadata"},
		"metadata value": {`{"metadata":{"k":"` + strings.Repeat("v", 600) + `"}}`, `{"metadata":{"k":"` + strings.Repeat("v", 601) + `"}}`, "metadata"},
	} {
		id := w.organization(t, "Acme")
		if s := w.call(t, w.manage, "PUT", "/organizations/"+id, c.fits); s.status != 200 {
			t.Errorf("%s at the limit: %d %s", name, s.status, s.body)
		}
		before := w.records(t)
		invalid(t, name, w.call(t, w.manage, "PUT", "/organizations/"+id, c.not), c.field)
		w.unchanged(t, before)
	}
	if s := w.call(t, w.read, "GET", "/organizations?domains="+many(10, "a%d.example"), ""); s.status != 200 {
		t.Errorf("%d %s", s.status, s.body)
	}
	invalid(t, "11 domains", w.call(t, w.read, "GET", "/organizations?domains="+many(11, "a%d.example"), ""), "domains")
}

// invalid checks the answer to what is wrong with one value.
func invalid(t *testing.T, name string, s said, field string) {
	t.Helper()
	fields, shape := errorFields(t, s)
	if s.status != 422 || !shape || len(fields) == 0 || fields[0] != field {
		t.Errorf("%s: %d %s, want %s to be wrong", name, s.status, s.body, field)
	}
}

// errorFields are the fields of a 422, and whether it has the documented shape.
func errorFields(t *testing.T, s said) (fields []string, shape bool) {
	t.Helper()
	o := s.object(t)
	list, _ := o["errors"].([]any)
	shape = len(o) == 2 && o["message"] == "Validation failed" && len(list) > 0
	for _, e := range list {
		m, _ := e.(map[string]any)
		shape = shape && len(m) == 2 && text(m, "field") != "" && text(m, "code") != ""
		fields = append(fields, text(m, "field"))
	}
	return fields, shape
}

// A directory is created in an organization, or the organization is deleted;
// never both, however they meet.
func TestOrganizationDeletedWhileConnected(t *testing.T) {
	w := open(t)
	records := table.New(w.db, w.table)
	id := w.organization(t, "Acme")
	read, err := records.Organization(t.Context(), id) // without directories
	if err != nil {
		t.Fatal(err)
	}
	w.directory(t, id, "Entra")
	if err := records.DeleteOrganization(t.Context(), read); !errors.Is(err, table.ErrStale) {
		t.Errorf("an organization with a directory is deleted: %v", err)
	}
	w.must(t, 409, "DELETE", "/organizations/"+id, "")

	other := w.organization(t, "Other")
	w.must(t, 202, "DELETE", "/organizations/"+other, "")
	before := w.records(t)
	w.must(t, 404, "POST", "/directories", `{"name":"Entra","organization_id":"`+other+`"}`)
	w.unchanged(t, before)
}
