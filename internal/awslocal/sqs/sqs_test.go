package sqs_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/awslocal/awsconfig"
	localsqs "dsync/internal/awslocal/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

const name = "relay-dead-letters"

// fixture is an endpoint with queues and the SDK's client.
type fixture struct {
	*sqs.Client
	queues *localsqs.Queues
	url    *string

	mu  sync.Mutex
	now time.Time
}

func start(t *testing.T, file string) *fixture {
	t.Helper()
	f := &fixture{now: time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)}
	var err error
	f.queues, err = localsqs.Open(localsqs.Options{Names: []string{name, "jobs-dead-letters"}, Region: "eu-west-1", File: file, Now: func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.now
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f.queues)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = f.queues.Close() })
	f.url = aws.String(localsqs.URL(server.URL, name))
	f.Client = sqs.NewFromConfig(awsconfig.Config("eu-west-1", server.URL), func(o *sqs.Options) { o.RetryMaxAttempts = 1 })
	return f
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fixture) send(t *testing.T, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if _, err := f.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: f.url, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fixture) receive(t *testing.T, most int32) []types.Message {
	t.Helper()
	out, err := f.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: f.url, MaxNumberOfMessages: most, VisibilityTimeout: 60, WaitTimeSeconds: 20,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"ApproximateReceiveCount", "SentTimestamp"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

func (f *fixture) delete(t *testing.T, handle *string) {
	t.Helper()
	if _, err := f.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: f.url, ReceiptHandle: handle}); err != nil {
		t.Fatal(err)
	}
}

// counts returns how many messages are visible and how many are not.
func (f *fixture) counts(t *testing.T) string {
	t.Helper()
	out, err := f.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl:       f.url,
		AttributeNames: []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"] + "+" + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

func bodies(messages []types.Message) (all []string) {
	for _, m := range messages {
		all = append(all, aws.ToString(m.Body))
	}
	return all
}

func same(t *testing.T, messages []types.Message, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, bodies(messages)); diff != "" {
		t.Errorf("messages (-want +got)\n%s", diff)
	}
}

func TestVisibilityTimeout(t *testing.T) {
	f := start(t, "")
	f.send(t, "a", "b", "c")
	same(t, f.receive(t, 2), "a", "b")
	same(t, f.receive(t, 10), "c")
	if got := f.receive(t, 10); len(got) != 0 {
		t.Errorf("received invisible messages: %v", bodies(got))
	}
	if got := f.counts(t); got != "0+3" {
		t.Errorf("counts %s", got)
	}
	f.pass(61 * time.Second)
	if got := f.counts(t); got != "3+0" {
		t.Errorf("counts %s", got)
	}
	again := f.receive(t, 1)
	same(t, again, "a")
	if got := again[0].Attributes; got["ApproximateReceiveCount"] != "2" || got["SentTimestamp"] != "1795446000000" || len(got) != 2 {
		t.Errorf("attributes %v", got)
	}
}

func TestOnlyTheLatestReceiptHandleDeletes(t *testing.T) {
	f := start(t, "")
	f.send(t, "a", "b")
	first := f.receive(t, 2)
	f.pass(time.Hour)
	second := f.receive(t, 1)
	f.delete(t, first[0].ReceiptHandle) // succeeds without effect, as in SQS
	if got := f.counts(t); got != "1+1" {
		t.Errorf("an old receipt handle deleted the message: %s", got)
	}
	f.delete(t, second[0].ReceiptHandle)
	f.delete(t, second[0].ReceiptHandle)
	f.pass(time.Hour)
	same(t, f.receive(t, 10), "b")
}

func TestBatches(t *testing.T) {
	f := start(t, "")
	out, err := f.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: f.url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("good"), MessageBody: aws.String("a")},
		{Id: aws.String("bad"), MessageBody: aws.String("\x00")},
		{Id: aws.String("later"), MessageBody: aws.String("b"), DelaySeconds: 1},
		{Id: aws.String("too"), MessageBody: aws.String("ünal\t<&>\n😀")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var results []string
	for _, e := range out.Failed {
		results = append(results, aws.ToString(e.Id)+" "+aws.ToString(e.Code))
	}
	for _, e := range out.Successful {
		results = append(results, aws.ToString(e.Id))
	}
	if diff := cmp.Diff([]string{"bad InvalidMessageContents", "later AWS.SimpleQueueService.UnsupportedOperation", "good", "too"}, results); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got := f.receive(t, 10)
	same(t, got, "a", "ünal\t<&>\n😀")
	deleted, err := f.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: f.url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("1"), ReceiptHandle: got[0].ReceiptHandle},
		{Id: aws.String("2"), ReceiptHandle: aws.String("nonsense")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(deleted.Successful) != 1 || len(deleted.Failed) != 1 || aws.ToString(deleted.Failed[0].Code) != "ReceiptHandleIsInvalid" {
		t.Errorf("response %+v", deleted)
	}
	if got := f.counts(t); got != "0+1" {
		t.Errorf("counts %s", got)
	}
}

func TestQueuesAreSeparate(t *testing.T) {
	f := start(t, "")
	f.send(t, "a")
	if err := f.queues.Send("jobs-dead-letters", "of jobs"); err != nil {
		t.Fatal(err)
	}
	if err := f.queues.Send("no-such-queue", "x"); err == nil {
		t.Error("a queue that does not exist accepted a message")
	}
	same(t, f.receive(t, 10), "a")
	f.url = aws.String("https://elsewhere.example.com/000000000000/jobs-dead-letters") // only the name counts
	same(t, f.receive(t, 10), "of jobs")
}

func TestLimits(t *testing.T) {
	f := start(t, "")
	f.send(t, strings.Repeat("x", localsqs.MaxMessage))
	f.send(t, strings.Repeat("\"", localsqs.MaxMessage)) // twice as long in JSON
	half := aws.String(strings.Repeat("x", localsqs.MaxMessage/2))
	batch := func(n int, body *string, more ...types.SendMessageBatchRequestEntry) []types.SendMessageBatchRequestEntry {
		for i := range n {
			more = append(more, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint("n", i)), MessageBody: body})
		}
		return more
	}
	for _, entries := range [][]types.SendMessageBatchRequestEntry{batch(2, half), batch(localsqs.MaxBatch, aws.String("x"))} {
		if out, err := f.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: f.url, Entries: entries}); err != nil || len(out.Failed) > 0 {
			t.Errorf("at the limit: %+v, %v", out, err)
		}
	}
	if got := f.receive(t, localsqs.MaxBatch); len(got) != localsqs.MaxBatch {
		t.Errorf("received %d", len(got))
	}

	send := func(body string) error {
		_, err := f.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: f.url, MessageBody: &body})
		return err
	}
	sendBatch := func(entries []types.SendMessageBatchRequestEntry) error {
		_, err := f.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: f.url, Entries: entries})
		return err
	}
	receive := func(change func(*sqs.ReceiveMessageInput)) error {
		in := &sqs.ReceiveMessageInput{QueueUrl: f.url}
		change(in)
		_, err := f.ReceiveMessage(t.Context(), in)
		return err
	}
	for what, c := range map[string]struct {
		err  error
		code string
	}{
		"one byte more":       {send(strings.Repeat("x", localsqs.MaxMessage+1)), "InvalidParameterValue"},
		"far more":            {send(strings.Repeat("x", 10*localsqs.MaxMessage)), "AWS.SimpleQueueService.BatchRequestTooLong"},
		"nothing":             {send(""), "MissingParameter"},
		"a control character": {send("a\x01"), "InvalidMessageContents"},
		"batch too long":      {sendBatch(batch(2, half, types.SendMessageBatchRequestEntry{Id: aws.String("a"), MessageBody: aws.String("x")})), "AWS.SimpleQueueService.BatchRequestTooLong"},
		"eleven":              {sendBatch(batch(localsqs.MaxBatch+1, aws.String("x"))), "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"},
		"empty batch":         {sendBatch([]types.SendMessageBatchRequestEntry{}), "AWS.SimpleQueueService.EmptyBatchRequest"},
		"ids not distinct":    {sendBatch(batch(2, aws.String("x"), batch(1, aws.String("x"))...)), "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"},
		"id":                  {sendBatch([]types.SendMessageBatchRequestEntry{{Id: aws.String("a b"), MessageBody: aws.String("x")}}), "AWS.SimpleQueueService.InvalidBatchEntryId"},
		"receive eleven":      {receive(func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = 11 }), "InvalidParameterValue"},
		"hide too long":       {receive(func(in *sqs.ReceiveMessageInput) { in.VisibilityTimeout = 43201 }), "InvalidParameterValue"},
		"wait too long":       {receive(func(in *sqs.ReceiveMessageInput) { in.WaitTimeSeconds = 21 }), "InvalidParameterValue"},
		"no queue":            {receive(func(in *sqs.ReceiveMessageInput) { in.QueueUrl = aws.String("http://x/000000000000/other") }), "AWS.SimpleQueueService.NonExistentQueue"},
	} {
		var api interface{ ErrorCode() string }
		if !errors.As(c.err, &api) || api.ErrorCode() != c.code {
			t.Errorf("%s: %v, want %s", what, c.err, c.code)
		}
	}
	var none *types.QueueDoesNotExist
	if err := receive(func(in *sqs.ReceiveMessageInput) { in.QueueUrl = aws.String("other") }); !errors.As(err, &none) {
		t.Errorf("%T is not the SDK's QueueDoesNotExist", err)
	}
}

// Unsupported features are rejected, not ignored.
func TestUnsupportedFeatures(t *testing.T) {
	f := start(t, "")
	body := aws.String("x")
	_, attributes := f.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: f.url, MessageBody: body, MessageAttributes: map[string]types.MessageAttributeValue{
		"a": {DataType: aws.String("String"), StringValue: body},
	}})
	_, group := f.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: f.url, MessageBody: body, MessageGroupId: body})
	_, purge := f.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: f.url})
	for what, err := range map[string]error{"message attributes": attributes, "message groups": group, "PurgeQueue": purge} {
		var unsupported *types.UnsupportedOperation
		if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Messages survive a kill -9: the test does not close the queues.
func TestMessagesOutliveTheProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead-letters.ndjson")
	f := start(t, file)
	f.send(t, "a", "b\n", "c")
	f.delete(t, f.receive(t, 1)[0].ReceiptHandle)
	torn, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString(`{"queue":"relay-dead-letters","id":"x","bo`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f = start(t, file)
		same(t, f.receive(t, 10), "b\n", "c")
	}
	f.send(t, "d")
	same(t, start(t, file).receive(t, 10), "b\n", "c", "d")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "\n") != 3 || strings.Contains(string(text), "deleted") {
		t.Errorf("deleted messages are still in the file: %s", text)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestOpenRejectsAnotherFile(t *testing.T) {
	for _, text := range []string{"no JSON\n", "{}\n", `{"requestContext":{}}` + "\n"} {
		file := filepath.Join(t.TempDir(), "dead-letters.ndjson")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := localsqs.Open(localsqs.Options{Names: []string{name}, File: file}); err == nil || !strings.Contains(err.Error(), "line 1 of "+file) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Concurrent consumers receive each message once.
func TestConcurrentConsumers(t *testing.T) {
	f := start(t, "")
	const n = 50
	for i := range n {
		f.send(t, fmt.Sprint(i))
	}
	var mu sync.Mutex
	times := map[string]int{}
	var readers sync.WaitGroup
	for range 5 {
		readers.Go(func() {
			for range n / 5 {
				for _, m := range f.receive(t, 3) {
					mu.Lock()
					times[*m.Body]++
					mu.Unlock()
				}
			}
		})
	}
	readers.Wait()
	for i := range n {
		if got := times[fmt.Sprint(i)]; got != 1 {
			t.Errorf("message %d was received %d times", i, got)
		}
	}
}

// A message that is visible again is received at once, as often as it is released.
func TestChangeVisibility(t *testing.T) {
	f := start(t, "")
	f.send(t, "a")
	change := func(handle *string, seconds int32) error {
		_, err := f.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: f.url, ReceiptHandle: handle, VisibilityTimeout: seconds})
		return err
	}
	first := f.receive(t, 1)[0].ReceiptHandle
	if len(f.receive(t, 1)) != 0 || change(first, 0) != nil {
		t.Fatal("the message is not in flight")
	}
	again := f.receive(t, 1)
	if len(again) != 1 {
		t.Fatal("the message is not visible again")
	}
	f.pass(50 * time.Second)
	if err := change(again[0].ReceiptHandle, 30); err != nil {
		t.Error(err)
	}
	f.pass(29 * time.Second)
	if n := len(f.receive(t, 1)); n != 0 {
		t.Errorf("%d messages after 79 of 80 seconds", n)
	}
	f.pass(time.Second)
	for name, want := range map[*string]string{first: "MessageNotInflight", again[0].ReceiptHandle: "MessageNotInflight", aws.String("x"): "ReceiptHandleIsInvalid"} {
		if err := change(name, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", *name, err, want)
		}
	}
}
