package jobs_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/jobs"
	"dsync/internal/table"
	"dsync/internal/table/journal"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The log of a deleted directory is erased when the deployment says so, and not
// before the stream has lost its records. Nothing in the table then mentions
// what the users of the directory were.
func TestErase(t *testing.T) {
	const day = 24 * time.Hour
	for name, row := range map[string]struct {
		after, want time.Duration
		events      int
	}{
		"30 days":             {30 * day, 30 * day, 60},
		"as early as can be":  {0, 25 * time.Hour, 5},
		"a day is not enough": {day, 25 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) { testErase(t, row.after, row.want, row.events) })
	}
}

const marker = "m4rk3r" // in all that is personal

func testErase(t *testing.T, after, want time.Duration, logged int) {
	s := newStill(t, jobs.EraseAfter(after))
	user := s.create(table.User, `{"userName":"`+marker+`"}`, table.Keys{Name: marker, ExternalID: marker, Emails: []string{marker + "@example.com"}})
	group := s.create(table.Group, `{"displayName":"`+marker+`"}`, table.Keys{Name: marker, ExternalID: marker})
	member := s.join(group, user)
	member.Display = marker
	s.do(s.PutMemberships(t.Context(), []table.Membership{member}))
	gone := s.create(table.User, `{"userName":"x`+marker+`"}`, table.Keys{Name: "x" + marker})
	s.do(s.Delete(t.Context(), gone, table.Keys{Name: "x" + marker}, s.job(table.ClearMemberships, gone.ID), s.at, table.Actor{}))
	request := func() table.Request {
		return table.Request{ID: newID(t, table.RequestKind, s.at), DirectoryID: s.dir.ID, At: s.at, Path: marker}
	}
	s.do(s.PutRequests(t.Context(), []table.Request{request()}))

	job := s.job(table.Purge, s.dir.ID)
	s.change(job, func(d *table.Directory) { d.State = table.Deleting })
	s.logEvents(logged)
	s.at = s.at.Add(jobs.TokenTrust)
	if got := s.run(job); got.State != table.JobDone {
		t.Fatalf("the purge: %+v", got)
	}
	// What a function still wrote when the purge was done.
	s.do(s.PutRequests(t.Context(), []table.Request{request()}))
	s.do(s.CountDay(t.Context(), s.dir.ID, table.Day{Date: "2026-11-26", Last: s.at}, true))

	s.at = job.Created.Add(want - time.Millisecond)
	s.sweep()
	if n := s.mentions(marker); n < logged+1 {
		t.Errorf("%d records before the erasure", n)
	}
	s.at = job.Created.Add(want)
	running, err := s.RunningJobs(t.Context(), s.at)
	s.do(err)
	var erase table.Job
	for _, j := range running {
		if j.Task == table.Erase {
			erase = j
		}
	}
	if erase.Subject != s.dir.ID || erase.DirectoryID != s.dir.ID {
		t.Fatalf("the job of the erasure: %+v", erase)
	}
	if dir, err := s.DirectoryOf(t.Context(), table.User, gone.ID); err != nil || dir != s.dir.ID {
		t.Errorf("an id can be used again before the erasure: %s, %v", dir, err)
	}
	s.sweep()
	if got := s.run(erase); got.State != table.JobDone || got.Done < logged {
		t.Errorf("the erasure: %+v", got)
	}
	if n := s.mentions(marker); n != 0 {
		t.Errorf("%d records mention a user", n)
	}
	for _, r := range []table.Resource{user, group, gone} {
		if _, err := s.DirectoryOf(t.Context(), r.Kind, r.ID); !errors.Is(err, table.ErrNotFound) {
			t.Errorf("the id %s is still claimed: %v", r.ID, err)
		}
	}
	if n := s.mentions("#" + s.dir.ID[strings.LastIndexByte(s.dir.ID, '_')+1:]); n != s.jobsLeft() {
		t.Errorf("%d records have the directory in a key, %d of them are jobs", n, s.jobsLeft())
	}
}

// logEvents writes events to the directory's log, and its end.
func (s *still) logEvents(n int) {
	s.t.Helper()
	shard := journal.ShardOf(s.dir.OrganizationID)
	heads := table.LogHeads{Head: table.LogHead{DirectoryID: s.dir.ID}}
	var position journal.Position
	for first := true; first || n > 0; first = false {
		var list []table.LoggedEvent
		for range min(n, table.MaxLogActions) {
			position = position.Next(s.at, shard)
			list = append(list, table.LoggedEvent{Position: position, ID: newID(s.t, id.Event, s.at), Name: "dsync.user.created", DirectoryID: s.dir.ID,
				OrganizationID: s.dir.OrganizationID, Body: compressed(`{"userName":"` + marker + `"}`), TTL: s.at.Add(90 * 24 * time.Hour).Unix()})
		}
		n -= len(list)
		heads.Head.End = n == 0
		var err error
		heads, err = s.AppendLog(s.t.Context(), table.LogAppend{Head: heads.Head, Shard: shard, ShardHead: heads.ShardHead, Events: list})
		s.do(err)
	}
}

func compressed(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

// mentions counts the items of the table that have the text in a key or an
// attribute, compressed or not.
func (s *still) mentions(text string) (n int) {
	s.t.Helper()
	for pages := dynamodb.NewScanPaginator(s.db, &dynamodb.ScanInput{TableName: &s.name, ConsistentRead: aws.Bool(true)}); pages.HasMorePages(); {
		out, err := pages.NextPage(s.t.Context())
		s.do(err)
		for _, item := range out.Items {
			if strings.Contains(written(&types.AttributeValueMemberM{Value: item}), text) {
				n++
			}
		}
	}
	return n
}

// written are all texts of a value.
func written(v types.AttributeValue) (text string) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value + "\n"
	case *types.AttributeValueMemberB:
		if r, err := gzip.NewReader(bytes.NewReader(v.Value)); err == nil {
			plain, _ := io.ReadAll(r)
			return string(plain) + "\n"
		}
		return string(v.Value) + "\n"
	case *types.AttributeValueMemberM:
		for name, member := range v.Value {
			text += name + "\n" + written(member)
		}
	case *types.AttributeValueMemberL:
		for _, element := range v.Value {
			text += written(element)
		}
	}
	return text
}

// jobsLeft counts the jobs of the directory.
func (s *still) jobsLeft() int {
	s.t.Helper()
	ids, _, err := table.Jobs(s.dir.ID).IDs(s.t.Context(), s.Table, "", false, 100)
	s.do(err)
	return len(ids)
}
