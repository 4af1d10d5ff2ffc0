package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"
)

// reader reads the log of all directories with cursors while the campaign
// runs. It can be stopped, and started with another table: it goes on after the
// last event that it received.
type reader struct {
	cancel  context.CancelFunc
	done    chan error
	after   string
	mu      sync.Mutex
	seen    []dsync.Event // without duplicates, in the order of first occurrence
	known   map[string]bool
	repeats int // events that the log returned again
	pages   int
}

func newReader() *reader { return &reader{known: map[string]bool{}} }

func (f *reader) start(ctx context.Context, t *table.Table, d *dice) {
	ctx, f.cancel = context.WithCancel(ctx)
	f.done = make(chan error, 1)
	wrong := skew(d) / 2
	log := eventlog.New(t, func() time.Time { return time.Now().Add(wrong) })
	go func() { f.done <- f.follow(ctx, log) }()
}

// follow reads pages until there is no next page. After a pause it continues
// after the last event that it received. A consumer with its own database reads
// the log the same way.
func (f *reader) follow(ctx context.Context, log *eventlog.Log) error {
	q := eventlog.Query{Limit: 50, After: f.after}
	failures := 0
	for {
		page, err := log.Read(ctx, q)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			failures = 0
			if q.After, err = f.take(page, q.After); err != nil {
				return err
			}
			f.after = q.After
			if page.After != "" {
				q.After = page.After
				continue
			}
		} else if failures++; failures > maxReadFailures {
			return fmt.Errorf("read the log: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// maxReadFailures is how many requests of a reader may fail in sequence.
const maxReadFailures = 20

func (f *reader) take(page eventlog.Page, after string) (last string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages++
	for _, detail := range page.Events {
		var e dsync.Event
		if err := json.Unmarshal(detail, &e); err != nil {
			return "", err
		}
		if after = e.ID; f.known[e.ID] {
			f.repeats++
			continue
		}
		f.known[e.ID] = true
		f.seen = append(f.seen, e)
	}
	return after, nil
}

// events returns the events so far.
func (f *reader) events() (all []dsync.Event, repeats int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[:len(f.seen):len(f.seen)], f.repeats
}

func (f *reader) stop() error {
	f.cancel()
	return <-f.done
}
