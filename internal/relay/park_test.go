package relay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/relay"
	"dsync/internal/scim/query"
	"dsync/internal/session"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

var listAll = query.Query{StartIndex: 1, Count: 10}

// logged compares the directory's log with the names that it must have.
func (m *machine) logged(t *testing.T, want []string) (all []dsync.Event) {
	t.Helper()
	all = dsynctest.ReadLog(t, m.log, eventlog.Query{DirectoryID: m.directory.ID, Limit: 100})
	var got []string
	for _, e := range all {
		got = append(got, e.Name)
	}
	if diff := cmp.Diff(want, got); want != nil && diff != "" {
		t.Errorf("the log: %s", diff)
	}
	return all
}

// letters waits for n messages in the dead-letter queue, and leaves them there.
func (m *machine) letters(t *testing.T, n int) (all []relay.Message) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); m.waiting(t) != fmt.Sprint(n); {
		if time.Now().After(deadline) {
			t.Fatalf("%s letters, want %d", m.waiting(t), n)
		}
	}
	out, err := m.queue.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &m.queueURL, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	m.queueTime.Add(int64(time.Hour)) // what was received is visible again
	for _, message := range out.Messages {
		var l relay.Message
		if err := json.Unmarshal([]byte(*message.Body), &l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

func (m *machine) waiting(t *testing.T) string {
	t.Helper()
	out, err := m.queue.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &m.queueURL, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessages)]
}

// refusing refuses entries that hold the word, for good, while it is told to.
func refusing(word string, on *atomic.Bool) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if on.Load() {
				// EventBridge refuses the entry, not the call.
				var in struct{ Entries []map[string]any }
				_ = json.Unmarshal(body, &in)
				for _, e := range in.Entries {
					if strings.Contains(e["Detail"].(string), word) {
						e["Detail"] = "no JSON"
					}
				}
				body, _ = json.Marshal(in)
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			h.ServeHTTP(w, r)
		})
	}
}

// An event that the bus refuses for good is parked, the others go on, and
// redriving publishes it under its id.
func TestParkedEvent(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	m := start(t, dsync.Projection{}, refusing("poison", &on))
	m.create(t, session.Users, map[string]any{"userName": "first"})
	bad := m.create(t, session.Users, map[string]any{"userName": "poison"})
	last := m.create(t, session.Users, map[string]any{"userName": "last"})
	m.await(t, dsync.UserCreated, last)
	queue := m.letters(t, 1)
	if queue[0].Event == nil || queue[0].Event.Name != dsync.UserCreated || !strings.Contains(queue[0].Reason, "MalformedDetail") {
		t.Fatalf("%+v", queue)
	}
	parked := *queue[0].Event
	if n := strings.Count(m.metrics.String(), `"EventsParked":1`); n != 1 {
		t.Errorf("%d metrics of parked events", n)
	}

	if report, err := m.relay.Redrive(t.Context(), relay.Request{DeadLetters: true}); err != nil || report.Remaining != 1 || report.Published != 0 {
		t.Errorf("while the bus still refuses it: %+v, %v", report, err)
	}
	on.Store(false)
	// The alarm counts the message again at once, and the next request tries it.
	if n := m.waiting(t); n != "1" {
		t.Errorf("%s messages are visible", n)
	}
	other, err := m.queue.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &m.queueURL, VisibilityTimeout: 60})
	if err != nil || len(other.Messages) != 1 {
		t.Fatal(len(other.Messages), err)
	}
	if report, err := m.relay.Redrive(t.Context(), relay.Request{DeadLetters: true}); err != nil || report != (relay.Report{InFlight: 1}) {
		t.Errorf("while another request holds it: %+v, %v", report, err)
	}
	m.queueTime.Add(int64(time.Minute))
	if report, err := m.relay.Redrive(t.Context(), relay.Request{DeadLetters: true}); err != nil || report != (relay.Report{Published: 1}) {
		t.Errorf("%+v, %v", report, err)
	}
	all := m.await(t, dsync.UserCreated, bad)
	if e := all[len(all)-1]; e.ID != parked.ID || e.Data["id"] != bad {
		t.Errorf("redriven as %s about %v, was %s", e.ID, e.Data["id"], parked.ID)
	}
	if n := m.waiting(t); n != "0" {
		t.Errorf("%s letters are left", n)
	}
	m.logged(t, []string{dsync.TokenCreated, dsync.DirectoryActivated, dsync.UserCreated, dsync.UserCreated, dsync.UserCreated})
}

// A record of which no event can be made is parked as it is, and the stream
// goes on. When it can be read, redriving makes its event.
func TestParkedRecord(t *testing.T) {
	m := start(t, dsync.Projection{}, intact)
	user := m.create(t, session.Users, map[string]any{"userName": "ada"})
	m.await(t, dsync.UserCreated, user)
	for _, doc := range []string{"no JSON", `{"userName":"ada","active":true}`} {
		_, err := m.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &m.tableName,
			Key: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "D#" + m.directory.ID[len("directory_"):]},
				"sk": &types.AttributeValueMemberS{Value: "U#" + user[len("directory_user_"):]},
			},
			UpdateExpression:          aws.String("SET doc = :doc"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":doc": &types.AttributeValueMemberS{Value: doc}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	last := m.create(t, session.Users, map[string]any{"userName": "last"})
	m.await(t, dsync.UserCreated, last)
	queue := m.letters(t, 2)
	// Neither the step to what cannot be read nor the one from it is an event.
	if queue[0].Record == nil || queue[1].Record == nil {
		t.Fatalf("%+v", queue)
	}
	report, err := m.relay.Redrive(t.Context(), relay.Request{DeadLetters: true})
	if err != nil || report.Remaining != 2 {
		t.Errorf("%+v, %v", report, err)
	}

	// The operator mends the letter, or the code that reads it.
	mended := bytes.ReplaceAll(queue[0].Record, []byte(`"no JSON"`), []byte(`"{\"userName\":\"ada\",\"title\":\"x\"}"`))
	body, err := json.Marshal(relay.Message{Reason: "mended", Record: mended})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.queue.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &m.queueURL, MessageBody: aws.String(string(body))}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if report, err = m.relay.Redrive(t.Context(), relay.Request{DeadLetters: true}); err != nil {
			t.Fatal(err)
		}
	}
	m.await(t, dsync.UserUpdated, user)
	m.logged(t, []string{dsync.TokenCreated, dsync.DirectoryActivated, dsync.UserCreated, dsync.UserCreated, dsync.UserUpdated})
}

// An event above the limit goes without its raw attributes and says so, on the
// bus and in the log.
func TestOversized(t *testing.T) {
	m := start(t, dsync.Projection{}, intact)
	emails := func(letter string) (list []any) {
		for i := range 29 {
			list = append(list, map[string]any{"type": "other", "value": fmt.Sprintf("%s%d@%s.com", letter, i, strings.Repeat(letter, 4000))})
		}
		return list
	}
	user := m.create(t, session.Users, map[string]any{"userName": "ada", "emails": emails("a")})
	list, err := json.Marshal(emails("b"))
	if err != nil {
		t.Fatal(err)
	}
	m.patch(t, session.Users, user, `{"op":"Replace","path":"emails","value":`+string(list)+`}`)
	all := m.await(t, dsync.UserUpdated, user)
	e := all[len(all)-1]
	if !slices.Equal(e.Context.Truncated, []string{"raw_attributes"}) || len(e.Data["raw_attributes"].(map[string]any)) != 0 {
		t.Errorf("truncated %v", e.Context.Truncated)
	}
	if custom := e.Data["custom_attributes"].(map[string]any); len(custom["emails"].([]any)) != 29 {
		t.Errorf("%d e-mails", len(custom["emails"].([]any)))
	}
	logged := m.logged(t, []string{dsync.TokenCreated, dsync.DirectoryActivated, dsync.UserCreated, dsync.UserUpdated})
	if diff := cmp.Diff(e, logged[3]); diff != "" {
		t.Errorf("the log has another event: %s", diff)
	}
}

// Any range of the log can be published again, under the same ids.
func TestRedriveRange(t *testing.T) {
	m := start(t, dsync.Projection{}, intact)
	_, last := m.live(t, 3)
	before := m.await(t, dsync.GroupDeleted, last)
	order := relay.Request{DirectoryID: m.directory.ID, RangeStart: time.Now().Add(-time.Hour), Events: []string{dsync.UserDeleted, dsync.GroupUserAdded}}
	report, err := m.relay.Redrive(t.Context(), order)
	if err != nil || report.Published != 9 || report.After != "" {
		t.Errorf("%+v, %v", report, err)
	}
	known := map[string]bool{}
	for _, e := range before {
		known[e.ID] = true
	}
	all := m.until(t, "not all came", func(all []dsync.Event) bool { return len(all) == len(before)+9 })
	previous := int64(0)
	for _, e := range all[len(before):] {
		if !known[e.ID] || e.Context.Sequence <= previous {
			t.Errorf("%s %s with the sequence %d came again after %d", e.Name, e.ID, e.Context.Sequence, previous)
		}
		previous = e.Context.Sequence
	}
	for _, bad := range []relay.Request{{}, {DeadLetters: true, RangeStart: time.Now()}, {DeadLetters: true, DirectoryID: "x"}, {DeadLetters: true, After: "queue", Events: []string{"x"}}, {RangeStart: time.Now(), RangeEnd: time.Now().Add(-time.Hour)}} {
		if _, err := m.relay.Redrive(t.Context(), bad); err == nil {
			t.Errorf("%+v is carried out", bad)
		}
	}
	if len(m.until(t, "", func([]dsync.Event) bool { return true })) != len(all) {
		t.Error("a refused order published something")
	}
}
