package jobs_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/id"
	"dsync/internal/jobs"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// A job removes all memberships of what was deleted and no other, in several
// steps, though every third step dies before it is done and every fifth after.
func TestMembershipsOfTheDeleted(t *testing.T) {
	api, name := dsynctest.Table(t)
	records := table.New(api, name)
	worker := jobs.New(records, time.Now, rand.Reader, 0, slog.New(slog.DiscardHandler))
	var calls atomic.Int64
	crash := errors.New("crash")
	dsynctest.Consume(t, api, name, dsynctest.Jobs, lambda.NewHandler(func(ctx context.Context, batch events.DynamoDBEvent) error {
		n := calls.Add(1)
		if n%3 == 0 {
			return crash
		}
		if err := worker.Handle(ctx, batch); err != nil {
			return err
		}
		if n%5 == 0 {
			return crash
		}
		return nil
	}))

	ctx, at := t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	newID := func(k id.Kind) string {
		s, err := id.New(k, at, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	dir := newID(id.Directory)
	create := func(k table.Kind, kind id.Kind, name string) table.Resource {
		r := table.Resource{Kind: k, ID: newID(kind), DirectoryID: dir, Document: "{}", Version: 1, Created: at, Modified: at}
		if err := records.Create(ctx, r, table.Keys{Name: name}, nil); err != nil {
			t.Fatal(err)
		}
		return r
	}
	group, other, user := create(table.Group, id.Group, "g"), create(table.Group, id.Group, "other"), create(table.User, id.User, "u")
	const size = 1200 // three pages
	var members []table.Membership
	join := func(group, user string) {
		members = append(members, table.Membership{DirectoryID: dir, GroupID: group, UserID: user, At: at})
	}
	for i := range size {
		join(group.ID, fmt.Sprintf("directory_user_01%024d", i))
	}
	join(other.ID, members[0].UserID)
	join(other.ID, user.ID)
	if err := records.PutMemberships(ctx, members); err != nil {
		t.Fatal(err)
	}

	finish := func(r table.Resource, n table.Keys) table.Job {
		job := table.Job{ID: newID(id.Job), DirectoryID: dir, Task: table.ClearMemberships, Kind: r.Kind, Subject: r.ID, State: table.JobRunning, Created: at, Modified: at}
		if err := records.Delete(ctx, r, n, job, at, table.Actor{}); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			done, err := records.Job(ctx, job.ID)
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
	left := func(group string) (n int) {
		for _, err := range records.Members(ctx, dir, group, "") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	job := finish(group, table.Keys{Name: "g"})
	if job.Done < size || job.Steps < 4 || left(group.ID) != 0 || left(other.ID) != 2 {
		t.Errorf("job %+v, %d and %d memberships left", job, left(group.ID), left(other.ID))
	}
	if job.TTL == 0 {
		t.Error("a finished job stays for ever")
	}
	finish(user, table.Keys{Name: "u"})
	if left(other.ID) != 1 {
		t.Errorf("%d memberships left", left(other.ID))
	}
}
