package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The log is asked what the request says.
func TestEvents(t *testing.T) {
	w := open(t)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const event, org, dir = "event_" + nobody, "org_" + nobody, "directory_" + nobody
	for query, want := range map[string]eventlog.Query{
		"":                              {Limit: 10},
		"?order=asc&limit=100":          {Limit: 100},
		"?order=desc":                   {Limit: 10, Descending: true},
		"?order=normal":                 {Limit: 10, Descending: true},
		"?after=" + event:               {Limit: 10, After: event},
		"?before=" + event + "&limit=1": {Limit: 1, Before: event},
		"?events=dsync.user.created,dsync.user.deleted":                               {Limit: 10, Names: []string{"dsync.user.created", "dsync.user.deleted"}},
		"?events=dsync.user.created&events=dsync.user.deleted":                        {Limit: 10, Names: []string{"dsync.user.created", "dsync.user.deleted"}},
		"?events[]=dsync.user.created&events%5B%5D=dsync.group.deleted":               {Limit: 10, Names: []string{"dsync.user.created", "dsync.group.deleted"}},
		"?organization_id=" + org:                                                     {Limit: 10, OrganizationID: org},
		"?directory=" + dir:                                                           {Limit: 10, DirectoryID: dir},
		"?range_start=2026-01-31":                                                     {Limit: 10, From: at("2026-01-31T00:00:00Z")},
		"?range_start=2026-01-31T12:00:00.000Z&range_end=2026-02-01T01:00:00%2B01:00": {Limit: 10, From: at("2026-01-31T12:00:00Z"), To: at("2026-02-01T00:00:00Z")},
		"?range_end=2026-01-31&order=desc":                                            {Limit: 10, To: at("2026-01-31T00:00:00Z"), Descending: true},
		"?range_end=2026-01-31&after=" + event:                                        {Limit: 10, To: at("2026-01-31T00:00:00Z"), After: event},
		"?after=&organization_id=&events=":                                            {Limit: 10},
	} {
		s := w.call(t, w.read, "GET", "/events"+query, "")
		if diff := cmp.Diff(want, w.events.asked, cmpopts.EquateEmpty()); s.status != 200 || diff != "" {
			t.Errorf("%s: %d %s", query, s.status, diff)
		}
		if s.body != `{"data":[],"list_metadata":{"after":null,"before":null},"object":"list"}`+"\n" {
			t.Errorf("%s", s.body)
		}
	}
	for _, name := range dsync.Names {
		if s := w.call(t, w.read, "GET", "/events?events="+name, ""); s.status != 200 {
			t.Errorf("%s: %d", name, s.status)
		}
	}
	// Each comes as it is, and as the document says.
	for _, name := range dsync.Names {
		b, err := os.ReadFile("../../events/samples/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var sample struct {
			Detail json.RawMessage `json:"detail"`
		}
		var logged bytes.Buffer
		if err := errors.Join(json.Unmarshal(b, &sample), json.Compact(&logged, sample.Detail)); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(logged.String(), "example.com", "<&>.example")
		w.events.page = eventlog.Page{Events: []json.RawMessage{json.RawMessage(text)}, After: "event_2", Before: "event_1"}
		if s := w.call(t, w.read, "GET", "/events", ""); s.body != `{"data":[`+text+`],"list_metadata":{"after":"event_2","before":"event_1"},"object":"list"}`+"\n" {
			t.Errorf("%s", s.body)
		}
	}

	before := w.records(t)
	for query, code := range map[string]string{
		"events=dsync.user.exploded":                  "invalid_events_request",
		"events=dsync.user.created,x":                 "invalid_events_request",
		"range_start=2026-01-31&after=" + event:       "invalid_events_request",
		"range_start=2026-02-01&range_end=2026-01-31": "invalid_events_request",
	} {
		w.events.asked = eventlog.Query{Limit: -1}
		s := w.call(t, w.read, "GET", "/events?"+query, "")
		o := s.object(t)
		if s.status != 400 || len(o) != 2 || o["code"] != code || text(o, "message") == "" || w.events.asked.Limit != -1 {
			t.Errorf("%s: %d %s", query, s.status, s.body)
		}
	}
	w.events.err = eventlog.ErrCursor
	if s := w.call(t, w.read, "GET", "/events?after=x", ""); s.status != 400 || s.object(t)["code"] != "invalid_cursor" {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.events.err = fmt.Errorf("reading: %w", eventlog.ErrMigrating)
	if s := w.call(t, w.read, "GET", "/events", ""); s.status != 429 || s.header.Get("Retry-After") == "" {
		t.Errorf("while the log is being migrated: %d %s %s", s.status, s.header, s.body) // clients retry a 429
	}
	w.events.err = errors.New("the engine is on fire")
	if s := w.call(t, w.read, "GET", "/events", ""); s.status != 500 || s.body != `{"message":"Internal error","request_id":"request-1"}`+"\n" {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.unchanged(t, before)
}
