package relay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"dsync/internal/backoff"
	"dsync/internal/eventlog"
	"dsync/internal/table"
	"dsync/internal/table/stream"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"
)

// change is a stream record of a directory.
type change struct {
	stream.Change
	record   events.DynamoDBEventRecord
	index    int             // of the record in the batch
	deferral *table.Deferral // which the record was read from, or nil
	// count is what the change adds to the counts of the directory, apart from its
	// event: see refresh and derivation.consider.
	count *eventlog.Count
}

// work are the changes of one directory in a batch, and what became of them.
type work struct {
	directoryID    string
	organizationID string
	first          int      // index of the first record in the batch
	changes        []change // not logged yet
	size           int      // of all records, in bytes
	excess         int      // index of the first record that exceeds the budget, -1 for none
	park           parkFunc

	entries   []entry          // logged, in the order of the log
	released  []table.Deferral // whose events are among the entries, or that have none
	seen      map[string]bool  // ids of the entries
	dropped   []string         // ids of the events of changes that have no event now
	delivered int              // entries that are on the bus or parked
	published int
	rounds    int   // how often events were derived
	more      bool  // there are deferred changes that were not read
	err       error // why changes or entries are left
}

// failure returns the index of the first record to retry, -1 for none.
func (w *work) failure() (index int, reason error) {
	if w.err != nil {
		index = w.first
		if w.delivered == len(w.entries) && len(w.changes) > 0 {
			index = w.changes[0].index
		}
		return index, w.err
	}
	if w.excess >= 0 {
		return w.excess, errors.New("relay: the directory has used its share of the batch")
	}
	return -1, nil
}

// unlogged counts the records of the batch that are not logged.
func (w *work) unlogged() (n int) {
	for _, c := range w.changes {
		if c.deferral == nil {
			n++
		}
	}
	return n
}

// truncated counts the events that were too large.
func (w *work) truncated() (n int) {
	for _, e := range w.entries {
		if e.truncated {
			n++
		}
	}
	return n
}

// The share of one directory in a batch, in bytes of stream records and of events.
// The rest is retried with the next records, so that a directory of large changes delays
// others by a second or so.
const maxWorkBytes = 4 << 20

// sort distributes the records of a batch by directory, smallest directory
// first. It parks records that cannot be read.
func (r *Relay) sort(ctx context.Context, batch []events.DynamoDBEventRecord, park parkFunc) []*work {
	var works []*work
	byDirectory := map[string]*work{}
	for i, record := range batch {
		c, size, err := read(record)
		directoryID, organizationID := owner(c)
		if err == nil && directoryID == "" {
			continue // a REMOVE record
		}
		w := byDirectory[directoryID]
		if w == nil {
			w = &work{directoryID: directoryID, organizationID: organizationID, first: i, excess: -1, park: park, seen: map[string]bool{}}
			byDirectory[directoryID] = w
			works = append(works, w)
		}
		if err != nil {
			// The record has no directory: all such records share a work.
			if err := park(ctx, record, err); err != nil && w.err == nil {
				w.first, w.err = i, err
			}
			continue
		}
		if w.organizationID == "" {
			w.organizationID = organizationID
		}
		if w.excess < 0 && w.size > 0 && w.size+size > maxWorkBytes {
			w.excess = i
		}
		if w.excess < 0 {
			w.size += size
			w.changes = append(w.changes, change{Change: c, record: record, index: i})
		}
	}
	slices.SortStableFunc(works, func(a, b *work) int { return cmp.Compare(a.size, b.size) })
	return works
}

// read reads a record and returns its approximate size. A panic is an error of
// that record.
func read(record events.DynamoDBEventRecord) (c stream.Change, size int, err error) {
	defer recovered(&err)
	c, err = stream.ReadChange(record.Change)
	size = int(record.Change.SizeBytes)
	return c, size, err
}

// recovered makes an error of a panic. It is to be deferred. The value of the
// panic is left out, as it may hold personal data.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("relay: panic of type %T", v)
	}
}

// owner returns the directory and the organization of a change, "" for none.
func owner(c stream.Change) (directoryID, organizationID string) {
	switch {
	case c.NewResource != nil:
		return c.NewResource.DirectoryID, c.NewResource.OrganizationID
	case c.NewMembership != nil:
		return c.NewMembership.DirectoryID, c.NewMembership.OrganizationID
	case c.NewDirectory != nil:
		return c.NewDirectory.ID, c.NewDirectory.OrganizationID
	}
	return "", ""
}

// maxConcurrent is how many directories are appended to at the same time,
// maxRounds how often the events of a directory are derived again because
// another relay has appended in between. The relays wait for different times, so
// that not all of them derive at once what only one can append.
const (
	maxConcurrent   = 8
	maxRounds       = 100
	roundBackoff    = 4 * time.Millisecond
	maxRoundBackoff = 250 * time.Millisecond
)

// process derives the events of all works, appends them to the log and publishes
// them. In each round it reads the heads of the logs, then everything else, and
// then appends. A work whose head has moved in between takes part in the next
// round.
func (r *Relay) process(ctx context.Context, works []*work, late bool) error {
	pending := slices.DeleteFunc(slices.Clone(works), func(w *work) bool { return len(w.changes) == 0 })
	for len(pending) > 0 {
		ready, busy, taken := r.turns.take(pending)
		facts, err := r.facts(ctx, ready)
		if err != nil {
			for _, w := range ready {
				taken.release(w)
			}
			return err
		}
		another := make([]bool, len(ready))
		var group errgroup.Group
		group.SetLimit(maxConcurrent)
		for i, w := range ready {
			group.Go(func() error {
				defer taken.release(w) // not when all are done: a directory waits for its own changes only
				another[i], w.err = r.advance(ctx, w, facts[w], late)
				return nil
			})
		}
		_ = group.Wait() // failures are in the works
		pending = busy
		rounds := 0 // of the works whose head has moved
		for i, w := range ready {
			if another[i] {
				pending, rounds = append(pending, w), max(rounds, w.rounds)
			}
		}
		if err := backoff.Wait(ctx, rounds, roundBackoff, maxRoundBackoff); err != nil {
			return err
		}
	}
	return nil
}

// turns let the batches of one process derive the events of a directory one after
// the other: of those that do it at the same time, only one succeeds. On Lambda a
// process has one batch at a time, so this serves the local machine. A directory
// has the turn of its hash.
type turns [64]sync.Mutex

// take waits until at least one work has its turn. It returns the works that have
// theirs, until they release it, and the other ones.
func (t *turns) take(works []*work) (ready, busy []*work, taken *takenTurns) {
	taken = &takenTurns{turns: t, works: map[*sync.Mutex]int{}}
	for i, w := range works {
		turn := t.of(w)
		switch {
		case taken.works[turn] > 0 || turn.TryLock():
		case i == len(works)-1 && len(ready) == 0:
			turn.Lock()
		default:
			busy = append(busy, w)
			continue
		}
		taken.works[turn]++
		ready = append(ready, w)
	}
	return ready, busy, taken
}

func (t *turns) of(w *work) *sync.Mutex {
	h := fnv.New32a()
	_, _ = h.Write([]byte(w.directoryID))
	return &t[h.Sum32()%uint32(len(t))]
}

// takenTurns are turns that a batch has taken, and how many of its works have each.
type takenTurns struct {
	turns *turns
	mu    sync.Mutex
	works map[*sync.Mutex]int
}

// release gives the turn of a work back when no other work of the batch has it.
func (t *takenTurns) release(w *work) {
	turn := t.turns.of(w)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.works[turn]--; t.works[turn] == 0 {
		turn.Unlock()
	}
}

// advance derives the events of a work, appends them and publishes them. It
// reports whether another round is needed.
func (r *Relay) advance(ctx context.Context, w *work, f *facts, late bool) (another bool, err error) {
	defer recovered(&err)
	w.rounds++
	if w.rounds == 1 {
		if err := r.repair(ctx, w, f); err != nil {
			return false, err
		}
	}
	if err := r.omitLegacy(ctx, w, f.head); err != nil {
		return false, err
	}
	if late {
		if err := r.refresh(ctx, w, f.head); err != nil {
			return false, err
		}
	}
	d := &derivation{relay: r, work: w, facts: f, created: map[string]bool{}, deleted: map[string]bool{}, known: map[string]bool{}, waits: map[subjects]bool{}}
	stopped := d.run(ctx)
	ops := make([]eventlog.Op, len(d.operations))
	for i, o := range d.operations {
		ops[i] = o.op
	}
	done, err := r.appender.Append(ctx, f.head, w.organizationID, ops)
	w.finish(r, d, done)
	if errors.Is(err, eventlog.ErrMoved) && w.rounds <= maxRounds && ctx.Err() == nil {
		return true, nil
	}
	if err == nil && stopped == nil {
		err = r.findLogged(ctx, w)
	}
	if failure := r.deliver(ctx, w); err == nil && stopped == nil && failure != nil {
		return false, failure
	}
	if d.full && len(w.changes) > 0 {
		w.excess = w.changes[0].index
		return false, cmp.Or(err, stopped)
	}
	w.more = f.more
	return w.more && err == nil && stopped == nil && d.progress, cmp.Or(err, stopped)
}

// finish removes the changes of the operations that are done, and keeps their
// events.
func (w *work) finish(r *Relay, d *derivation, done int) {
	finished := map[int]bool{}
	for _, o := range d.operations[:done] {
		if e := o.entry; e != nil {
			if e.Detail != nil {
				w.add(*e)
				if e.creates != "" {
					r.created.Put(e.creates, struct{}{})
				}
			}
		}
		switch {
		case o.part:
		case o.change.deferral != nil:
			w.released = append(w.released, *o.change.deferral)
		default:
			finished[o.change.index] = true
		}
	}
	for _, i := range d.eventless {
		finished[i] = true
	}
	w.changes = slices.DeleteFunc(w.changes, func(c change) bool { return finished[c.index] })
}

// add adds an event that is logged, once.
func (w *work) add(e entry) {
	if !w.seen[e.ID] {
		w.seen[e.ID] = true
		w.entries = append(w.entries, e)
	}
}

// findLogged adds the events of changes that have no event now but had one when
// they were relayed before: the process may have ended before it published them.
func (r *Relay) findLogged(ctx context.Context, w *work) error {
	keys := make([]string, len(w.dropped))
	for i, id := range w.dropped {
		keys[i] = table.EventKey(id)
	}
	w.dropped = nil
	logged, err := r.table.LoggedEvents(ctx, keys)
	if err != nil {
		return err
	}
	for _, l := range logged {
		if err := w.addLogged(l); err != nil {
			return err
		}
	}
	return nil
}

// addLogged adds an event of the log.
func (w *work) addLogged(l table.LoggedEvent) error {
	detail, err := eventlog.Detail(l)
	if err != nil {
		return err
	}
	e, err := fromLog(detail)
	if err == nil {
		w.add(e)
	}
	return err
}

// deferralOf returns a change as it is stored to wait.
func deferralOf(c change, expires int64) (*table.Deferral, error) {
	text, err := json.Marshal(c.record)
	if err != nil {
		return nil, fmt.Errorf("relay: deferred record: %w", err)
	}
	packed, err := eventlog.Compress(text)
	return &table.Deferral{Record: packed, TTL: expires}, err
}

// deferred reads a change that waited.
func deferred(d table.Deferral) (change, error) {
	c := change{index: -1, deferral: &d}
	text, err := eventlog.Decompress(d.Record)
	if err != nil {
		return c, fmt.Errorf("relay: deferred record: %w", err)
	}
	if err := json.Unmarshal(text, &c.record); err != nil {
		return c, fmt.Errorf("relay: deferred record: %w", err)
	}
	c.Change, _, err = read(c.record)
	return c, err
}
