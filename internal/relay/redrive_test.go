package relay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/relay"
	"dsync/internal/session"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var deadLetters = relay.Request{DeadLetters: true}

func (m *machine) redrive(t *testing.T, want relay.Report) {
	t.Helper()
	report, err := m.relay.Redrive(t.Context(), deadLetters)
	if err != nil || report != want {
		t.Errorf("redriven %+v, want %+v, %v", report, want, err)
	}
}

func (m *machine) sendMessage(t *testing.T, message any) {
	t.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.queue.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &m.queueURL, MessageBody: aws.String(string(body))}); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) putObject(t *testing.T, key string, body []byte) {
	t.Helper()
	if _, err := m.objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(failureBucket), Key: &key, Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}

// keys are those of the objects in the failure bucket.
func (m *machine) keys(t *testing.T) (keys []string) {
	t.Helper()
	for p := s3.NewListObjectsV2Paginator(m.objects, &s3.ListObjectsV2Input{Bucket: aws.String(failureBucket)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

// giveUp invokes no relay. It returns the stream records of the changes as the
// event of the function, up to the last one about a resource.
func (m *machine) giveUp(t *testing.T, change func() (last string)) (records []json.RawMessage) {
	t.Helper()
	batches := make(chan json.RawMessage)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	dsynctest.Consume(t, m.db, m.tableName, dsynctest.Changes, lambda.NewHandler(func(_ context.Context, batch json.RawMessage) error {
		select {
		case batches <- batch:
		case <-ctx.Done():
		}
		return nil
	}))
	last := change()
	for late := time.After(time.Minute); ; {
		select {
		case batch := <-batches:
			var e struct{ Records []json.RawMessage }
			if err := json.Unmarshal(batch, &e); err != nil {
				t.Fatal(err)
			}
			records = append(records, e.Records...)
			if bytes.Contains(records[len(records)-1], []byte(last[strings.LastIndexByte(last, '_')+1:])) {
				return records
			}
		case <-late:
			t.Fatal("the records did not come")
		}
	}
}

// givenUp is the object that Lambda stores for a batch, with its key.
func givenUp(shard string, at time.Time, records []json.RawMessage) (key string, body []byte) {
	payload, _ := json.Marshal(map[string]any{"Records": records})
	body, _ = json.Marshal(map[string]any{
		"requestContext":     map[string]any{"requestId": "316aa6d0", "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:relay", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 1},
		"responseContext":    map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
		"version":            "1.0",
		"timestamp":          at.UTC().Format("2006-01-02T15:04:05.000Z"),
		"DDBStreamBatchInfo": map[string]any{"shardId": shard, "batchSize": len(records)},
		"payload":            string(payload),
	})
	return fmt.Sprintf("aws/lambda/4b19cdc8-0f9a-4f3f-a0f3-ffb2f0a4b9c4/%s/%s-316aa6d0-8154", shard, at.UTC().Format("2006/01/02/2006-01-02T15.04.05")), body
}

// Batches that the event source mapping gave up are relayed, oldest first,
// whatever the order of their keys, over the pages of the list. Another call
// finds nothing to do.
func TestRedriveGivenUpBatches(t *testing.T) {
	m := idle(t, intact)
	var want []string
	records := m.giveUp(t, func() string {
		m.connect(t, dsync.Projection{})
		want = []string{dsync.TokenCreated, dsync.DirectoryActivated}
		last := ""
		for i := range 4 {
			user := m.create(t, session.Users, map[string]any{"userName": fmt.Sprint("user", i)})
			last = m.create(t, session.Groups, map[string]any{"displayName": fmt.Sprint("group", i)})
			m.patch(t, session.Groups, last, `{"op":"Add","path":"members","value":[{"value":"`+user+`"}]}`)
			want = append(want, dsync.UserCreated, dsync.GroupCreated, dsync.GroupUserAdded)
		}
		return m.create(t, session.Users, map[string]any{"userName": "last"})
	})
	want = append(want, dsync.UserCreated)
	at := time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)
	n := 0
	for chunk := range slices.Chunk(records, 4) {
		key, body := givenUp(fmt.Sprintf("shardId-%02d", 50-n), at.Add(time.Duration(n)*time.Second), chunk)
		m.putObject(t, key, body)
		n++
		// Objects have the order of their times, which S3 shows in milliseconds.
		file := filepath.Join(m.bucketDir, url.PathEscape(key)+".object")
		if err := os.Chtimes(file, at, at.Add(time.Duration(n)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if n < 4 {
		t.Fatalf("only %d batches", n)
	}
	// A batch of jobs is not for the relay: a schedule starts the jobs again.
	m.putObject(t, "aws/lambda/jobs/shard/x", []byte(`{"payload":"{\"Records\":[{\"dynamodb\":{\"Keys\":{\"pk\":{\"S\":\"J#1\"},\"sk\":{\"S\":\"J\"}},\"SequenceNumber\":\"1\",\"NewImage\":{\"state\":{\"S\":\"running\"}}}}]}"}`))

	m.redrive(t, relay.Report{Published: len(want)})
	all := m.until(t, "not all came", func(all []dsync.Event) bool { return len(all) >= len(want) })
	var got []string
	for _, e := range all {
		got = append(got, e.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("published %q,\nwant %q", got, want)
	}
	if keys := m.keys(t); len(keys) != 0 {
		t.Errorf("%q stay", keys)
	}
	m.logged(t, want)
	m.redrive(t, relay.Report{})
}

// An object is deleted only when all of its records are relayed. One that stays
// does not stop the others, and the records beside one that fails are relayed.
func TestRedriveKeepsWhatFails(t *testing.T) {
	m := idle(t, intact)
	var users []string
	records := m.giveUp(t, func() string {
		m.connect(t, dsync.Projection{})
		for _, name := range []string{"first", "damaged", "last"} {
			users = append(users, m.create(t, session.Users, map[string]any{"userName": name}))
		}
		return users[2]
	})
	damaged := slices.Clone(records[:len(records)-1])
	i := len(damaged) - 1
	damaged[i] = bytes.ReplaceAll(damaged[i], []byte(`"doc":{"S":"{`), []byte(`"doc":{"S":"`))
	if bytes.Equal(damaged[i], records[i]) {
		t.Fatalf("the record has no document: %s", records[i])
	}
	at := time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)
	key, body := givenUp("shardId-1", at, damaged)
	m.putObject(t, key, body)
	last, body := givenUp("shardId-2", at, records[len(records)-1:])
	m.putObject(t, last, body)
	m.putObject(t, "aws/lambda/damaged", []byte("{"))

	report, err := m.relay.Redrive(t.Context(), deadLetters)
	if err != nil || report.Remaining != 2 || report.Published == 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if keys := m.keys(t); !slices.Equal(keys, []string{key, "aws/lambda/damaged"}) {
		t.Errorf("%q stay", keys)
	}
	m.await(t, dsync.UserCreated, users[0])
	m.await(t, dsync.UserCreated, users[2])
	if n := m.waiting(t); n != "0" {
		t.Errorf("%s records are parked by the redrive", n)
	}

	// The code that reads the record is mended.
	_, body = givenUp("shardId-1", at, records[:len(records)-1])
	m.putObject(t, key, body)
	m.redrive(t, relay.Report{Published: 1, Remaining: 1})
	m.await(t, dsync.UserCreated, users[1])
	if keys := m.keys(t); !slices.Equal(keys, []string{"aws/lambda/damaged"}) {
		t.Errorf("%q stay", keys)
	}
}

// slow lets a context run out of time after n calls of the bus.
func slow(n int32, cancel *atomic.Pointer[time.Time]) func(http.Handler) http.Handler {
	var calls atomic.Int32
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			if calls.Add(1) == n {
				now := time.Now()
				cancel.Store(&now)
			}
		})
	}
}

// deadline is a context whose deadline is near when ends is set.
type deadline struct {
	context.Context
	ends *atomic.Pointer[time.Time]
}

func (d deadline) Deadline() (time.Time, bool) {
	if at := d.ends.Load(); at != nil {
		return *at, true
	}
	return time.Now().Add(time.Hour), true
}

// When the time of an invocation runs out, the report says where to continue,
// and nothing is redriven twice.
func TestRedriveContinues(t *testing.T) {
	var ends atomic.Pointer[time.Time]
	m := idle(t, slow(2, &ends))
	var last string
	records := m.giveUp(t, func() string {
		m.connect(t, dsync.Projection{})
		for i := range 4 {
			last = m.create(t, session.Users, map[string]any{"userName": fmt.Sprint("user", i)})
		}
		return last
	})
	at := time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)
	users := records[len(records)-4:]
	for i, record := range users[1:] {
		key, body := givenUp("shardId-1", at.Add(time.Duration(i)*time.Second), []json.RawMessage{record})
		m.putObject(t, key, body)
	}
	m.sendMessage(t, relay.Message{Reason: "test", Record: users[0]})

	first, err := m.relay.Redrive(deadline{t.Context(), &ends}, deadLetters)
	if err != nil || first.Published != 2 || first.After == "" || len(m.keys(t)) != 2 {
		t.Errorf("the first call: %+v, %d objects, %v", first, len(m.keys(t)), err)
	}
	ended, err := m.relay.Redrive(deadline{t.Context(), &ends}, deadLetters)
	if err != nil || ended.Published != 0 || ended.After == "" {
		t.Errorf("a call without time: %+v, %v", ended, err)
	}
	next, err := m.relay.Redrive(t.Context(), relay.Request{DeadLetters: true, After: first.After})
	if want := (relay.Report{Published: 2}); err != nil || next != want || len(m.keys(t)) != 0 {
		t.Errorf("the next call: %+v, %v", next, err)
	}
	m.await(t, dsync.UserCreated, last)
	if all := m.until(t, "", func([]dsync.Event) bool { return true }); len(all) != 4 {
		t.Errorf("%d events", len(all))
	}
}

// What is published is what the log has under the id, and not the content of a
// message. An id that the log does not have in that directory publishes nothing.
func TestRedriveTrustsTheLogAlone(t *testing.T) {
	m := start(t, dsync.Projection{}, intact)
	user := m.create(t, session.Users, map[string]any{"userName": "ada"})
	all := m.await(t, dsync.UserCreated, user)
	real := all[len(all)-1]
	other, _ := dsynctest.Connect(t, m.table)
	forged := json.RawMessage(`{"object":"event","id":"` + real.ID + `","event":"dsync.user.deleted","data":{"id":"` + user + `"},"created_at":"2026-11-26T13:00:00.000Z","context":{}}`)
	letter := func(id, directory string) map[string]any {
		return map[string]any{"reason": "test", "event": map[string]any{"id": id, "event": dsync.UserDeleted, "directory_id": directory, "detail": forged}}
	}
	m.sendMessage(t, letter(real.ID, m.directory.ID))
	m.sendMessage(t, letter(real.ID, other.ID))
	m.sendMessage(t, letter("event_01ARZ3NDEKTSV4RRFFQ69G5FAV", m.directory.ID))
	m.sendMessage(t, relay.Message{Reason: "test", Object: "aws/lambda/x"})
	m.sendMessage(t, relay.Message{Reason: "test"})
	m.redrive(t, relay.Report{Published: 1, Remaining: 4})
	var again []dsync.Event
	m.until(t, "the event", func(now []dsync.Event) bool {
		again = slices.DeleteFunc(now, func(e dsync.Event) bool { return e.ID != real.ID })
		return len(again) > 1
	})
	if e := again[1]; e.Name != dsync.UserCreated || len(again) != 2 {
		t.Errorf("published %+v, %d times", e, len(again))
	}
}

// A record of any size is parked, and redriven with what it holds.
func TestParkedRecordsOfAllSizes(t *testing.T) {
	m := idle(t, intact)
	user := ""
	records := m.giveUp(t, func() string {
		m.connect(t, dsync.Projection{})
		user = m.create(t, session.Users, map[string]any{"userName": "ada"})
		return user
	})
	var record events.DynamoDBEventRecord
	if err := json.Unmarshal(records[len(records)-1], &record); err != nil {
		t.Fatal(err)
	}
	// Unknown attributes make a record large. A random one packs to three quarters.
	padded := func(attribute string) events.DynamoDBEventRecord {
		r := record
		r.Change.NewImage = map[string]events.DynamoDBAttributeValue{"doc": events.NewStringAttribute("no JSON"), "v": events.NewStringAttribute("no number"), "x": events.NewStringAttribute(attribute)}
		return r
	}
	for name, attribute := range map[string]string{
		"small": "", "packed": strings.Repeat("<large>", 60_000), "object": random(800_000), "no XML": "\uFFFE\uFFFF",
	} {
		r := padded(attribute)
		response, err := m.relay.Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{r}})
		if err != nil || len(response.BatchItemFailures) != 0 {
			t.Fatalf("%s: %v, %v", name, response, err)
		}
		l := m.letters(t, 1)[0]
		if (l.Record != nil) != (name == "small") || (l.RecordGzip != nil) != (name == "packed" || name == "no XML") || (l.Object != "") != (name == "object") {
			t.Errorf("%s: %.200v", name, l)
		}
		if len(m.keys(t)) != strings.Count(name, "object") {
			t.Errorf("%s: objects %q", name, m.keys(t))
		}
		m.redrive(t, relay.Report{Remaining: 1}) // still unreadable, and counted once
		m.queueTime.Add(int64(time.Hour))
		if l.Object != "" {
			out, err := m.objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(failureBucket), Key: &l.Object})
			if err != nil {
				t.Fatal(err)
			}
			packed, err := io.ReadAll(out.Body)
			if err != nil || !strings.HasPrefix(l.Object, "parked/") || !strings.HasSuffix(l.Object, ".json.gz") || len(packed) == 0 {
				t.Errorf("%s: %d bytes, %v", l.Object, len(packed), err)
			}
		}
		// The code that reads it is mended.
		body, err := json.Marshal(relay.Message{Reason: "mended", Record: records[len(records)-1], Object: l.Object})
		if err != nil {
			t.Fatal(err)
		}
		if l.Object != "" {
			m.putObject(t, l.Object, compressed(t, body))
		} else {
			m.emptyQueue(t)
			m.sendMessage(t, json.RawMessage(body))
		}
		report, err := m.relay.Redrive(t.Context(), deadLetters)
		if err != nil || report.Remaining != 0 || m.waiting(t) != "0" || len(m.keys(t)) != 0 {
			t.Errorf("%s, mended: %+v, %v; %s messages and objects %q stay", name, report, err, m.waiting(t), m.keys(t))
		}
	}
	m.await(t, dsync.UserCreated, user)
}

// random is text that hardly packs.
func random(n int) string {
	source := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(strconv.FormatUint(source.Uint64(), 36))
	}
	return b.String()[:n]
}

func compressed(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// emptyQueue deletes the visible messages.
func (m *machine) emptyQueue(t *testing.T) {
	t.Helper()
	out, err := m.queue.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &m.queueURL, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range out.Messages {
		if _, err := m.queue.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &m.queueURL, ReceiptHandle: message.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	}
}
