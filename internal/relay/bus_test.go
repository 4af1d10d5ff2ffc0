package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// plain is an entry of about that many bytes.
func plain(n, size int, about subjects) entry {
	e := entry{about: about, at: modelTime}
	e.ID, e.Name, e.DirectoryID = fmt.Sprint("event_", n), dsync.UserUpdated, modelDirectory
	e.Detail = []byte(strings.Repeat("x", max(size-len(e.Name)-len(Source)-14, 0)))
	return e
}

// A call has at most 10 entries and 256 KB. In one call the order of the events
// is open, so events whose order matters are in two.
func TestBatchSize(t *testing.T) {
	of := func(list ...subjects) (entries []entry) {
		for n, about := range list {
			entries = append(entries, plain(n, 100, about))
		}
		return entries
	}
	user, other := subjects{user: "u1"}, subjects{user: "u2"}
	group, directory := subjects{group: "g1"}, subjects{directory: true}
	edge, elsewhere := subjects{user: "u1", group: "g1"}, subjects{user: "u2", group: "g1"}
	var many []subjects
	for n := range 11 {
		many = append(many, subjects{user: fmt.Sprint("u", n)})
	}
	sized := func(sizes ...int) (entries []entry) {
		for n, size := range sizes {
			entries = append(entries, plain(n, size, subjects{user: fmt.Sprint(n)}))
		}
		return entries
	}
	for name, row := range map[string]struct {
		entries []entry
		want    int
	}{
		"ten entries":                        {of(many[:10]...), 10},
		"eleven entries":                     {of(many...), 10},
		"256 KB":                             {sized(100<<10, 156<<10), 2},
		"256 KB and a byte":                  {sized(100<<10, 156<<10+1), 1},
		"one that is too large":              {sized(256<<10+1, 100), 1},
		"two users":                          {of(user, other), 2},
		"a user twice":                       {of(user, user), 1},
		"a group twice":                      {of(group, group), 1},
		"a user and a membership":            {of(user, edge), 1},
		"a group and a membership":           {of(group, edge), 1},
		"a membership and its user":          {of(edge, user), 1},
		"a membership and its group":         {of(edge, group), 1},
		"a membership twice":                 {of(edge, edge), 1},
		"two memberships of a group":         {of(edge, elsewhere), 2},
		"a user and the directory":           {of(user, directory), 1},
		"the directory and a user":           {of(directory, user), 1},
		"a user, and a membership elsewhere": {of(user, elsewhere), 2},
	} {
		if got := batchSize(row.entries); got != row.want {
			t.Errorf("%s: %d entries in a call, want %d", name, got, row.want)
		}
	}
}

// put is one PutEvents call as a fake of EventBridge saw it.
type put struct {
	details []string
	times   []float64
}

// answering is a bus whose entries have the error codes of results, one map per
// call, by position. refuse refuses the calls of more than one entry.
func answering(t *testing.T, refuse string, results ...map[int]string) (*Bus, *[]put) {
	var calls []put
	client := eventbridge.NewFromConfig(awsconfig.Config("us-east-1", "http://eventbridge.invalid"), func(o *eventbridge.Options) {
		o.RetryMaxAttempts = 1
		o.HTTPClient = roundTrip(func(r *http.Request) *http.Response {
			var in struct {
				Entries []struct {
					Detail string
					Time   float64
				}
			}
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				t.Error(err)
			}
			var call put
			for _, e := range in.Entries {
				call.details, call.times = append(call.details, e.Detail), append(call.times, e.Time)
			}
			calls = append(calls, call)
			if refuse != "" && len(in.Entries) > 1 {
				return answer(http.StatusBadRequest, map[string]any{"__type": refuse, "message": "no"})
			}
			out, failed := make([]map[string]any, len(in.Entries)), 0
			for i := range in.Entries {
				out[i] = map[string]any{"EventId": "1"}
				if n := len(calls) - 1; n < len(results) && results[n][i] != "" {
					out[i] = map[string]any{"ErrorCode": results[n][i], "ErrorMessage": "no"}
					failed++
				}
			}
			return answer(http.StatusOK, map[string]any{"FailedEntryCount": failed, "Entries": out})
		})
	})
	return NewBus(client, "dsync"), &calls
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r), nil }

func answer(status int, body any) *http.Response {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(string(b)))}
}

// An entry that fails is sent again, five times in all. One that EventBridge
// rejects for good is parked, and the others go on. What could not be parked is
// left, with what follows it.
func TestPutEvents(t *testing.T) {
	const throttled = "ThrottlingException"
	always := map[int]string{0: throttled, 1: throttled}
	for name, row := range map[string]struct {
		refuse  string
		results []map[int]string
		parking error // of parking
		calls   int
		sent    int
		parked  int
		left    int
		failed  bool
	}{
		"all succeed":         {calls: 1, sent: 2},
		"one fails once":      {results: []map[int]string{{1: throttled}}, calls: 2, sent: 2},
		"the fifth succeeds":  {results: []map[int]string{always, always, always, always}, calls: 5, sent: 2},
		"five fail":           {results: []map[int]string{always, always, always, always, always}, calls: 5, left: 2, failed: true},
		"malformed":           {results: []map[int]string{{0: "MalformedDetail"}}, calls: 1, sent: 2, parked: 1},
		"invalid argument":    {results: []map[int]string{{1: "InvalidArgument"}}, calls: 1, sent: 2, parked: 1},
		"not authorized":      {results: []map[int]string{{1: "NotAuthorizedForDetailTypeException"}}, calls: 1, sent: 2, parked: 1},
		"parking fails":       {results: []map[int]string{{0: "MalformedDetail"}}, parking: errors.New("no queue"), calls: 1, parked: 1, left: 2, failed: true},
		"the call is refused": {refuse: "ValidationException", calls: 3, sent: 2},
		"the call is large":   {refuse: "RequestEntityTooLarge", calls: 3, sent: 2},
	} {
		bus, calls := answering(t, row.refuse, row.results...)
		parked := 0
		entries := []entry{plain(1, 100, subjects{user: "u1"}), plain(2, 100, subjects{user: "u2"})}
		sent, left, err := bus.publish(t.Context(), entries, func(context.Context, entry, error) error {
			parked++
			return row.parking
		})
		if len(*calls) != row.calls || sent != row.sent || parked != row.parked || len(left) != row.left || (err != nil) != row.failed {
			t.Errorf("%s: %d calls, %d sent, %d parked, %d left, %v; want %+v", name, len(*calls), sent, parked, len(left), err, row)
		}
		if (*calls)[0].times[0] != float64(modelTime.Unix()) {
			t.Errorf("%s: the time of the entry is %v, want that of the change", name, (*calls)[0].times[0])
		}
	}
}

// The process remembers what is on the bus, and nothing else.
func TestPublishedOnce(t *testing.T) {
	r, bus := relayOn(&shelf{})
	bus.fail, bus.left = errors.New("no bus"), 1
	entries := []entry{plain(1, 100, subjects{user: "u1"}), plain(2, 100, subjects{user: "u2"})}
	if sent, err := r.publish(t.Context(), entries); sent != 1 || err == nil {
		t.Errorf("%d sent, %v", sent, err)
	}
	bus.fail = nil
	if sent, err := r.publish(t.Context(), entries); sent != 1 || err != nil || len(bus.sent) != 2 || bus.sent[1].ID != entries[1].ID {
		t.Errorf("then %d sent, %v: %v", sent, err, bus.sent)
	}
}

// Deferred changes stay until their events are on the bus.
func TestReleasedAfterPublishing(t *testing.T) {
	s := &shelf{}
	r, bus := relayOn(s)
	bus.fail, bus.left = errors.New("no bus"), 1
	w := &work{entries: []entry{{Entry: eventlog.Entry{ID: "event_1", Sequence: 1}}}}
	w.released = make([]table.Deferral, 1)
	if err := r.deliver(t.Context(), w); err == nil || s.released != 0 {
		t.Errorf("%d are released although the bus fails, %v", s.released, err)
	}
	bus.fail = nil
	if err := r.deliver(t.Context(), w); err != nil || s.released != 1 {
		t.Errorf("%d are released, %v", s.released, err)
	}
}

// A batch is answered three seconds before the function's timeout, and a redrive
// with time left for its answer.
func TestMargins(t *testing.T) {
	r, bus := relayOn(&shelf{})
	timeout := time.Now().Add(time.Hour)
	limited, cancel := context.WithDeadline(t.Context(), timeout)
	defer cancel()
	if _, err := r.Handle(limited, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{recordOf("1", "U#1", nil, person(1))}}); err != nil || timeout.Sub(bus.until) != 3*time.Second {
		t.Errorf("the relay works until %v before the timeout, %v", timeout.Sub(bus.until), err)
	}
	for left, near := range map[time.Duration]bool{19 * time.Second: true, 30 * time.Second: false} {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		if nearDeadline(ctx) != near {
			t.Errorf("%v before the deadline: near %v", left, !near)
		}
		cancel()
	}
	if nearDeadline(t.Context()) {
		t.Error("near a deadline that does not exist")
	}
}
