package jobs_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/id"
	"dsync/internal/jobs"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// projecting is a directory with a new view, a user under the old one, and the job
// that is due.
func projecting(t *testing.T, old, view dsync.Projection, hidden bool) (*still, table.Resource, table.Job) {
	s := newStill(t)
	user := s.create(table.User, `{"userName":"ada","active":false}`, table.Keys{Name: "ada"})
	version := user.Version
	user.Version++
	user.View, user.Hidden = old.Encode(), hidden
	s.do(s.Update(t.Context(), version, user))
	job := s.job(table.Project, "")
	s.change(job, func(d *table.Directory) { d.View = view.Encode() })
	s.at = s.at.Add(jobs.TokenTrust)
	return s, user, job
}

func (s *still) user(id string) table.Resource {
	s.t.Helper()
	r, err := s.Resource(s.t.Context(), table.User, s.dir.ID, id)
	s.do(err)
	return r
}

// A user whom the new view shows again gets a new generation, which begins then,
// and a job that announces the memberships.
func TestVisibleAgain(t *testing.T) {
	s, user, job := projecting(t, dsync.Projection{Deactivation: dsync.Delete}, dsync.Projection{NoEmailFallback: true}, true)
	s.deliver(job)
	if got := s.user(user.ID); got.Hidden || got.Generation != 1 || !got.VisibleSince.Equal(s.at) || !got.Modified.Equal(s.at) {
		t.Errorf("%+v", got)
	}
	running, err := s.RunningJobs(t.Context(), s.at)
	s.do(err)
	announced := false
	for _, j := range running {
		announced = announced || j.Task == table.Announce && j.Subject == user.ID
	}
	if !announced {
		t.Errorf("running: %+v", running)
	}
}

// The view of a directory that is deleted is not written.
func TestNoViewOfTheDeleted(t *testing.T) {
	s, user, job := projecting(t, dsync.Projection{}, dsync.Projection{NoEmailFallback: true}, false)
	next := s.dir
	next.Version++
	next.State = table.Deleting
	s.do(s.ReplaceDirectory(t.Context(), s.dir, next, nil))
	if got := s.run(job); got.State != table.JobDone || s.user(user.ID).View != "" {
		t.Errorf("%+v, the user has the view %q", got, s.user(user.ID).View)
	}
}

// A request that changes the user in between keeps its change, and the user gets
// the view in the same step.
func TestChangedDuringTheProjection(t *testing.T) {
	view := dsync.Projection{NoEmailFallback: true}
	s, user, job := projecting(t, dsync.Projection{}, view, false)
	s.fuse.client = beforePut{s.fuse.client, func() {
		changed := s.user(user.ID)
		version := changed.Version
		changed.Version++
		changed.Document = `{"userName":"ada","title":"new"}`
		s.do(s.Update(t.Context(), version, changed))
	}, new(bool)}
	s.deliver(job)
	if got, done := s.user(user.ID), s.stored(job); got.View != view.Current().Encode() || got.Document != `{"userName":"ada","title":"new"}` || done.Failures != 0 || done.Steps != 1 {
		t.Errorf("%+v, %+v", got, done)
	}
}

// beforePut does something before the first PutItem.
type beforePut struct {
	client interface {
		Do(*http.Request) (*http.Response, error)
	}
	do   func()
	done *bool
}

func (b beforePut) Do(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.PutItem" && !*b.done {
		*b.done = true
		b.do()
	}
	return b.client.Do(r)
}

// A step has nine tenths of the time of the invocation: the rest is for the record
// of its failure.
func TestTimeOfAStep(t *testing.T) {
	s := newStill(t)
	job := s.job(table.ClearMemberships, newID(t, id.User, s.at))
	s.start(job)
	var longest time.Duration
	client := s.fuse.client
	s.fuse.client = doer(func(r *http.Request) (*http.Response, error) {
		deadline, _ := r.Context().Deadline()
		longest = max(longest, time.Until(deadline))
		return client.Do(r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	s.do(s.worker.Handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{record(job)}}))
	if longest > 54*time.Minute || longest < 53*time.Minute {
		t.Errorf("a step has %v of an hour", longest)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (f doer) Do(r *http.Request) (*http.Response, error) { return f(r) }
