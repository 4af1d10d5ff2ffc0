package api_test

import (
	"slices"
	"testing"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/scim"
	"dsync/internal/table"
	"dsync/internal/table/finding"
)

// What came to a directory, and which requests were refused, without anything
// that they said.
func TestActivity(t *testing.T) {
	w := open(t)
	records := table.New(w.db, w.table)
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	if got := w.must(t, 200, "GET", "/directories/"+d.id, ""); got["last_sync_at"] != nil || got["last_day"] != nil {
		t.Errorf("before the first request: %v", got)
	}
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, day := range []table.Day{
		{Date: "2026-01-30", Requests: 7, Last: at.AddDate(0, 0, -1)},
		{Date: "2026-01-31", Requests: 3, Refused: 1, Writes: 2, Last: at},
		{Date: "2026-01-31", Requests: 1, Last: at.Add(time.Minute)},
	} {
		if err := records.CountDay(t.Context(), d.id, day, true); err != nil {
			t.Fatal(err)
		}
	}
	got := w.must(t, 200, "GET", "/directories/"+d.id, "")
	day, _ := got["last_day"].(map[string]any)
	if got["last_sync_at"] != "2026-01-31T12:01:00.000Z" || day["date"] != "2026-01-31" || day["requests"] != 4.0 || day["refused"] != 1.0 || day["writes"] != 2.0 {
		t.Errorf("%v, %v", got["last_sync_at"], day)
	}

	// The present hour is the last one.
	present := time.Now().UTC()
	for hours, n := range map[int]int64{0: 5, 1: 2, 47: 9, 48: 100} {
		at := present.Add(-time.Duration(hours) * time.Hour)
		if err := records.CountDay(t.Context(), d.id, table.Day{Date: at.Format(time.DateOnly), Requests: n, Last: at}, true); err != nil {
			t.Fatal(err)
		}
	}
	hours := w.must(t, 200, "GET", "/directories/"+d.id, "")["hourly_requests"].([]any)
	if len(hours) != 48 || hours[47] != 5.0 || hours[46] != 2.0 || hours[0] != 9.0 || hours[1] != 0.0 {
		t.Errorf("%v", hours)
	}

	requests := []table.Request{
		{ID: "scim_request_01000000000000000000000000", DirectoryID: d.id, At: at, Method: "PATCH", Route: "/Users/{id}", Status: 400,
			ScimType: "invalidPath", Path: "nothing", Operation: 2, Milliseconds: 5, TTL: at.AddDate(9, 0, 0).Unix(), Actor: table.Actor{RequestID: "r"}},
		{ID: "scim_request_01000000000000000000000001", DirectoryID: d.id, At: at, Method: "PATCH", Route: "/Groups/{id}", Status: 204,
			Tolerated: []table.Tolerated{{What: "members that are no users of the directory", Count: 2}}, TTL: at.AddDate(9, 0, 0).Unix()},
	}
	if err := records.PutRequests(t.Context(), requests); err != nil {
		t.Fatal(err)
	}
	list := w.must(t, 200, "GET", "/directories/"+d.id+"/requests?order=asc", "")["data"].([]any)
	if len(list) != 2 {
		t.Fatal(list)
	}
	refused, passed := list[0].(map[string]any), list[1].(map[string]any)
	if refused["status"] != 400.0 || refused["attribute"] != "nothing" || refused["operation"] != 2.0 || refused["scim_type"] != "invalidPath" || refused["request_id"] != "r" {
		t.Errorf("%v", refused)
	}
	if tolerated := passed["tolerated"].([]any); len(tolerated) != 1 || tolerated[0].(map[string]any)["count"] != 2.0 {
		t.Errorf("%v", passed)
	}
	for query, want := range map[string][]string{
		"outcome=refused": {requests[0].ID}, "outcome=partial": {requests[1].ID}, "request_id=r": {requests[0].ID}, "request_id=r&outcome=partial": nil, "request_id=s": nil,
	} {
		if got, _, after := ids(t, w.call(t, w.read, "GET", "/directories/"+d.id+"/requests?"+query, "")); !slices.Equal(got, want) || after != "" {
			t.Errorf("%s: %v %s", query, got, after)
		}
	}
	invalid(t, "outcome", w.call(t, w.read, "GET", "/directories/"+d.id+"/requests?outcome=lost", ""), "outcome")
	if s := w.call(t, w.read, "GET", "/directories/directory_01000000000000000000000000/requests", ""); s.status != 404 {
		t.Errorf("of no directory: %d", s.status)
	}
}

// The findings of a directory, whole and in the form of the document. What is asked for
// with a key of another organization is not there.
func TestFindings(t *testing.T) {
	w := open(t)
	records := table.New(w.db, w.table)
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	if list := w.must(t, 200, "GET", "/directories/"+d.id+"/findings", "")["data"].([]any); len(list) != 0 {
		t.Errorf("%v", list)
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	user := "directory_user_01KK8SRC0019SM0R628X627732"
	if err := finding.Add(t.Context(), records, d.id, at, []finding.Change{
		{Code: doctor.NoEmail, Count: 2, IDs: []string{user}}, {Code: doctor.TokenTwice, Count: 1}, {Code: "of a later version", Count: 1},
	}); err != nil {
		t.Fatal(err)
	}
	if err := records.PutRequests(t.Context(), []table.Request{{ID: "scim_request_01000000000000000000000000", DirectoryID: d.id, At: at, Method: "GET", Status: 401, Reason: doctor.TokenTwice, TTL: at.AddDate(9, 0, 0).Unix()}}); err != nil {
		t.Fatal(err)
	}
	list := w.must(t, 200, "GET", "/directories/"+d.id+"/findings", "")["data"].([]any)
	if len(list) != 2 { // what a later version has stored is not shown
		t.Fatal(list)
	}
	first := list[0].(map[string]any)
	if first["code"] != "token_bearer_twice" || first["severity"] != "blocks" || first["count"] != 1.0 || first["since"] != scim.Timestamp(at) || first["remedy"] == "" || first["for_team"] != false {
		t.Errorf("%v", first)
	}
	request := w.must(t, 200, "GET", "/directories/"+d.id+"/requests", "")["data"].([]any)[0].(map[string]any)
	if request["reason"] != doctor.TokenTwice || request["token_id"] != nil {
		t.Errorf("%v", request)
	}
	if s := w.call(t, w.read, "GET", "/directories/directory_01000000000000000000000000/findings", ""); s.status != 404 {
		t.Errorf("%d", s.status)
	}
}
