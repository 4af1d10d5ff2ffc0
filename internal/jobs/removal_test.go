package jobs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/jobs"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// crowded is a group with that many members, of users who do not exist.
func (s *still) crowded(size int) table.Resource {
	s.t.Helper()
	group := s.create(table.Group, `{"displayName":"g"}`, table.Keys{Name: "g"})
	members := make([]table.Membership, size)
	for i := range members {
		members[i] = table.Membership{DirectoryID: s.dir.ID, OrganizationID: s.dir.OrganizationID, GroupID: group.ID,
			UserID: fmt.Sprintf("directory_user_01%024d", i), At: s.at, Version: 1}
	}
	s.do(s.PutMemberships(s.t.Context(), members))
	return group
}

// empty empties a group as a request does.
func (s *still) empty(group *table.Resource) table.Job {
	s.t.Helper()
	group.Version++
	group.Emptied = group.Version
	job := s.job(table.RemoveMembers, group.ID)
	job.Kind, job.Until, job.Actor = table.Group, group.Version, table.Actor{RequestID: "request", TokenID: "token"}
	s.do(s.Update(s.t.Context(), group.Version-1, *group, job))
	return job
}

// left are the users who have a membership in the group that is not deleted.
func (s *still) left(group table.Resource) (users []string) {
	s.t.Helper()
	for m, err := range s.Members(s.t.Context(), s.dir.ID, group.ID, "") {
		s.do(err)
		users = append(users, m.UserID)
	}
	return users
}

// The job waits until the request has written who stays, and removes the others
// page by page. Who was added since stays. Each removal is a change of its own by
// the actor of the request.
func TestRemoveMembers(t *testing.T) {
	s := newStill(t)
	group := s.crowded(1_200)
	ada := s.create(table.User, `{"userName":"ada"}`, table.Keys{Name: "ada"})
	job := s.empty(&group)
	if done := s.run(job); done.Done != 0 || !done.Due.Equal(s.at.Add(jobs.TokenTrust)) || len(s.left(group)) != 1_200 {
		t.Fatalf("the job did not wait: %+v", done)
	}
	added := table.Membership{DirectoryID: s.dir.ID, OrganizationID: s.dir.OrganizationID, GroupID: group.ID, UserID: ada.ID, At: s.at, Version: group.Version}
	again := added
	again.UserID = fmt.Sprintf("directory_user_01%024d", 700)
	s.do(s.PutMemberships(t.Context(), []table.Membership{added, again}))
	s.at = s.at.Add(jobs.TokenTrust)
	s.sweep()
	done := s.run(job)
	if left := s.left(group); done.State != table.JobDone || done.Done != 1_199 || done.Steps != 4 || len(left) != 2 {
		t.Errorf("%+v, %d members are left", done, len(left))
	}
	removed, err := s.Membership(t.Context(), table.Membership{DirectoryID: s.dir.ID, GroupID: group.ID, UserID: "directory_user_01000000000000000000000003"})
	if s.do(err); !removed.Deleted || removed.Actor != job.Actor || !removed.At.Equal(s.at) {
		t.Errorf("a removed member is %+v", removed)
	}
	if r, err := s.Resource(t.Context(), table.Group, s.dir.ID, group.ID); err != nil || r.Emptied != 0 {
		t.Errorf("the group is %+v, %v", r, err)
	}
}

// A step that ends in the middle is done again. Every member is removed once.
func TestRemoveMembersAfterCrash(t *testing.T) {
	s := newStill(t)
	group := s.crowded(40)
	job := s.empty(&group)
	s.at = s.at.Add(jobs.TokenTrust)
	ctx, cancel := context.WithCancel(t.Context())
	s.fuse.calls.Store(20)
	s.fuse.blow = cancel
	_ = s.worker.Handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{record(s.stored(job))}})
	s.fuse.blow = nil
	left := len(s.left(group))
	if left == 0 || left == 40 {
		t.Fatalf("%d members are left", left)
	}
	first := s.at
	s.at = s.at.Add(10 * time.Minute)
	s.sweep()
	if done := s.stored(job); done.State != table.JobDone || len(s.left(group)) != 0 {
		t.Errorf("%+v, %v", done, s.left(group))
	}
	times := map[bool]int{}
	for i := range 40 {
		m, err := s.Membership(t.Context(), table.Membership{DirectoryID: s.dir.ID, GroupID: group.ID, UserID: fmt.Sprintf("directory_user_01%024d", i)})
		s.do(err)
		times[m.At.Equal(first)]++
	}
	if times[true] < 40-left {
		t.Errorf("%d were removed before the crash, and %d keep that time", 40-left, times[true])
	}
}

// A group that is emptied twice has two jobs, and is emptied until the second has
// ended. In a group that is deleted meanwhile no member is removed with an event.
func TestRemoveMembersTwice(t *testing.T) {
	s := newStill(t)
	group := s.crowded(10)
	first := s.empty(&group)
	s.at = s.at.Add(time.Second)
	second := s.empty(&group)
	s.at = first.Created.Add(jobs.TokenTrust)
	s.run(first)
	if r, err := s.Resource(t.Context(), table.Group, s.dir.ID, group.ID); err != nil || r.Emptied != second.Until || s.stored(first).State != table.JobDone {
		t.Errorf("after the first job the group is %+v, %v", r, err)
	}
	s.at = second.Created.Add(jobs.TokenTrust)
	s.do(s.Delete(t.Context(), group, table.Keys{Name: "g"}, s.job(table.ClearMemberships, group.ID), s.at, table.Actor{}))
	late := table.Membership{DirectoryID: s.dir.ID, GroupID: group.ID, UserID: "directory_user_01000000000000000000000099", At: s.at, Version: 1}
	s.do(s.PutMemberships(t.Context(), []table.Membership{late}))
	if done := s.run(second); done.State != table.JobDone || done.Done != 0 || len(s.left(group)) != 1 {
		t.Errorf("%+v, %v", done, s.left(group))
	}
}

// The record of a removed member has the state of its user, as the events need it.
func TestRemoveHiddenMembers(t *testing.T) {
	s := newStill(t)
	view := dsync.Projection{Mapping: dsync.DefaultMapping(), Deactivation: dsync.Delete}.Encode()
	s.change(s.job(table.Project, s.dir.ID), func(d *table.Directory) { d.View = view })
	user := s.create(table.User, `{"userName":"ada","active":false}`, table.Keys{Name: "ada"})
	next := user
	next.Version, next.Hidden, next.Generation = 2, true, 3
	s.do(s.Update(t.Context(), 1, next))
	group := s.crowded(0)
	s.join(group, user)
	job := s.empty(&group)
	s.at = s.at.Add(jobs.TokenTrust)
	s.run(job)
	m, err := s.Membership(t.Context(), table.Membership{DirectoryID: s.dir.ID, GroupID: group.ID, UserID: user.ID})
	if s.do(err); !m.Deleted || !m.Hidden || m.Generation != 3 || s.stored(job).State != table.JobDone {
		t.Errorf("%+v", m)
	}
}
