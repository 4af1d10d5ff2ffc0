package dsynctest

import (
	"encoding/json"
	"testing"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
)

// ReadLog reads all pages of a query of the event log. Limit is the size of a page.
func ReadLog(t testing.TB, log *eventlog.Log, q eventlog.Query) (all []dsync.Event) {
	t.Helper()
	for {
		page, err := log.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, detail := range page.Events {
			var e dsync.Event
			if err := json.Unmarshal(detail, &e); err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if q.After = page.After; q.After == "" {
			return all
		}
	}
}
