package eventsource

import (
	"context"
	"sync"
)

// progress tracks which of the records of a shard are processed.
type progress struct {
	mu       sync.Mutex
	position string  // sequence number of the last record before which all are processed
	entries  []entry // read and not behind the position, oldest first
	open     int     // entries that are not done
	changed  chan struct{}
	commit   func(position)
}

type entry struct {
	id       string // of the record
	sequence string // in the stream; "" for a made-up record, which precedes its original
	dropped  bool   // by the filter
	done     bool   // or dropped
}

// add adds a page of records and returns the position.
func (p *progress) add(page []entry) position {
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

// advance removes the processed records at the start. It returns the position,
// with the records after it that are processed.
func (p *progress) advance() position {
	for len(p.entries) > 0 && p.entries[0].done {
		if sequence := p.entries[0].sequence; sequence != "" {
			p.position = sequence
		}
		p.entries = p.entries[1:]
	}
	at := position{Sequence: p.position}
	for _, e := range p.entries {
		if e.done && !e.dropped {
			at.Done = append(at.Done, e.id)
		}
	}
	return at
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
	p.commit(p.advance())
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// reset continues before all records of the shard.
func (p *progress) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.position = ""
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
