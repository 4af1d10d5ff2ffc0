package jobs_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"dsync/internal/awslocal/faults"
	"dsync/internal/dsync"
	"dsync/internal/jobs"
	"dsync/internal/table"
)

// While a function may still write with the old state of the directory, a purge
// and a projection do nothing and say when they are due. A step does not wait,
// and the sweep starts the job when it is due and not before.
func TestTokenTrust(t *testing.T) {
	for _, task := range []table.Task{table.Purge, table.Project} {
		t.Run(string(task), func(t *testing.T) {
			s := newStill(t)
			user := s.create(table.User, `{"userName":"ada"}`, table.Keys{Name: "ada"})
			projection := dsync.Projection{Mapping: dsync.DefaultMapping(), Deactivation: dsync.Delete}
			view, current := projection.Encode(), projection.Current().Encode()
			job := s.job(task, s.dir.ID)
			s.change(job, func(d *table.Directory) {
				if task == table.Purge {
					d.State = table.Deleting
				} else {
					d.View = view
				}
			})
			s.endLog()
			touched := func() bool {
				r, err := s.Resource(t.Context(), table.User, s.dir.ID, user.ID)
				if task == table.Purge {
					return errors.Is(err, table.ErrNotFound)
				}
				s.do(err)
				return r.View == current
			}
			due := s.at.Add(jobs.TokenTrust)
			s.at = s.at.Add(100 * time.Millisecond)
			if got := s.run(job); !got.Due.Equal(due) || got.State != table.JobRunning || touched() {
				t.Fatalf("after the first step %+v, want it due at %v; touched: %v", got, due, touched())
			}
			s.at = due.Add(-time.Millisecond)
			s.sweep()
			s.deliver(job)
			if touched() {
				t.Error("the job did not wait")
			}
			s.at = due
			s.sweep()
			if got := s.stored(job); !touched() || !got.Due.IsZero() {
				t.Errorf("the job waits longer: %+v", got)
			}
			if got := s.run(job); got.State != table.JobDone {
				t.Errorf("the stream does not continue the job: %+v", got)
			}
		})
	}
}

// A purge looks for the end of the log again and again, less often as time goes
// by, and begins without it when the stream has lost the records behind it.
func TestWaitForLog(t *testing.T) {
	s := newStill(t)
	job := s.job(table.Purge, s.dir.ID)
	s.change(job, func(d *table.Directory) { d.State = table.Deleting })
	for age, want := range map[time.Duration]time.Duration{
		jobs.TokenTrust: 4 * time.Second, 10 * time.Minute: 150 * time.Second, 47 * time.Hour: 256 * time.Second,
	} {
		s.at = job.Created.Add(age)
		s.due(job)
		if got := s.run(job); got.Due.Sub(s.at) != want || got.Done != 0 || got.State != table.JobRunning {
			t.Errorf("at the age of %v: due after %v, want %v; %+v", age, got.Due.Sub(s.at), want, got)
		}
	}
	s.at = job.Created.Add(48*time.Hour - time.Millisecond)
	s.due(job)
	if got := s.run(job); got.Done != 0 || got.State != table.JobRunning {
		t.Errorf("the purge begins too early: %+v", got)
	}
	s.at = job.Created.Add(48 * time.Hour)
	s.due(job)
	if got := s.run(job); got.State != table.JobDone {
		t.Errorf("the purge does not begin: %+v", got)
	}
}

// due makes a job due at once.
func (s *still) due(job table.Job) {
	s.t.Helper()
	current := s.stored(job)
	current.Due = time.Time{}
	s.do(s.PostponeJob(s.t.Context(), current))
}

// A deletion's job goes through the memberships twice: a membership that the
// index did not have, or that a request wrote just then, is found the second
// time.
func TestClearMembershipsTwice(t *testing.T) {
	s := newStill(t)
	user := s.create(table.User, `{"userName":"ada"}`, table.Keys{Name: "ada"})
	s.join(s.carrier, user)
	job := s.job(table.ClearMemberships, user.ID)
	s.do(s.Delete(t.Context(), user, table.Keys{Name: "ada"}, job, s.at, table.Actor{}))
	first := s.run(job)
	if first.State != table.JobRunning || first.Pass != 1 || first.Done != 1 || len(s.kept(user)) != 0 {
		t.Fatalf("after the first pass: %+v, %v", first, s.kept(user))
	}
	if wait := first.Due.Sub(s.at); wait < 60*time.Second || wait > 2*time.Minute {
		t.Errorf("the second pass is due %v after the first", wait)
	}
	s.join(s.carrier, user)
	s.at = first.Due.Add(-time.Millisecond)
	s.sweep()
	if len(s.kept(user)) != 1 {
		t.Error("the second pass did not wait")
	}
	s.at = first.Due
	s.sweep()
	if got := s.stored(job); got.State != table.JobDone || got.TTL != s.at.Add(table.DeletedRetention).Unix() || len(s.kept(user)) != 0 {
		t.Errorf("after the second pass: %+v, %v", got, s.kept(user))
	}
}

// returned is a user who has returned, with a membership from before, and the
// job that announces it.
func (s *still) returned() (table.Resource, table.Job) {
	user := s.create(table.User, `{"userName":"ada"}`, table.Keys{Name: "ada"})
	s.join(s.carrier, user)
	job := s.job(table.Announce, user.ID)
	user.Version, user.Generation = 2, 1
	s.do(s.Update(s.t.Context(), 1, user, job))
	return user, job
}

// The memberships of a user who returned are announced in two passes: each
// once, and one that the index did not have the first time the second.
func TestAnnounceTwice(t *testing.T) {
	s := newStill(t)
	user, job := s.returned()
	first := s.run(job)
	if kept := s.kept(user); len(kept) != 1 || kept[0].Generation != 1 || first.Pass != 1 || first.State != table.JobRunning {
		t.Fatalf("after the first pass: %+v, %+v", first, kept)
	}
	late := s.create(table.Group, `{"displayName":"late"}`, table.Keys{Name: "late"})
	s.join(late, user) // in generation 0
	s.at = first.Due
	s.sweep()
	kept := s.kept(user)
	if len(kept) != 2 || kept[0].Generation != 1 || kept[1].Generation != 1 {
		t.Errorf("after the second pass: %+v", kept)
	}
	if got := s.stored(job); got.State != table.JobDone {
		t.Errorf("the job is %+v", got)
	}
}

// A user who was hidden again, or deleted, has nothing announced: the
// memberships stay as they are.
func TestAnnounceForTheHidden(t *testing.T) {
	for name, leave := range map[string]func(s *still, user table.Resource){
		"hidden": func(s *still, user table.Resource) {
			user.Version, user.Hidden = 3, true
			s.do(s.Update(s.t.Context(), 2, user))
		},
		"deleted": func(s *still, user table.Resource) {
			s.do(s.Delete(s.t.Context(), user, table.Keys{Name: "ada"}, s.job(table.ClearMemberships, user.ID), s.at, table.Actor{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStill(t)
			user, job := s.returned()
			leave(s, user)
			s.at = s.run(job).Due
			got := s.run(job)
			if kept := s.kept(user); got.State != table.JobDone || len(kept) != 1 || kept[0].Generation != 0 {
				t.Errorf("%+v, %+v", got, kept)
			}
		})
	}
}

// A membership that was removed is not announced.
func TestAnnounceWithoutTheRemoved(t *testing.T) {
	s := newStill(t)
	user, job := s.returned()
	m := s.kept(user)[0]
	s.do(s.PutMemberships(t.Context(), []table.Membership{m.SoftDelete()}))
	s.at = s.run(job).Due
	if got := s.run(job); got.State != table.JobDone || got.Done != 0 || len(s.kept(user)) != 0 {
		t.Errorf("%+v, %v", got, s.kept(user))
	}
}

// The second pass finds what an index that is a minute behind did not have.
func TestIndexBehind(t *testing.T) {
	s := newStill(t)
	s.fuse.client = &http.Client{Transport: faults.New(http.DefaultTransport, 1, faults.Rule{
		Fault: faults.StaleIndex(time.Minute, func() time.Time { return s.at }),
	})}
	deleted := s.create(table.User, `{"userName":"deleted"}`, table.Keys{Name: "deleted"})
	returned, announce := s.returned()
	s.join(s.carrier, deleted)
	clear := s.job(table.ClearMemberships, deleted.ID)
	s.do(s.Delete(t.Context(), deleted, table.Keys{Name: "deleted"}, clear, s.at, table.Actor{}))
	s.at = s.at.Add(time.Second)
	first := s.run(clear)
	s.run(announce)
	if first.Done != 0 || first.Pass != 1 || s.stored(announce).Done != 0 {
		t.Fatalf("the index is not behind: %+v, %+v", first, s.stored(announce))
	}
	s.at = first.Due
	s.sweep()
	s.at = s.at.Add(time.Hour)
	if kept := s.kept(deleted); len(kept) != 0 || s.stored(clear).State != table.JobDone {
		t.Errorf("%+v are left by %+v", kept, s.stored(clear))
	}
	if kept := s.kept(returned); len(kept) != 1 || kept[0].Generation != 1 || s.stored(announce).State != table.JobDone {
		t.Errorf("%+v after %+v", kept, s.stored(announce))
	}
}
