package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	localeventbridge "dsync/internal/awslocal/eventbridge"
	locals3 "dsync/internal/awslocal/s3"
	localsqs "dsync/internal/awslocal/sqs"
	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/id"
	"dsync/internal/jobs"
	"dsync/internal/metric"
	"dsync/internal/relay"
	"dsync/internal/scim/patch"
	"dsync/internal/session"
	"dsync/internal/table"
	"dsync/internal/table/schema"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// machine is the pipeline from the table to a target, with a bus that may fail.
type machine struct {
	session   *session.Session
	directory table.Directory
	table     *table.Table
	db        *dynamodb.Client
	tableName string
	log       *eventlog.Log
	publisher *relay.Bus
	parking   *relay.DeadLetters
	relay     *relay.Relay
	queue     *sqs.Client
	queueURL  string
	queueTime atomic.Int64 // what the queue's clock is ahead
	objects   *s3.Client
	bucketDir string // the folder of the failure bucket

	metrics syncBuffer

	mu      sync.Mutex
	got     []dsync.Event // in the order of delivery
	arrived chan struct{}
}

// start runs the relay and the jobs behind the real stream, with a directory
// under that view. faults wraps the bus.
func start(t *testing.T, view dsync.Projection, faults func(http.Handler) http.Handler) *machine {
	t.Helper()
	m := prepare(t, faults)
	dsynctest.Consume(t, m.db, m.tableName, dsynctest.Jobs, lambda.NewHandler(jobs.New(m.table, time.Now, rand.Reader, 0, quiet).Handle))
	m.connect(t, view)
	return m
}

// failureBucket has small pages.
const failureBucket = "failures"

// prepare runs the relay.
func prepare(t *testing.T, faults func(http.Handler) http.Handler) *machine {
	t.Helper()
	m := idle(t, faults)
	dsynctest.Consume(t, m.db, m.tableName, dsynctest.Changes, lambda.NewHandler(m.relay.Handle))
	return m
}

// idle is a machine whose relay is not connected to the stream.
func idle(t *testing.T, faults func(http.Handler) http.Handler) *machine {
	t.Helper()
	m := &machine{arrived: make(chan struct{}, 1)}
	m.db, m.tableName = dsynctest.Table(t)
	b, err := localeventbridge.New(localeventbridge.Options{Name: "dsync", Region: "us-east-1", Log: quiet,
		Rules: []localeventbridge.Rule{{Name: "every-event", Pattern: map[string]any{"source": []any{relay.Source}}, Target: m.deliver}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(faults(b))
	t.Cleanup(server.Close)
	queues, err := localsqs.Open(localsqs.Options{Names: []string{"relay"}, Region: "us-east-1",
		Now: func() time.Time { return time.Now().Add(time.Duration(m.queueTime.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	queue := httptest.NewServer(queues)
	t.Cleanup(queue.Close)

	m.table = table.New(m.db, m.tableName)
	m.log = eventlog.New(m.table, time.Now)
	credentials := m.db.Options().Credentials
	client := eventbridge.New(eventbridge.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 5 * time.Millisecond }),
	})
	m.queue = sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: &queue.URL, Credentials: credentials})
	m.queueURL = localsqs.URL(queue.URL, "relay")
	dir := t.TempDir()
	m.bucketDir = filepath.Join(dir, failureBucket)
	buckets, err := locals3.Open(locals3.Options{Dir: dir, Buckets: []string{failureBucket}, PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	bucket := httptest.NewServer(buckets)
	t.Cleanup(bucket.Close)
	m.objects = s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &bucket.URL, Credentials: credentials, UsePathStyle: true})
	m.publisher = relay.NewBus(client, "dsync")
	m.parking = relay.NewDeadLetters(m.queue, m.queueURL, m.objects, failureBucket)
	// As the role of the function: it may not write tokens, keys and jobs.
	limited := table.New(dsynctest.LimitWrites(m.db, schema.RelayPartitions()), m.tableName)
	m.relay = relay.New(limited, eventlog.New(limited, time.Now), m.publisher, m.parking, time.Now, quiet, metric.New(&m.metrics, "relay", time.Now))
	return m
}

// collect returns a function that waits for n more records of changes.
func (m *machine) collect(t *testing.T) func(n int) []events.DynamoDBEventRecord {
	t.Helper()
	records := make(chan events.DynamoDBEventRecord, 10_000)
	dsynctest.Consume(t, m.db, m.tableName, dsynctest.Changes, lambda.NewHandler(func(_ context.Context, batch events.DynamoDBEvent) error {
		for _, r := range batch.Records {
			records <- r
		}
		return nil
	}))
	return func(n int) (list []events.DynamoDBEventRecord) {
		t.Helper()
		for len(list) < n {
			select {
			case r := <-records:
				list = append(list, r)
			case <-time.After(time.Minute):
				t.Fatalf("%d records, want %d", len(list), n)
			}
		}
		return list
	}
}

func (m *machine) now() time.Time { return time.Now() }

// connect makes a directory under that view and opens a session.
func (m *machine) connect(t *testing.T, view dsync.Projection) (secret string) {
	t.Helper()
	d, secret := dsynctest.Connect(t, m.table)
	m.directory = d
	if encoded := view.Encode(); encoded != "" {
		m.change(t, func(d *table.Directory) { d.View = encoded })
	}
	var err error
	m.session, _, err = session.NewAuthenticator(m.table, time.Now, rand.Reader).Authenticate(t.Context(), d.ExternalKey, secret, "request-1")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// delete deletes the directory, which starts its purge.
func (m *machine) delete(t *testing.T) table.Job {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Millisecond)
	job := table.Job{DirectoryID: m.directory.ID, Task: table.Purge, State: table.JobRunning, Created: at, Modified: at}
	var err error
	if job.ID, err = id.New(id.Job, at, rand.Reader); err != nil {
		t.Fatal(err)
	}
	m.change(t, func(d *table.Directory) { d.State, d.Tokens = table.Deleting, nil }, job)
	return job
}

// change writes the directory's record.
func (m *machine) change(t *testing.T, change func(*table.Directory), jobs ...table.Job) {
	t.Helper()
	old, err := m.table.Directory(t.Context(), m.directory.ID)
	if err != nil {
		t.Fatal(err)
	}
	next := old
	next.Version++
	next.Modified = time.Now().UTC().Truncate(time.Millisecond)
	change(&next)
	var job *table.Job
	if len(jobs) > 0 {
		job = &jobs[0]
	}
	if err := m.table.ReplaceDirectory(t.Context(), old, next, job); err != nil {
		t.Fatal(err)
	}
}

func intact(h http.Handler) http.Handler { return h }

func (m *machine) deliver(event json.RawMessage) error {
	var e struct{ Detail dsync.Event }
	if err := json.Unmarshal(event, &e); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, e.Detail)
	select {
	case m.arrived <- struct{}{}:
	default:
	}
	return nil
}

// await waits until an event of that name about that resource was delivered,
// and returns all events so far.
func (m *machine) await(t *testing.T, name, id string) []dsync.Event {
	t.Helper()
	return m.until(t, "no "+name+" of "+id, func(all []dsync.Event) bool {
		return slices.ContainsFunc(all, func(e dsync.Event) bool { return e.Name == name && e.Data["id"] == id })
	})
}

// until waits until what was delivered is enough, and returns it.
func (m *machine) until(t *testing.T, missing string, enough func([]dsync.Event) bool) []dsync.Event {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		m.mu.Lock()
		all := slices.Clone(m.got)
		m.mu.Unlock()
		if enough(all) {
			return all
		}
		select {
		case <-m.arrived:
		case <-deadline:
			t.Fatalf("%s among %d events", missing, len(all))
		}
	}
}

func (m *machine) create(t *testing.T, kind session.Type, doc map[string]any) string {
	t.Helper()
	r, err := m.session.Create(t.Context(), kind, doc, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Meta.ID
}

func (m *machine) patch(t *testing.T, kind session.Type, id, operation string) {
	t.Helper()
	operations, err := patch.Parse([]byte(`{"Operations":[` + operation + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.session.Patch(t.Context(), kind, id, operations, session.Condition{}); err != nil {
		t.Fatal(err)
	}
}

// A short life of users and a group, and the events that it must give.
func (m *machine) live(t *testing.T, rounds int) (want []string, last string) {
	t.Helper()
	group := m.create(t, session.Groups, map[string]any{"displayName": "g"})
	want = append(want, dsync.GroupCreated)
	for i := range rounds {
		user := m.create(t, session.Users, map[string]any{"userName": fmt.Sprint("u", i), "active": true})
		m.patch(t, session.Users, user, `{"op":"Replace","path":"title","value":"x"}`)
		m.patch(t, session.Groups, group, `{"op":"Add","path":"members","value":[{"value":"`+user+`"}]}`)
		m.patch(t, session.Groups, group, `{"op":"Add","path":"members","value":[{"value":"`+user+`"}]}`) // nothing
		m.patch(t, session.Groups, group, `{"op":"Remove","path":"members","value":[{"value":"`+user+`"}]}`)
		m.patch(t, session.Groups, group, `{"op":"Add","path":"members","value":[{"value":"`+user+`"}]}`)
		if err := m.session.Delete(t.Context(), session.Users, user, session.Condition{}); err != nil {
			t.Fatal(err)
		}
		want = append(want, dsync.UserCreated, dsync.UserUpdated, dsync.GroupUserAdded, dsync.GroupUserRemoved, dsync.GroupUserAdded, dsync.UserDeleted)
	}
	if err := m.session.Delete(t.Context(), session.Groups, group, session.Condition{}); err != nil {
		t.Fatal(err)
	}
	return append(want, dsync.GroupDeleted), group
}

// Every change has its event, in order, with its cause, and nothing else does.
func TestEventsInOrder(t *testing.T) {
	m := start(t, dsync.Projection{}, intact)
	lives, last := m.live(t, 3)
	want := append([]string{dsync.TokenCreated, dsync.DirectoryActivated}, lives...)
	got := m.await(t, dsync.GroupDeleted, last)
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i, e := range got {
		if e.Name != want[i] {
			t.Errorf("event %d is %s, want %s", i, e.Name, want[i])
		}
		if e.Context.Sequence != int64(i+1) {
			t.Errorf("event %d has the sequence %d", i, e.Context.Sequence)
		}
		if e.Name == dsync.TokenCreated {
			continue // nobody's request
		}
		if e.Object != "event" || e.Context.RequestID != "request-1" || e.Context.TokenID != m.directory.Tokens[0].ID {
			t.Errorf("envelope %+v", e)
		}
	}
}

// A membership that was written just behind the deletion of its user does not
// stay, and has no event.
func TestLateMembership(t *testing.T) {
	m := start(t, dsync.Projection{}, intact)
	user := m.create(t, session.Users, map[string]any{"userName": "ada", "active": true})
	group := m.create(t, session.Groups, map[string]any{"displayName": "g"})
	if err := m.session.Delete(t.Context(), session.Users, user, session.Condition{}); err != nil {
		t.Fatal(err)
	}
	late := table.Membership{DirectoryID: m.directory.ID, GroupID: group, UserID: user, At: time.Now().UTC()}
	for _, written := range []table.Membership{late, late.SoftDelete()} {
		if err := m.table.PutMemberships(t.Context(), []table.Membership{written}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.table.PutMemberships(t.Context(), []table.Membership{late}); err != nil {
		t.Fatal(err)
	}
	marker := m.create(t, session.Users, map[string]any{"userName": "marker"})
	all := m.await(t, dsync.UserCreated, marker)
	for _, e := range all {
		if e.Name == dsync.GroupUserAdded || e.Name == dsync.GroupUserRemoved {
			t.Errorf("%s of a deleted user", e.Name)
		}
	}
	if in, err := m.table.IsMember(t.Context(), late.DirectoryID, group, user, 0); in || err != nil {
		t.Errorf("the membership is left: %v, %v", in, err)
	}
}

// faulty fails calls and single entries at random, and accepts some calls but
// does not say so.
func faulty(h http.Handler) http.Handler {
	var mu sync.Mutex
	random := mathrand.New(mathrand.NewPCG(1, 2))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		dice, entryDice := random.IntN(10), random.IntN(3)
		mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		var in struct{ Entries []json.RawMessage }
		if err := json.Unmarshal(body, &in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch {
		case dice == 0: // the call fails
			w.WriteHeader(http.StatusInternalServerError)
			return
		case dice == 1: // throttled
			w.Header().Set("X-Amzn-ErrorType", "ThrottlingException")
			w.WriteHeader(http.StatusBadRequest)
			return
		case dice == 2: // accepted, but the answer is lost
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusGatewayTimeout)
			return
		}
		// One entry fails, the others are accepted.
		failed := -1
		if entryDice == 0 {
			failed = dice % len(in.Entries)
		}
		kept := in
		kept.Entries = nil
		for i, e := range in.Entries {
			if i != failed {
				kept.Entries = append(kept.Entries, e)
			}
		}
		results := make([]json.RawMessage, 0, len(in.Entries))
		if len(kept.Entries) > 0 {
			body, _ := json.Marshal(kept)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			var out struct{ Entries []json.RawMessage }
			if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			results = out.Entries
		}
		if failed >= 0 {
			refused := json.RawMessage(`{"ErrorCode":"InternalFailure","ErrorMessage":"injected"}`)
			results = append(results[:failed:failed], append([]json.RawMessage{refused}, results[failed:]...)...)
		}
		answer, _ := json.Marshal(map[string]any{"FailedEntryCount": min(failed+1, 1), "Entries": results})
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(answer)
	})
}

// Whatever the bus does, no event is lost, duplicates have one id, and the
// first deliveries about each resource come in the order of the changes.
func TestFaultyBus(t *testing.T) {
	m := start(t, dsync.Projection{}, faulty)
	lives, _ := m.live(t, 20)
	want := append([]string{dsync.TokenCreated, dsync.DirectoryActivated}, lives...)
	// An entry that failed comes behind others of its call: count, and do not
	// take the last one for the end.
	got := m.until(t, "events are lost", func(all []dsync.Event) bool {
		ids := map[string]bool{}
		for _, e := range all {
			ids[e.ID] = true
		}
		return len(ids) >= len(want)
	})
	seen := map[string]string{}
	about := map[string]int64{} // resource → newest sequence
	for _, e := range got {
		id, ok := e.Data["id"].(string)
		if e.Name == dsync.DirectoryActivated || e.Name == dsync.TokenCreated {
			id, ok = "directory", true
		}
		if !ok { // a membership: about its user
			id = e.Data["user"].(map[string]any)["id"].(string)
		}
		if name, again := seen[e.ID]; again {
			if name != e.Name {
				t.Errorf("%s is %s and %s", e.ID, name, e.Name)
			}
			continue
		}
		seen[e.ID] = e.Name
		if e.Context.Sequence < about[id] {
			t.Errorf("%s of %s with the sequence %d comes after %d", e.Name, id, e.Context.Sequence, about[id])
		}
		about[id] = e.Context.Sequence
	}
	if len(seen) != len(want) {
		t.Errorf("%d different events, want %d", len(seen), len(want))
	}
	t.Logf("%d events, delivered %d times", len(seen), len(got))
}
