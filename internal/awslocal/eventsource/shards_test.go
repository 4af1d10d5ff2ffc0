package eventsource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

// scripted is a stream endpoint that splits and closes shards, trims records
// and expires iterators. DynamoDB Local cannot do that on request. An iterator
// is "<shard> <index>".
type scripted struct {
	mu      sync.Mutex
	shards  []scriptedShard
	trimmed string // a sequence number that was trimmed
	expire  int    // how many calls of GetRecords return an expired iterator error
	deleted string // a shard that no longer exists
	open    map[string]bool
	ended   []string // shards that were read to their end
	early   []string // shards that were read before their parent had ended
	pages   int      // records that were returned
}

type scriptedShard struct {
	id, parent string
	keys       []string
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct{ ShardId, SequenceNumber, ShardIterator, ExclusiveStartShardId string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var out any
	switch operation {
	case "DescribeStream": // one shard a page
		i := slices.IndexFunc(s.shards, func(sh scriptedShard) bool { return sh.id == in.ExclusiveStartShardId }) + 1
		shard := map[string]any{"ShardId": s.shards[i].id}
		if s.shards[i].parent != "" {
			shard["ParentShardId"] = s.shards[i].parent
		}
		description := map[string]any{"Shards": []any{shard}}
		if i < len(s.shards)-1 {
			description["LastEvaluatedShardId"] = s.shards[i].id
		}
		out = map[string]any{"StreamDescription": description}
	case "GetShardIterator":
		next := 0
		if in.SequenceNumber != "" {
			if in.SequenceNumber == s.trimmed {
				refuse(w, "TrimmedDataAccessException")
				return
			}
			last, _ := strconv.Atoi(in.SequenceNumber)
			next = last%100 + 1
		}
		for _, sh := range s.shards {
			listed := slices.ContainsFunc(s.shards, func(p scriptedShard) bool { return p.id == sh.parent })
			if sh.id == in.ShardId && listed && !slices.Contains(s.ended, sh.parent) {
				s.early = append(s.early, sh.id)
			}
		}
		out = map[string]any{"ShardIterator": fmt.Sprintf("%s %d", in.ShardId, next)}
	case "GetRecords":
		if s.expire > 0 {
			s.expire--
			refuse(w, "ExpiredIteratorException")
			return
		}
		var id string
		var next int
		_, _ = fmt.Sscanf(in.ShardIterator, "%s %d", &id, &next)
		if id == s.deleted {
			refuse(w, "ResourceNotFoundException")
			return
		}
		i := slices.IndexFunc(s.shards, func(sh scriptedShard) bool { return sh.id == id })
		answer := map[string]any{"Records": []any{}}
		if keys := s.shards[i].keys; next < len(keys) { // one record a page
			answer["Records"] = []any{map[string]any{"eventName": "INSERT", "dynamodb": map[string]any{
				"SequenceNumber": fmt.Sprintf("%021d", 100*(i+1)+next),
				"Keys":           map[string]any{"sk": map[string]any{"S": keys[next]}},
			}}}
			next++
			s.pages++
		}
		if next < len(s.shards[i].keys) || s.open[id] {
			answer["NextShardIterator"] = fmt.Sprintf("%s %d", id, next)
		} else {
			s.ended = append(s.ended, id)
		}
		out = answer
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(out)
}

func refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": code})
}

// Do serves the requests of an SDK client without a network, so that a test can
// run in a synctest bubble.
func (s *scripted) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func (s *scripted) stream(t *testing.T) *stream {
	t.Helper()
	st := &stream{}
	st.configure(t)
	st.options.Streams = dynamodbstreams.NewFromConfig(sdk("http://localhost"), func(o *dynamodbstreams.Options) { o.HTTPClient = s })
	st.options.StreamARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000"
	return st
}

func TestParentsBeforeChildren(t *testing.T) {
	script := &scripted{
		shards: []scriptedShard{ // children first; the parent of the root is no longer in the stream
			{"shardId-0000000000000000-right", "shardId-0000000000000000-root", []string{"U#3"}},
			{"shardId-0000000000000000-left", "shardId-0000000000000000-root", []string{"U#4"}},
			{"shardId-0000000000000000-root", "shardId-0000000000000000-trimmed", []string{"U#1", "UN#x", "U#2"}},
		},
		open: map[string]bool{"shardId-0000000000000000-right": true, "shardId-0000000000000000-left": true},
	}
	s := script.stream(t)
	s.run(t)
	s.awaitKey(t, "U#3")
	s.awaitKey(t, "U#4")
	if seen := s.seen(); !slices.Equal(seen[:2], []string{"U#1", "U#2"}) {
		t.Errorf("seen %v", seen)
	}
	script.mu.Lock()
	defer script.mu.Unlock()
	if len(script.early) > 0 {
		t.Errorf("read before their parent had ended: %v", script.early)
	}
}

func TestExpiredIteratorIsReplaced(t *testing.T) {
	script := &scripted{shards: []scriptedShard{{"shardId-0000000000000000-a", "", []string{"U#1", "U#2"}}}, expire: 2}
	s := script.stream(t)
	s.run(t)
	s.awaitKey(t, "U#2")
	s.same(t, "U#1", "U#2")
}

func TestTrimmedPositionStartsAtTheHorizon(t *testing.T) {
	script := &scripted{
		shards: []scriptedShard{{"shardId-0000000000000000-a", "", []string{"U#1"}}},
		open:   map[string]bool{"shardId-0000000000000000-a": true},
	}
	s := script.stream(t)
	s.options.Checkpoint = t.TempDir() + "/checkpoint.json"
	stop := s.run(t)
	s.awaitKey(t, "U#1")
	stop()

	script.mu.Lock()
	script.trimmed = fmt.Sprintf("%021d", 100)
	script.shards[0].keys = []string{"U#8", "U#9"}
	script.mu.Unlock()
	s.run(t)
	s.awaitKey(t, "U#9")
	s.same(t, "U#1", "U#8", "U#9")
}

func TestChildrenOfADeletedShardAreRead(t *testing.T) {
	script := &scripted{
		shards: []scriptedShard{
			{"shardId-0000000000000000-root", "", nil},
			{"shardId-0000000000000000-child", "shardId-0000000000000000-root", []string{"U#1"}},
		},
		deleted: "shardId-0000000000000000-root",
	}
	s := script.stream(t)
	s.run(t)
	s.awaitKey(t, "U#1")
}

func TestStopCompletesTheInvocationInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := &scripted{shards: []scriptedShard{{"shardId-0000000000000000-a", "", []string{"U#1", "U#2", "U#3"}}}}
		s := script.stream(t)
		s.options.Checkpoint = t.TempDir() + "/checkpoint.json"
		entered, leave := make(chan bool), make(chan bool)
		s.answer = func(ctx context.Context, _ []events.DynamoDBEventRecord) ([]byte, error) {
			entered <- true
			<-leave
			return nil, ctx.Err()
		}
		stop := s.run(t)
		<-entered
		stopped := make(chan bool)
		go func() { stop(); close(stopped) }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("stopped with an invocation in progress")
		default:
		}
		leave <- true
		<-stopped
		s.same(t, "U#1")

		s.answer = nil
		s.run(t)
		s.awaitKey(t, "U#3")
		s.same(t, "U#1", "U#2", "U#3")
	})
}

// A mapping with one batch at a time reads no page before the page before it was
// processed. Parallel batches read ahead, up to a limit.
func TestReadingAheadIsBounded(t *testing.T) {
	for factor, want := range map[int]int{1: 1, 2: 2*pagesAhead + 1} {
		synctest.Test(t, func(t *testing.T) {
			script := &scripted{shards: []scriptedShard{{"shardId-0000000000000000-a", "", users(1, 50)}}}
			s := script.stream(t)
			s.options.Configuration.Parallelization, s.options.Configuration.BatchSize = factor, 1
			leave := make(chan bool)
			s.answer = func(context.Context, []events.DynamoDBEventRecord) ([]byte, error) { <-leave; return nil, nil }
			s.run(t)
			synctest.Wait()
			script.mu.Lock()
			if script.pages != want {
				t.Errorf("parallelization factor %d: %d pages were read, want %d", factor, script.pages, want)
			}
			script.mu.Unlock()
			close(leave)
			s.awaitKey(t, "U#050")
		})
	}
}

const pagesAhead = 4 // of a lane, in batches
