package relay_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/jobs"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// spent is what jobs cost.
type spent struct {
	mu          sync.Mutex
	steps       int
	trips       int
	write, read float64
}

func (s *spent) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%d invocations, %d round trips, %.0f write units, %.0f read units", s.steps, s.trips, s.write, s.read)
}

// work runs the jobs, metered. dies tells which of their steps die: in the
// middle, or when they are done.
func (m *machine) work(t *testing.T, dies func(n int) (inside, after bool)) *spent {
	t.Helper()
	worker := jobs.New(m.table, time.Now, rand.Reader, 0, quiet)
	s := &spent{}
	dsynctest.Consume(t, m.db, m.tableName, dsynctest.Jobs, lambda.NewHandler(func(ctx context.Context, batch events.DynamoDBEvent) error {
		ctx, meter := table.WithMeter(ctx)
		s.mu.Lock() // one step at a time
		defer s.mu.Unlock()
		s.steps++
		inside, after := dies(s.steps)
		if inside {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, 30*time.Millisecond)
			defer cancel()
		}
		err := worker.Handle(ctx, batch)
		if after {
			err = errors.Join(err, errors.New("died after the step"))
		}
		s.trips += meter.RoundTrips
		s.write += meter.WriteUnits
		s.read += meter.ReadUnits
		return err
	}))
	return s
}

// The deletion of a large directory is one event, whatever it held; its token
// is refused at once; the purge dies at every fourth step and leaves nothing.
func TestLargeDeletion(t *testing.T) {
	users, groups := 300, 30
	if os.Getenv("DSYNC_BENCH") != "" {
		users, groups = 10_000, 1_000
	}
	m := prepare(t, intact)
	spent := m.work(t, func(n int) (before, after bool) { return n%4 == 0, n%4 == 2 })
	secret := m.connect(t, dsync.Projection{})

	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < users+groups; i += 4 {
				kind, doc := session.Users, map[string]any{"userName": fmt.Sprintf("u%d@example.com", i), "externalId": fmt.Sprint(i)}
				if i >= users {
					kind, doc = session.Groups, map[string]any{"displayName": fmt.Sprint("g", i)}
				}
				if _, err := m.session.Create(t.Context(), kind, doc, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	before := m.until(t, "not all were created", func(all []dsync.Event) bool { return len(all) == users+groups+2 })

	job := m.delete(t)
	if _, _, err := session.NewAuthenticator(m.table, time.Now, rand.Reader).Authenticate(t.Context(), m.directory.ExternalKey, secret, ""); err == nil {
		t.Error("the token still opens the directory")
	}
	var done table.Job
	for deadline := time.Now().Add(5 * time.Minute); done.State != table.JobDone; {
		var err error
		if done, err = m.table.Job(t.Context(), job.ID); err != nil || time.Now().After(deadline) {
			t.Fatal(done, err)
		}
	}
	t.Logf("%d users and %d groups: %d records purged in %d steps: %s", users, groups, done.Done, done.Steps, spent)
	if left, err := m.table.Purge(t.Context(), m.directory.ID, 100); left != 0 || err != nil {
		t.Errorf("%d records left, %v", left, err)
	}
	if _, err := m.table.Directory(t.Context(), m.directory.ID); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("the directory: %v", err)
	}
	// Whatever the stream still holds has come by when a new directory's
	// event is there: it is in the same shard.
	m.connect(t, dsync.Projection{})
	all := m.until(t, "no token", func(all []dsync.Event) bool { return len(all) >= len(before)+3 })
	if all[len(before)].Name != dsync.DirectoryDeleted || len(all) != len(before)+3 {
		for _, e := range all[len(before):] {
			t.Errorf("after the deletion: %s", e.Name)
		}
	}
}
