package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"dsync/internal/table"
	"dsync/internal/table/count"
)

// uncounted is a directory of two days ago with 3 active and 2 inactive users and
// a group; other ones are deleted. It has no log, so no append has counted it. Its
// count has begun.
func uncounted(t *testing.T) (s *still, job table.Job, users []table.Resource) {
	s = newStill(t)
	for i := range 7 {
		users = append(users, s.create(table.User, fmt.Sprintf(`{"userName":"u%d","active":%t}`, i, i%2 == 0), table.Keys{Name: fmt.Sprint("u", i)}))
	}
	for _, r := range users[5:] {
		s.do(s.Delete(t.Context(), r, table.Keys{Name: "u" + r.Document[14:15]}, s.job(table.ClearMemberships, r.ID), s.at, table.Actor{}))
	}
	s.at = s.at.Add(48 * time.Hour)
	s.sweep()
	first := s.stored(table.Job{ID: table.StartCountsID})
	s.at = first.Due
	if first = s.run(first); first.State != table.JobDone {
		t.Fatalf("%+v", first)
	}
	chunk, err := table.Jobs(s.dir.ID).Read(t.Context(), s.Table, "", true, 1)
	s.do(err)
	if job = chunk.Entries[0].Record; job.Task != table.Count {
		t.Fatalf("%+v", job)
	}
	if job = s.run(job); !job.Counts.Known || !job.Due.After(s.at) {
		t.Fatalf("the count does not wait for the requests that run: %+v", job)
	}
	return s, job, users
}

func (s *still) counts(want count.Counts) {
	s.t.Helper()
	got, err := s.Table.Counts(s.t.Context(), s.dir.ID)
	if err != nil || got != want {
		s.t.Errorf("%+v, want %+v: %v", got, want, err)
	}
}

// write writes a user that was changed.
func (s *still) write(old table.Resource, doc string, at time.Time) table.Resource {
	s.t.Helper()
	next := old
	next.Version++
	next.Document, next.Modified = doc, at
	if doc != old.Document && len(doc) != len(old.Document) {
		next.Switched = at.UnixMilli()
	}
	s.do(s.Update(s.t.Context(), old.Version, next))
	return next
}

// A directory that has no counts is counted as of the cut: what was created or
// deleted after it is not, or still, counted.
func TestCountJob(t *testing.T) {
	s, job, users := uncounted(t)
	cut := time.UnixMilli(job.Counts.Cut)
	s.counts(count.Counts{})
	s.at = cut
	s.do(s.Delete(t.Context(), users[0], table.Keys{Name: "u0"}, s.job(table.ClearMemberships, users[0].ID), s.at, table.Actor{}))
	s.at = cut.Add(time.Millisecond)
	s.do(s.Delete(t.Context(), users[1], table.Keys{Name: "u1"}, s.job(table.ClearMemberships, users[1].ID), s.at, table.Actor{}))
	s.create(table.User, `{"userName":"new"}`, table.Keys{Name: "new"})
	s.create(table.Group, `{"displayName":"new"}`, table.Keys{Name: "new"})
	s.at = job.Due
	if job = s.run(job); job.State != table.JobDone || job.Done != 8+2 {
		t.Errorf("%+v", job)
	}
	s.counts(count.Counts{Known: true, Active: 2, Inactive: 2, Groups: 1, Cut: cut.UnixMilli()})

	// The job that looks for directories is there once, and finds nothing more.
	s.at = s.at.Add(25 * time.Hour)
	s.sweep()
	s.do(s.worker.Sweep(t.Context()))
	if again := s.stored(table.Job{ID: table.StartCountsID}); again.State != table.JobDone {
		t.Errorf("%+v", again)
	}
}

// A user who was deactivated since the cut makes the count begin again; one who
// was deactivated before it, or changed otherwise, does not.
func TestCountBeginsAgain(t *testing.T) {
	s, job, users := uncounted(t)
	first := job.Counts.Cut
	s.write(users[0], `{"userName":"u0","active":false}`, time.UnixMilli(first))
	s.write(users[4], `{"userName":"U4","active":true}`, time.UnixMilli(first+1))
	last := s.write(users[2], `{"userName":"u2","active":false}`, time.UnixMilli(first+1))
	s.at = job.Due
	if job = s.run(job); job.State != table.JobRunning || job.Counts.Known || job.Tries != 1 {
		t.Fatalf("%+v", job)
	}
	s.counts(count.Counts{})
	s.at = job.Due
	job = s.run(job)
	s.at = job.Due
	if job = s.run(job); job.State != table.JobDone || job.Counts.Cut == first {
		t.Fatalf("%+v", job)
	}
	s.counts(count.Counts{Known: true, Active: 1, Inactive: 4, Groups: 1, Cut: job.Counts.Cut})
	if last.Switched == 0 {
		t.Error("the test switches nobody")
	}
}
