package relay_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/jobs"
	"dsync/internal/management"
	"dsync/internal/session"
	"dsync/internal/settings"
	"dsync/internal/table"
)

// A new mapping is applied to all users of a directory, and those who are
// shown differently have an event, the others none.
func TestNewMapping(t *testing.T) {
	users := 400
	if os.Getenv("DSYNC_BENCH") != "" {
		users = 20_000
	}
	m := prepare(t, intact)
	spent := m.work(t, func(int) (inside, after bool) { return false, false })
	m.connect(t, dsync.Projection{})
	want := map[string]bool{} // who has a nick name
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < users; i += 4 {
				doc := map[string]any{"userName": fmt.Sprintf("u%d@example.com", i), "externalId": fmt.Sprint(i), "title": "Engineer"}
				if i%4 == 1 {
					doc["nickName"] = fmt.Sprint("nick", i)
				}
				r, err := m.session.Create(t.Context(), session.Users, doc, nil)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				want[r.Meta.ID] = i%4 == 1
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	before := m.until(t, "not all were created", func(all []dsync.Event) bool { return len(all) == users+2 })

	_, key, err := management.Bootstrap(m.table, time.Now, rand.Reader).CreateAPIKey(t.Context(), management.NewAPIKey{Name: "test", Scope: management.Manage})
	if err != nil {
		t.Fatal(err)
	}
	operator, err := management.NewAuthenticator(m.table, time.Now, rand.Reader, quiet).Authenticate(t.Context(), key, management.Origin{RequestID: "request-2"})
	if err != nil {
		t.Fatal(err)
	}
	mapping := dsync.DefaultMapping()
	mapping["nick"] = "nickName"
	encoded, err := json.Marshal(mapping)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	change := management.DirectoryUpdate{Settings: settings.Change{"attribute_mapping": encoded}}
	if _, err := operator.UpdateDirectory(t.Context(), m.directory.ID, change); err != nil {
		t.Fatal(err)
	}
	list, err := operator.Jobs(t.Context(), m.directory.ID, management.PageRequest{Limit: 1})
	if err != nil || len(list.Items) != 1 {
		t.Fatal(list, err)
	}
	var done table.Job
	for deadline := time.Now().Add(10 * time.Minute); done.State != table.JobDone; {
		if done, err = m.table.Job(t.Context(), list.Items[0].ID); err != nil || time.Now().After(deadline) {
			t.Fatal(done, err)
		}
	}
	projected := time.Since(began)
	m.connect(t, dsync.Projection{}) // its events come behind all others
	all := m.until(t, "the events of the new directory", func(all []dsync.Event) bool {
		return len(all) > 0 && all[len(all)-1].Name == dsync.DirectoryActivated && len(all) > len(before)
	})
	updated := map[string]bool{}
	for _, e := range all[len(before) : len(all)-2] {
		id, _ := e.Data["id"].(string)
		custom := e.Data["custom_attributes"].(map[string]any)
		previous := e.Data["previous_attributes"].(map[string]any)["custom_attributes"].(map[string]any)
		if e.Name != dsync.UserUpdated || updated[id] || !want[id] || custom["nick"] == nil || previous["nick"] != nil || e.Context.RequestID != "request-2" {
			t.Fatalf("%s of %s, again %v: %v, previously %v", e.Name, id, updated[id], custom, previous)
		}
		updated[id] = true
	}
	if len(updated) != users/4 {
		t.Errorf("%d users were told of, want %d", len(updated), users/4)
	}
	t.Logf("%d users shown anew in %s (without the %s for functions to learn of it) and %d steps, %d events by %s: %s",
		users, projected.Round(time.Millisecond), jobs.TokenTrust, done.Steps, len(updated), time.Since(began).Round(time.Millisecond), spent)
}
