package eventsource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/awslocal/eventsource"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// version writes a version of an item. Each is a stream record.
func (s *stream) version(t *testing.T, sk string, v int) {
	t.Helper()
	if _, err := s.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &s.table, Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "D#01KB0000000000000000000000"}, "sk": &types.AttributeValueMemberS{Value: sk},
		"v": &types.AttributeValueMemberN{Value: fmt.Sprint(v)}, "doc": &types.AttributeValueMemberB{Value: []byte("a compressed document")},
	}}); err != nil {
		t.Fatal(err)
	}
}

func versionOf(r events.DynamoDBEventRecord) string {
	return r.Change.Keys["sk"].String() + " " + r.Change.NewImage["v"].Number()
}

func isPoison(r events.DynamoDBEventRecord) bool {
	return strings.Contains(r.Change.Keys["pk"].String(), eventsource.PoisonMark)
}

// received is a function that keeps the records which it received.
type received struct {
	mu      sync.Mutex
	records []events.DynamoDBEventRecord
	batches int
	at      map[string]int // invocations in progress for each item
	clashes int            // of two invocations with the same item
	most    int            // invocations at the same time
	now     int
}

func (r *received) answer(_ context.Context, batch []events.DynamoDBEventRecord) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]int{}
	}
	r.now++
	r.batches++
	r.most = max(r.most, r.now)
	items := map[string]bool{}
	for _, x := range batch {
		r.records = append(r.records, x)
		items[x.Change.Keys["sk"].String()] = true
	}
	for i := range items {
		if r.at[i]++; r.at[i] > 1 {
			r.clashes++
		}
	}
	r.mu.Unlock()
	time.Sleep(time.Millisecond) // lets other invocations begin
	r.mu.Lock()
	r.now--
	for i := range items {
		r.at[i]--
	}
	return nil, nil
}

// of returns the function of a stream.
func (r *received) of(s *stream) func(context.Context, []events.DynamoDBEventRecord) ([]byte, error) {
	return func(ctx context.Context, batch []events.DynamoDBEventRecord) ([]byte, error) {
		defer s.notify()
		return r.answer(ctx, batch)
	}
}

// versions returns the distinct real records in the order of their first
// delivery.
func (r *received) versions() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for _, x := range r.records {
		if !isPoison(x) && !seen[x.EventID] {
			seen[x.EventID] = true
			all = append(all, versionOf(x))
		}
	}
	return all
}

// write writes versions of items, one item after the other.
func (s *stream) write(t *testing.T, items, versions int) {
	for v := 1; v <= versions; v++ {
		for _, key := range users(1, items) {
			s.version(t, key, v)
		}
	}
}

// inOrderPerItem checks that each item has all its versions, in order.
func inOrderPerItem(t *testing.T, all []string, items, versions int) {
	t.Helper()
	next := map[string]int{}
	for _, x := range all {
		item, v, _ := strings.Cut(x, " ")
		if next[item]++; fmt.Sprint(next[item]) != v {
			t.Errorf("%s has version %s at place %d", item, v, next[item])
		}
	}
	if len(all) != items*versions {
		t.Errorf("%d records, want %d", len(all), items*versions)
	}
}

func TestParallelBatchesKeepTheOrderOfAnItem(t *testing.T) {
	s := newStream(t)
	s.options.Configuration.Parallelization, s.options.Configuration.BatchSize = 4, 5
	f := &received{}
	s.answer = f.of(s)
	s.write(t, 20, 5)
	s.run(t)
	s.await(t, "every record", func() bool { return len(f.versions()) == 100 })
	inOrderPerItem(t, f.versions(), 20, 5)
	if f.most < 2 || f.most > 4 || f.clashes > 0 {
		t.Errorf("at most %d batches at a time, %d with the same item", f.most, f.clashes)
	}
}

func TestParallelizationFactor(t *testing.T) {
	s := newStream(t)
	for n, valid := range map[int]bool{-1: false, 0: true, 1: true, 10: true, 11: false} {
		s.options.Configuration.Parallelization = n
		if _, err := eventsource.New(s.options); (err == nil) != valid {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// Siblings split one partition by the sort key. Their sequence numbers have AWS's
// form, grow within an item, and are the same when a record is read again.
func TestSiblings(t *testing.T) {
	s := newStream(t)
	counts := map[string]int{}
	var mu sync.Mutex
	s.options.Faults = &eventsource.Faults{
		Seed: 1, Siblings: 4, SplitAfter: 20, Delay: 20 * time.Millisecond, Shuffle: 60,
		OnFault: func(f string) { mu.Lock(); defer mu.Unlock(); counts[f]++ },
	}
	s.options.Configuration.Parallelization, s.options.Configuration.BatchSize = 2, 5
	s.write(t, 20, 10)
	numbers := map[string]string{} // event ID → sequence number
	for round := range 2 {
		f := &received{}
		s.answer = f.of(s)
		stop := s.run(t)
		s.await(t, "every record", func() bool { return len(f.versions()) == 200 })
		stop()
		all := f.versions()
		inOrderPerItem(t, all, 20, 10)
		if slices.IsSortedFunc(all, func(a, b string) int { return strings.Compare(a[6:]+a[:5], b[6:]+b[:5]) }) {
			t.Error("the records of different items are in the order of the stream")
		}
		last := map[string]*big.Int{}
		lengths := map[int]bool{}
		for _, r := range f.records {
			key, number := r.Change.Keys["sk"].String(), r.Change.SequenceNumber
			if known, again := numbers[r.EventID]; again && known != number {
				t.Errorf("round %d: record %s had the number %s, now %s", round, r.EventID, known, number)
			}
			numbers[r.EventID] = number
			n, ok := new(big.Int).SetString(number, 10)
			if !ok || len(number) < 21 || len(number) > 40 {
				t.Fatalf("sequence number %q", number)
			}
			if last[key] != nil {
				if step := new(big.Int).Sub(n, last[key]); len(step.String()) < 20 || step.Sign() < 0 {
					t.Errorf("%s: the number grows by %s", key, step)
				}
			}
			last[key] = n
			lengths[len(number)] = true
		}
		if len(lengths) < 3 {
			t.Errorf("the sequence numbers of four siblings have %d lengths", len(lengths))
		}
	}
	if len(numbers) != 200 {
		t.Errorf("%d event IDs", len(numbers))
	}
	for _, fault := range []string{eventsource.ShardSplit, eventsource.ShardDelayed, eventsource.OrderChanged} {
		if counts[fault] == 0 {
			t.Errorf("not injected: %s", fault)
		}
	}
}

// Poison comes with records, names items that do not exist, and is the same when
// it is read again. A function can decode it.
func TestPoison(t *testing.T) {
	s := newStream(t)
	s.options.Faults = &eventsource.Faults{Siblings: 2, Poison: 50}
	s.write(t, 10, 10)
	content := map[string]string{}
	for range 2 {
		f := &received{}
		s.answer = f.of(s)
		stop := s.run(t)
		s.await(t, "every record", func() bool { return len(f.versions()) == 100 })
		stop()
		poison := 0
		for _, r := range f.records {
			if !isPoison(r) {
				continue
			}
			poison++
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if known, again := content[r.EventID]; again && known != string(text) {
				t.Errorf("poison %s has two contents", r.EventID)
			}
			content[r.EventID] = string(text)
			if strings.Contains(string(text), "01KB0000000000000000000000") {
				t.Errorf("poison names a real directory: %s", text)
			}
		}
		if poison < 20 || poison > 80 {
			t.Errorf("%d poison records for 100 real ones", poison)
		}
	}
}

func TestBatchesAreDeliveredTwice(t *testing.T) {
	s := newStream(t)
	s.options.Faults = &eventsource.Faults{Twice: 50}
	s.options.Configuration.BatchSize = 1
	f := &received{}
	s.answer = f.of(s)
	s.write(t, 10, 4)
	stop := s.run(t)
	s.await(t, "every record", func() bool { return len(f.versions()) == 40 })
	stop()
	if len(f.records) < 50 || len(f.records) > 70 || f.most != 2 {
		t.Errorf("40 records were delivered %d times, at most %d at a time", len(f.records), f.most)
	}
}

// A discarded batch has the event that the function received, as a string.
func TestPayloadOfADiscardedBatch(t *testing.T) {
	r := eventsource.InvocationRecord{Payload: []byte(`{"Records":[]}`)}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"payload":"{\"Records\":[]}"`) || strings.Contains(string(text), "responseContext") {
		t.Errorf("record %s", text)
	}
	var again eventsource.InvocationRecord
	if err := json.Unmarshal(text, &again); err != nil || string(again.Payload) != string(r.Payload) {
		t.Errorf("payload %s, error %v", again.Payload, err)
	}
	r.Payload = nil
	if text, _ = json.Marshal(r); strings.Contains(string(text), "payload") {
		t.Errorf("record without a payload: %s", text)
	}
}

// A mapping is drained when it has processed what was written, and not before.
func TestDrained(t *testing.T) {
	s := newStream(t)
	s.put(t, users(1, 3)...)
	release := make(chan struct{})
	s.answer = func(context.Context, []events.DynamoDBEventRecord) ([]byte, error) { <-release; return nil, nil }
	m, err := eventsource.New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	s.awaitKey(t, "U#003")
	if m.Drained() {
		t.Error("drained before the function has responded")
	}
	close(release)
	for !m.Drained() {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A record that keeps failing does not take the processed records of other
// siblings with it when the process ends.
func TestRestartRepeatsUnprocessedRecordsOnly(t *testing.T) {
	s := newStream(t)
	s.options.Checkpoint = filepath.Join(t.TempDir(), "checkpoint.json")
	s.options.Faults = &eventsource.Faults{Siblings: 4}
	s.options.Configuration.BatchSize, s.options.Configuration.MaximumRetryAttempts = 1, -1
	s.answer = func(_ context.Context, batch []events.DynamoDBEventRecord) ([]byte, error) {
		if batch[0].Change.Keys["sk"].String() == "U#001" {
			return failures(batch[0].Change.SequenceNumber), nil
		}
		return nil, nil
	}
	s.put(t, users(1, 30)...)
	stop := s.run(t)
	// The records of the first one's lane wait for it, and its sibling has one lane.
	s.await(t, "the records of other siblings", func() bool { return len(distinct(s.seen())) > 15 })
	stop()
	before := distinct(s.seen())
	s.mu.Lock()
	s.batches, s.answer = nil, nil
	s.mu.Unlock()
	s.run(t)
	s.await(t, "the other records", func() bool { return len(before)+len(distinct(s.seen())) > 30 })
	again := s.seen()
	slices.Sort(again)
	if want := []string{"U#001"}; !slices.Equal(before[:1], want) {
		t.Fatalf("first records %v", before)
	}
	for _, key := range again {
		if key != "U#001" && slices.Contains(before, key) {
			t.Errorf("%s was processed again", key)
		}
	}
}

func distinct(keys []string) []string {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	return slices.Compact(keys)
}
