package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"dsync/internal/awslocal/eventsource"
	dynamodbfaults "dsync/internal/awslocal/faults"
)

// Files in the folder of the campaign.
const (
	faultsFile  = "faults.log"
	poisonFile  = "poison.log"
	givenUpFile = "given-up.ndjson"
	errorsFile  = "errors.log" // of the functions
)

// The faults that the campaign injects by itself. PutEvents fails in ways of its
// own.
const (
	putFailed     = "PutEvents failed"
	putThrottled  = "PutEvents throttled"
	putTimedOut   = "PutEvents timed out after accepting the entries"
	putFailedOne  = "PutEvents failed for one entry"
	relayStopped  = "relay stopped between two calls"
	jobStopped    = "job stopped between two calls"
	processKilled = "process killed"
	tableRestored = "table restored, with a new stream"
	userOversized = "user with texts of many kilobytes"
)

// everyFault lists the faults that a campaign injects.
var everyFault = []string{
	putFailed, putThrottled, putTimedOut, putFailedOne, relayStopped, jobStopped, processKilled, tableRestored, userOversized,
	eventsource.TwiceInSequence, eventsource.TwiceAtTheSame, eventsource.ShardDelayed, eventsource.ShardSplit, eventsource.OrderChanged, eventsource.PoisonRecord,
	dynamodbfaults.Throttling, dynamodbfaults.HotPartitions, dynamodbfaults.Conflicts, dynamodbfaults.Unprocessing, dynamodbfaults.ShortPages,
	dynamodbfaults.TimeoutBefore, dynamodbfaults.TimeoutAfter, dynamodbfaults.ServerErrors, dynamodbfaults.StaleIndexes,
}

// dice makes the random choices of the campaign.
type dice = dynamodbfaults.Dice

func newDice(seed uint64) *dice { return dynamodbfaults.NewDice(seed) }

// tally counts the injected faults of each kind.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (t *tally) add(fault string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]int{}
	}
	t.n[fault]++
}

// counts returns the faults so far.
func (t *tally) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		return map[string]int{}
	}
	return maps.Clone(t.n)
}

// diary is a file with one line for each injected fault. It outlives the
// process.
type diary struct{ f *os.File }

func openDiary(path string) (*diary, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &diary{f}, err
}

func (d *diary) write(line string) { _, _ = d.f.WriteString(line + "\n") }

func (d *diary) writeAll(prefix string, lines []string) {
	for _, line := range lines {
		d.write(prefix + line)
	}
}

// readDiary counts the equal lines of a diary.
func readDiary(folder, file string, counts map[string]int) error {
	f, err := os.Open(filepath.Join(folder, file))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		counts[lines.Text()]++
	}
	return lines.Err()
}

// faultyBus injects four faults: it fails calls, it throttles calls, it fails
// single entries, and it accepts the entries of a call but responds with an
// error.
func faultyBus(h http.Handler, d *dice, faults *tally, calm *atomic.Bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var in struct{ Entries []json.RawMessage }
		if err = errors.Join(err, json.Unmarshal(body, &in)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if calm.Load() {
			_ = respond(w, accept(h, r, in.Entries), 0)
			return
		}
		switch d.Below(12) {
		case 0:
			faults.add(putFailed)
			w.WriteHeader(http.StatusInternalServerError)
			return
		case 1:
			faults.add(putThrottled)
			w.Header().Set("X-Amzn-ErrorType", "ThrottlingException")
			w.WriteHeader(http.StatusBadRequest)
			return
		case 2:
			faults.add(putTimedOut)
			accept(h, r, in.Entries)
			w.WriteHeader(http.StatusGatewayTimeout)
			return
		}
		failed := -1
		if d.Below(4) == 0 {
			faults.add(putFailedOne)
			failed = d.Below(len(in.Entries))
		}
		var kept []json.RawMessage
		for i, e := range in.Entries {
			if i != failed {
				kept = append(kept, e)
			}
		}
		results := accept(h, r, kept)
		if failed >= 0 {
			refused := json.RawMessage(`{"ErrorCode":"InternalFailure","ErrorMessage":"injected"}`)
			results = append(results[:failed:failed], append([]json.RawMessage{refused}, results[failed:]...)...)
		}
		_ = respond(w, results, min(failed+1, 1))
	})
}

func respond(w http.ResponseWriter, results []json.RawMessage, failed int) error {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	return json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": failed, "Entries": results})
}

// accept sends entries to the bus and returns their results.
func accept(h http.Handler, r *http.Request, entries []json.RawMessage) []json.RawMessage {
	if len(entries) == 0 {
		return nil
	}
	body, _ := json.Marshal(map[string]any{"Entries": entries})
	inner := r.Clone(r.Context())
	inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, inner)
	var out struct{ Entries []json.RawMessage }
	_ = json.Unmarshal(recorder.Body.Bytes(), &out)
	return out.Entries
}

// errDead is the error of each call after the function has stopped.
var errDead = errors.New("function stopped by the campaign")

// life limits the number of calls of an invocation.
type life struct {
	mu    sync.Mutex
	calls int // remaining; negative after the limit
}

type lifeKey struct{}

// dying limits the invocation of the returned context to a number of calls.
func dying(ctx context.Context, calls int) context.Context {
	return context.WithValue(ctx, lifeKey{}, &life{calls: calls})
}

// mortal is a transport that stops its caller. The stop is before a request is
// sent, or after it is sent and before the caller receives the response. Work
// between two calls has no external effect, so these two points cover all
// cases.
type mortal struct {
	http.RoundTripper
	dice *dice
}

func (m mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	l, ok := r.Context().Value(lifeKey{}).(*life)
	if !ok {
		return m.RoundTripper.RoundTrip(r)
	}
	l.mu.Lock()
	l.calls--
	left := l.calls
	l.mu.Unlock()
	switch {
	case left < 0:
		return nil, errDead
	case left == 0 && m.dice.Percent(50):
		response, err := m.RoundTripper.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		return nil, errDead
	}
	return m.RoundTripper.RoundTrip(r)
}
