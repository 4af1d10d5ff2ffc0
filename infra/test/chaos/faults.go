package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
)

// dice are random choices that several goroutines share.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{r: rand.New(rand.NewPCG(seed, 1))} }

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

func (d *dice) percent(p int) bool { return d.below(100) < p }

// tally counts the faults of each kind, to show that they happened.
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

// diary is a file of faults, a line each, that outlives the process.
type diary struct{ f *os.File }

func openDiary(path string) (*diary, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &diary{f}, err
}

func (d *diary) write(fault string) { _, _ = d.f.WriteString(fault + "\n") }

// faultyBus fails calls and single entries, throttles, and accepts some calls
// but does not say so.
func faultyBus(h http.Handler, d *dice, faults *tally) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var in struct{ Entries []json.RawMessage }
		if err = errors.Join(err, json.Unmarshal(body, &in)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch d.below(12) {
		case 0:
			faults.add("PutEvents fails")
			w.WriteHeader(http.StatusInternalServerError)
			return
		case 1:
			faults.add("PutEvents is throttled")
			w.Header().Set("X-Amzn-ErrorType", "ThrottlingException")
			w.WriteHeader(http.StatusBadRequest)
			return
		case 2:
			faults.add("PutEvents times out after accepting")
			accept(h, r, in.Entries)
			w.WriteHeader(http.StatusGatewayTimeout)
			return
		}
		failed := -1
		if d.below(4) == 0 {
			faults.add("an entry of PutEvents fails")
			failed = d.below(len(in.Entries))
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
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": min(failed+1, 1), "Entries": results})
	})
}

// accept hands entries to the bus and returns its results.
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

// errDead is what a function's calls end with after its death.
var errDead = errors.New("the function died")

// life is how many calls an invocation makes before it dies.
type life struct {
	mu    sync.Mutex
	calls int // left; negative for all
}

type lifeKey struct{}

// dying gives an invocation a number of calls to live.
func dying(ctx context.Context, calls int) context.Context {
	return context.WithValue(ctx, lifeKey{}, &life{calls: calls})
}

// mortal is a transport whose caller dies between two calls: before one is
// made, or after it was made and before its answer came. What a relay does
// between two calls nobody can see, so these are all its moments.
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
	case left == 0 && m.dice.percent(50):
		response, err := m.RoundTripper.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		return nil, errDead
	}
	return m.RoundTripper.RoundTrip(r)
}
