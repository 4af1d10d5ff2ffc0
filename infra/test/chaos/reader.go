package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
)

// reader reads the log of all directories with cursors while the campaign
// runs.
type reader struct {
	log     *eventlog.Log
	cancel  context.CancelFunc
	done    chan error
	mu      sync.Mutex
	seen    []dsync.Event // without duplicates, in the order of first occurrence
	known   map[string]bool
	repeats int // events that the log returned again
	pages   int
}

func (r *campaign) startReader(ctx context.Context) *reader {
	ctx, cancel := context.WithCancel(ctx)
	wrong := skew(r.dice) / 2
	f := &reader{
		log:    eventlog.New(r.table, func() time.Time { return time.Now().Add(wrong) }),
		cancel: cancel, done: make(chan error, 1), known: map[string]bool{},
	}
	go func() { f.done <- f.follow(ctx) }()
	return f
}

// follow reads pages until there is no next page. After a pause it continues
// after the last event that it received. A consumer with its own database reads
// the log the same way.
func (f *reader) follow(ctx context.Context) error {
	q := eventlog.Query{Limit: 50}
	for {
		page, err := f.log.Read(ctx, q)
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if q.After, err = f.take(page, q.After); err != nil {
			return err
		}
		if page.After != "" {
			q.After = page.After
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

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

func (f *reader) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

func (f *reader) stop() error {
	f.cancel()
	return <-f.done
}
