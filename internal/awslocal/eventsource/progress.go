package eventsource

import (
	"context"
	"sync"
)

// progress tracks which of the records of a shard are processed. The position of
// the shard is the last record before which all are processed.
type progress struct {
	mu      sync.Mutex
	entries []entry // read and not behind the position, oldest first
	open    int     // entries that are not done
	changed chan struct{}
	commit  func(sequence string)
}

type entry struct {
	id       string // of the record
	sequence string // in the stream; "" for a made-up record, which precedes its original
	done     bool   // or dropped by the filter
}

// add adds a page of records. It returns the position if that has advanced.
func (p *progress) add(page []entry) (position string, advanced bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = append(p.entries, page...)
	for _, e := range page {
		if !e.done {
			p.open++
		}
	}
	return p.advance()
}

// advance removes the processed records at the start.
func (p *progress) advance() (position string, advanced bool) {
	for len(p.entries) > 0 && p.entries[0].done {
		if sequence := p.entries[0].sequence; sequence != "" {
			position, advanced = sequence, true
		}
		p.entries = p.entries[1:]
	}
	return position, advanced
}

// finished marks records as processed and commits the position.
func (p *progress) finished(batch []record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := make(map[string]bool, len(batch))
	for _, r := range batch {
		done[r.id] = true
	}
	for i, e := range p.entries {
		if !e.done && done[e.id] {
			p.entries[i].done = true
			p.open--
		}
	}
	if position, advanced := p.advance(); advanced {
		p.commit(position)
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// processed reports whether all records are processed.
func (p *progress) processed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open == 0
}

// wait waits until at most limit records are not processed.
func (p *progress) wait(ctx context.Context, limit int) error {
	for {
		p.mu.Lock()
		open := p.open
		p.mu.Unlock()
		if open <= limit {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.changed:
		}
	}
}
