package jobs_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/id"
	"dsync/internal/jobs"
	"dsync/internal/scim/resource"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// world is a directory with jobs behind the real stream, of which many die.
type world struct {
	table *table.Table
	dir   table.Directory
	at    time.Time
	calls atomic.Int64

	mu    sync.Mutex
	spent table.Meter
}

var errCrash = errors.New("crash")

// newWorld runs jobs of which every third step dies before it is done, every
// fifth after, and every seventh in the middle.
func newWorld(t testing.TB, trust time.Duration) *world {
	api, name := dsynctest.Table(t)
	w := &world{table: table.New(api, name), at: time.Now().UTC().Truncate(time.Millisecond)}
	worker := jobs.New(w.table, time.Now, rand.Reader, trust, slog.New(slog.DiscardHandler))
	dsynctest.Consume(t, api, name, dsynctest.Jobs, lambda.NewHandler(func(ctx context.Context, batch events.DynamoDBEvent) error {
		n := w.calls.Add(1)
		if n%3 == 0 {
			return errCrash
		}
		ctx, meter := table.WithMeter(ctx)
		if n%7 == 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
		}
		err := worker.Handle(ctx, batch)
		w.mu.Lock()
		w.spent.RoundTrips += meter.RoundTrips
		w.spent.ReadUnits += meter.ReadUnits
		w.spent.WriteUnits += meter.WriteUnits
		w.mu.Unlock()
		if err == nil && n%5 == 0 {
			err = errCrash
		}
		return err
	}))
	o := table.Organization{ID: newID(t, id.Organization, w.at), Name: "Acme", Version: 1, Created: w.at, Modified: w.at}
	if err := w.table.CreateOrganization(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	w.dir = table.Directory{
		ID: newID(t, id.Directory, w.at), OrganizationID: o.ID, State: table.Linked, Version: 1, Created: w.at, Modified: w.at,
		Tokens: []table.TokenRef{{ID: newID(t, id.Token, w.at), Hash: "aa", Created: w.at}},
	}
	if err := w.table.CreateDirectory(t.Context(), w.dir); err != nil {
		t.Fatal(err)
	}
	return w
}

func newID(t testing.TB, k id.Kind, at time.Time) string {
	t.Helper()
	s, err := id.New(k, at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) create(t testing.TB, k table.Kind, doc, name string) table.Resource {
	t.Helper()
	kind := id.User
	if k == table.Group {
		kind = id.Group
	}
	r := table.Resource{Kind: k, ID: newID(t, kind, w.at), DirectoryID: w.dir.ID, OrganizationID: w.dir.OrganizationID,
		Document: doc, Version: 1, Created: w.at, Modified: w.at}
	if err := w.table.Create(t.Context(), r, table.Keys{Name: name, ExternalID: name, Emails: []string{name}}, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// many does something n times, several at once.
func many(n int, do func(i int)) {
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < n; i += 4 {
				do(i)
			}
		})
	}
	wg.Wait()
}

func (w *world) job(t testing.TB, task table.Task, subject string) table.Job {
	return table.Job{ID: newID(t, id.Job, w.at), DirectoryID: w.dir.ID, Task: task, Kind: table.User, Subject: subject,
		State: table.JobRunning, Created: time.Now().UTC(), Modified: w.at}
}

// change writes the directory, with a job.
func (w *world) change(t testing.TB, job table.Job, change func(*table.Directory)) {
	t.Helper()
	next := w.dir
	next.Version++
	change(&next)
	if err := w.table.ReplaceDirectory(t.Context(), w.dir, next, &job); err != nil {
		t.Fatal(err)
	}
	w.dir = next
}

func (w *world) await(t testing.TB, job table.Job) table.Job {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); {
		done, err := w.table.Job(t.Context(), job.ID)
		if err != nil {
			t.Fatal(err)
		}
		if done.State == table.JobDone {
			return done
		}
	}
	t.Fatal("the job does not end")
	return job
}

// A deleted directory is purged to the last record, though steps die before
// they are done, after, and in the middle; it begins when the log has the
// directory's end. Another directory loses nothing.
func TestPurge(t *testing.T) {
	users, groups := 400, 50
	if os.Getenv("DSYNC_BENCH") != "" {
		users, groups = 10_000, 1_000
	}
	w := newWorld(t, 0)
	other := w.dir
	other.ID, other.Tokens = newID(t, id.Directory, w.at), []table.TokenRef{{ID: newID(t, id.Token, w.at), Hash: "bb", Created: w.at}}
	if err := w.table.CreateDirectory(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	stays := table.Resource{Kind: table.User, ID: newID(t, id.User, w.at), DirectoryID: other.ID, Document: "{}", Version: 1, Created: w.at, Modified: w.at}
	if err := w.table.Create(t.Context(), stays, table.Keys{Name: "stays"}, nil); err != nil {
		t.Fatal(err)
	}
	userIDs, groupIDs := make([]string, users), make([]string, groups)
	many(users, func(i int) { userIDs[i] = w.create(t, table.User, "{}", fmt.Sprintf("u%d@example.com", i)).ID })
	many(groups, func(i int) { groupIDs[i] = w.create(t, table.Group, "{}", fmt.Sprint("g", i)).ID })
	var members []table.Membership
	for i, user := range userIDs {
		members = append(members, table.Membership{DirectoryID: w.dir.ID, GroupID: groupIDs[i%groups], UserID: user, At: w.at})
	}
	if err := w.table.PutMemberships(t.Context(), members); err != nil {
		t.Fatal(err)
	}
	records := 4*users + 3*groups + len(members) // with claims and look-ups

	job := w.job(t, table.Purge, w.dir.ID)
	w.change(t, job, func(d *table.Directory) { d.State, d.Tokens = table.Deleting, nil })
	for waited := w.job(t, table.Purge, ""); waited.Steps < 2; {
		var err error
		if waited, err = w.table.Job(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		if waited.Done > 0 {
			t.Fatalf("the purge did not wait for the end of the log: %+v", waited)
		}
	}
	if _, err := w.table.Resource(t.Context(), table.User, w.dir.ID, userIDs[0]); err != nil {
		t.Fatal(err)
	}
	end := table.LogAppend{Head: table.LogHead{DirectoryID: w.dir.ID, End: true}}
	if _, err := w.table.AppendLog(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	done := w.await(t, job)
	w.mu.Lock()
	t.Logf("purged %d records in %d steps: %d round trips, %.0f write units, %.0f read units",
		done.Done, done.Steps, w.spent.RoundTrips, w.spent.WriteUnits, w.spent.ReadUnits)
	w.mu.Unlock()
	if done.Done < records || done.TTL == 0 {
		t.Errorf("%d records dealt with, want %d at least; TTL %d", done.Done, records, done.TTL)
	}
	left, err := w.table.Purge(t.Context(), w.dir.ID, 100)
	if err != nil || left != 0 {
		t.Errorf("%d records are left, %v", left, err)
	}
	if _, err := w.table.Directory(t.Context(), w.dir.ID); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("the directory: %v", err)
	}
	if _, err := w.table.Token(t.Context(), "aa"); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("its token: %v", err)
	}
	if _, err := w.table.Resource(t.Context(), table.User, other.ID, stays.ID); err != nil {
		t.Errorf("another directory's user: %v", err)
	}
	if _, err := w.table.Token(t.Context(), "bb"); err != nil {
		t.Errorf("another directory's token: %v", err)
	}
}

// A new view reaches all users and groups; only who is shown differently has a
// new time, and who is hidden no longer begins a new life.
func TestProject(t *testing.T) {
	w := newWorld(t, 0)
	const users = 300 // two pages
	ids := make([]string, users)
	many(users, func(i int) {
		doc := map[string]any{"userName": fmt.Sprint("u", i), "active": i%100 != 3}
		if i%2 == 0 {
			doc["nickName"] = "Nick"
		}
		ids[i] = w.create(t, table.User, resource.Encode(doc), fmt.Sprint("u", i)).ID
	})
	group := w.create(t, table.Group, `{"displayName":"g"}`, "g")
	member := table.Membership{DirectoryID: w.dir.ID, GroupID: group.ID, UserID: ids[3], At: w.at}
	if err := w.table.PutMemberships(t.Context(), []table.Membership{member}); err != nil {
		t.Fatal(err)
	}
	mapping := dsync.DefaultMapping()
	mapping["nick"] = "nickName"
	show := func(v dsync.Projection) (changed, hidden, lives int) {
		job := w.job(t, table.Project, w.dir.ID)
		w.change(t, job, func(d *table.Directory) { d.View = v.Encode() })
		before := time.Now().UTC().Truncate(time.Millisecond)
		if done := w.await(t, job); done.Done != users+1 {
			t.Errorf("%d of %d records dealt with", done.Done, users+1)
		}
		for _, k := range []table.Kind{table.User, table.Group} {
			for r, err := range w.table.All(t.Context(), k, w.dir.ID, "") {
				if err != nil {
					t.Fatal(err)
				}
				if r.View != v.Current().Encode() {
					t.Errorf("%s is shown by %q", r.ID, r.View)
				}
				if !r.Modified.Before(before) {
					changed++
				}
				if r.Hidden {
					hidden++
				}
				lives += int(r.Generation)
			}
		}
		return changed, hidden, lives
	}
	if changed, hidden, lives := show(dsync.Projection{Mapping: mapping}); changed != users/2 || hidden+lives != 0 {
		t.Errorf("a mapping that half of the users have: %d changed, %d hidden, %d lives", changed, hidden, lives)
	}
	if changed, hidden, lives := show(dsync.Projection{Mapping: mapping, Deactivation: dsync.Delete}); changed != users/100 || hidden != users/100 || lives != 0 {
		t.Errorf("the policy delete: %d changed, %d hidden, %d lives", changed, hidden, lives)
	}
	if changed, hidden, lives := show(dsync.Projection{Mapping: mapping}); changed != users/100 || hidden != 0 || lives != users/100 {
		t.Errorf("back: %d changed, %d hidden, %d lives", changed, hidden, lives)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		kept, _, err := w.table.KeptMemberships(t.Context(), w.dir.ID, ids[3], "", 10)
		if err != nil || len(kept) != 1 {
			t.Fatal(kept, err)
		}
		if kept[0].Generation == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v is not announced", kept[0])
		}
	}
}
