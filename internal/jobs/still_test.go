package jobs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/id"
	"dsync/internal/jobs"
	"dsync/internal/metric"
	"dsync/internal/table"
	"dsync/internal/table/idclaim"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// still is a directory whose jobs run only when a test says so, by a clock that
// the test sets.
type still struct {
	*table.Table
	t       testing.TB
	db      *dynamodb.Client
	name    string
	dir     table.Directory
	carrier table.Resource // a group, whose updates create jobs
	at      time.Time
	entropy io.Reader
	worker  *jobs.Worker
	metrics bytes.Buffer
	log     bytes.Buffer
	fuse    fuse
}

// fuse is the connection of the worker to DynamoDB. It ends the worker's context
// before a call.
type fuse struct {
	client dynamodb.HTTPClient
	calls  atomic.Int64 // until the end
	blow   func()
}

func (f *fuse) Do(r *http.Request) (*http.Response, error) {
	if f.blow != nil && f.calls.Add(-1) == 0 {
		f.blow()
	}
	return f.client.Do(r)
}

func newStill(t testing.TB, options ...jobs.Option) *still {
	api, name := dsynctest.Table(t)
	s := &still{t: t, db: api, name: name, at: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), entropy: rand.Reader}
	o := api.Options()
	o.HTTPClient = &s.fuse
	s.fuse.client = api.Options().HTTPClient
	s.Table = table.New(dynamodb.New(o), name)
	now := func() time.Time { return s.at }
	options = append(options, jobs.Metrics(metric.New(&s.metrics, "jobs", now)))
	s.worker = jobs.New(s.Table, now, readFunc(func(p []byte) (int, error) { return s.entropy.Read(p) }), jobs.TokenTrust,
		slog.New(slog.NewTextHandler(&s.log, nil)), options...)
	organization := table.Organization{ID: newID(t, id.Organization, s.at), Name: "Acme", Version: 1, Created: s.at, Modified: s.at}
	s.do(s.CreateOrganization(t.Context(), organization))
	s.dir = table.Directory{ID: newID(t, id.Directory, s.at), OrganizationID: organization.ID, State: table.Linked, Version: 1, Created: s.at, Modified: s.at}
	s.do(s.CreateDirectory(t.Context(), s.dir))
	s.do(idclaim.SetComplete(t.Context(), s.Table)) // no job of the table runs
	s.carrier = s.create(table.Group, `{"displayName":"carrier"}`, table.Keys{Name: "carrier"})
	return s
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func (s *still) do(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *still) create(k table.Kind, doc string, keys table.Keys) table.Resource {
	s.t.Helper()
	kind := id.User
	if k == table.Group {
		kind = id.Group
	}
	r := table.Resource{Kind: k, ID: newID(s.t, kind, s.at), DirectoryID: s.dir.ID, OrganizationID: s.dir.OrganizationID,
		Document: doc, Version: 1, Created: s.at, Modified: s.at}
	s.do(s.Create(s.t.Context(), r, keys, nil))
	return r
}

func (s *still) join(group, user table.Resource) table.Membership {
	s.t.Helper()
	m := table.Membership{DirectoryID: s.dir.ID, OrganizationID: s.dir.OrganizationID, GroupID: group.ID, UserID: user.ID, At: s.at}
	s.do(s.PutMemberships(s.t.Context(), []table.Membership{m}))
	return m
}

// job returns a job that is not written yet.
func (s *still) job(task table.Task, subject string) table.Job {
	return table.Job{ID: newID(s.t, id.Job, s.at), DirectoryID: s.dir.ID, Task: task, Kind: table.User, Subject: subject,
		State: table.JobRunning, Created: s.at, Modified: s.at}
}

// start writes jobs.
func (s *still) start(jobs ...table.Job) {
	s.t.Helper()
	version := s.carrier.Version
	s.carrier.Version++
	s.do(s.Update(s.t.Context(), version, s.carrier, jobs...))
}

// change writes the directory, with a job.
func (s *still) change(job table.Job, change func(*table.Directory)) {
	s.t.Helper()
	next := s.dir
	next.Version++
	change(&next)
	s.do(s.ReplaceDirectory(s.t.Context(), s.dir, next, &job))
	s.dir = next
}

// endLog writes the end of the directory's log.
func (s *still) endLog() {
	s.t.Helper()
	_, err := s.AppendLog(s.t.Context(), table.LogAppend{Head: table.LogHead{DirectoryID: s.dir.ID, End: true}})
	s.do(err)
}

// record is the stream record of a job.
func record(j table.Job) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{NewImage: map[string]events.DynamoDBAttributeValue{
		"id":    events.NewStringAttribute(j.ID),
		"task":  events.NewStringAttribute(string(j.Task)),
		"state": events.NewStringAttribute(string(j.State)),
		"steps": events.NewNumberAttribute(strconv.Itoa(j.Steps)),
	}}}
}

// deliver delivers the last stream record of a job.
func (s *still) deliver(job table.Job) {
	s.t.Helper()
	s.do(s.worker.Handle(s.t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{record(s.stored(job))}}))
}

// run delivers the stream records of a job until it ends or waits.
func (s *still) run(job table.Job) table.Job {
	s.t.Helper()
	for range 100 {
		before := s.stored(job).Steps
		s.deliver(job)
		if after := s.stored(job); after.Steps == before {
			return after
		}
	}
	s.t.Fatalf("the job neither ends nor waits: %+v", s.stored(job))
	return job
}

func (s *still) sweep() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	s.do(s.worker.Sweep(ctx))
}

// stored is a job as it is in the table.
func (s *still) stored(job table.Job) table.Job {
	s.t.Helper()
	j, err := s.Job(s.t.Context(), job.ID)
	s.do(err)
	return j
}

// kept counts the memberships of a user.
func (s *still) kept(user table.Resource) []table.Membership {
	s.t.Helper()
	kept, _, err := s.KeptMemberships(s.t.Context(), s.dir.ID, user.ID, "", 100)
	s.do(err)
	return kept
}

// measured are the values of a metric so far.
func (s *still) measured(m metric.Metric) (values []float64) {
	s.t.Helper()
	for line := range strings.Lines(s.metrics.String()) {
		var fields map[string]any
		s.do(json.Unmarshal([]byte(line), &fields))
		if v, ok := fields[m.Name].(float64); ok {
			values = append(values, v)
		}
	}
	return values
}
