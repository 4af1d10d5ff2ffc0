package eventsource

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// siblings are the shards that a shard of the stream is presented as: the shard
// itself, or several that share its items by their hash (Faults.Siblings). Each
// has lanes. A lane processes one batch at a time; the records of one item are in
// one lane, in order.
type siblings struct {
	ctx    context.Context
	shard  *shard
	mu     sync.Mutex
	leaves []*sibling // in order of their hashes, together all hashes
	lanes  sync.WaitGroup
}

// sibling is a shard with the items whose hash is from first to last.
type sibling struct {
	id          string
	parent      *sibling // nil for a first one
	first, last uint64
	delay       time.Duration // before each batch
	lanes       []*lane

	mu      sync.Mutex
	open    int // records that are not processed
	closed  bool
	drained chan struct{} // closed when it is closed and all records are processed
}

// lane processes batches of a sibling, one after the other.
type lane struct {
	shard   *shard
	sibling *sibling
	shardID string

	mu    sync.Mutex
	queue []record
	ended bool
	wake  chan struct{}
}

func newSiblings(ctx context.Context, s *shard) *siblings {
	all := &siblings{ctx: ctx, shard: s}
	n := s.mapping.o.Faults.siblings()
	if n == 1 {
		all.leaves = []*sibling{all.open(s.id, 0, math.MaxUint64, nil)}
		return all
	}
	for root := range n {
		first, last := rootRange(root, n)
		all.leaves = append(all.leaves, all.open(siblingID(s.id, first, 0), first, last, nil))
	}
	return all
}

// rootRange returns the hashes of the first siblings: n equal parts.
func rootRange(root, n int) (first, last uint64) {
	part := math.MaxUint64/uint64(n) + 1
	first = uint64(root) * part
	if root == n-1 {
		return first, math.MaxUint64
	}
	return first, first + part - 1
}

// siblingID returns an id of the form of AWS.
func siblingID(shard string, first uint64, generation int) string {
	h := hash(fmt.Sprint(shard, first, generation))
	return fmt.Sprintf("shardId-%020d-%08x", 1_700_000_000_000+h>>32%1_000_000_000, uint32(h))
}

// open starts the lanes of a sibling. They wait until its parent is drained.
func (all *siblings) open(id string, first, last uint64, parent *sibling) *sibling {
	s := &sibling{id: id, parent: parent, first: first, last: last, drained: make(chan struct{}), delay: all.shard.mapping.o.Faults.usualDelay()}
	for range all.shard.mapping.o.Configuration.Parallelization {
		l := &lane{shard: all.shard, sibling: s, shardID: id, wake: make(chan struct{}, 1)}
		s.lanes = append(s.lanes, l)
		all.lanes.Go(func() {
			// A parent without records is drained although its own may not be.
			for p := parent; p != nil; p = p.parent {
				select {
				case <-all.ctx.Done():
					return
				case <-p.drained:
				}
			}
			l.run(all.ctx)
		})
	}
	return s
}

// add hands records to the lanes of their items. Before some of the records it
// splits a sibling.
func (all *siblings) add(records []record) {
	all.mu.Lock()
	defer all.mu.Unlock()
	byLane := map[*lane][]record{}
	for _, r := range records {
		i := all.leaf(r.item)
		if all.shard.mapping.o.Faults.splits() {
			for l, queued := range byLane {
				l.add(queued)
			}
			clear(byLane)
			all.split(i)
			i = all.leaf(r.item)
		}
		s := all.leaves[i]
		s.mu.Lock()
		s.open++
		s.mu.Unlock()
		l := s.lanes[r.item%uint64(len(s.lanes))]
		byLane[l] = append(byLane[l], r)
	}
	for l, queued := range byLane {
		l.add(queued)
	}
}

func (all *siblings) leaf(item uint64) int {
	for i, s := range all.leaves {
		if item <= s.last {
			return i
		}
	}
	return len(all.leaves) - 1
}

// maxSplit bounds the number of siblings, as a multiple of the first ones.
const maxSplit = 3

// split closes a sibling and opens two for its items, or one if there are many.
func (all *siblings) split(i int) {
	parent := all.leaves[i]
	middle := parent.first + (parent.last-parent.first)/2
	halves := [][2]uint64{{parent.first, middle}, {middle + 1, parent.last}}
	if len(all.leaves) >= maxSplit*all.shard.mapping.o.Faults.siblings() {
		halves = [][2]uint64{{parent.first, parent.last}}
	}
	var children []*sibling
	for _, h := range halves {
		id := siblingID(parent.id, h[0], len(halves))
		children = append(children, all.open(id, h[0], h[1], parent))
	}
	all.leaves = append(all.leaves[:i:i], append(children, all.leaves[i+1:]...)...)
	for _, l := range parent.lanes {
		l.end()
	}
	parent.mu.Lock()
	defer parent.mu.Unlock()
	parent.closed = true
	if parent.open == 0 {
		close(parent.drained)
	}
}

// wait ends the lanes after their batches in progress, or after all their
// records if the context has not ended.
func (all *siblings) wait() {
	all.mu.Lock()
	for _, s := range all.leaves {
		for _, l := range s.lanes {
			l.end()
		}
	}
	all.mu.Unlock()
	all.lanes.Wait()
}

func (s *sibling) finished(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open -= n; s.closed && s.open == 0 {
		close(s.drained)
	}
}

func (l *lane) add(records []record) {
	l.mu.Lock()
	l.queue = append(l.queue, records...)
	l.mu.Unlock()
	l.notify()
}

// end lets the lane end when its queue is empty.
func (l *lane) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.notify()
}

func (l *lane) notify() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run processes batches until ctx ends, or until the lane has ended.
func (l *lane) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.mu.Lock()
		var batch []record
		if len(l.queue) > 0 {
			batch, l.queue = nextBatch(l.queue, l.shard.mapping.o.Configuration.BatchSize)
		}
		ended := l.ended
		l.mu.Unlock()
		switch {
		case len(batch) > 0:
			if l.shard.mapping.o.Faults.pause(ctx, l.sibling.delay) != nil || l.process(ctx, batch) != nil {
				return
			}
		case ended:
			return
		default:
			select {
			case <-ctx.Done():
			case <-l.wake:
			}
		}
	}
}

// finished marks records as processed.
func (l *lane) finished(batch []record) {
	l.shard.progress.finished(batch)
	l.sibling.finished(len(batch))
}
