package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dsync/internal/table"
	"dsync/internal/table/count"
	"dsync/internal/table/journal"
)

// Op is one operation of an append. At most one of its fields is set.
type Op struct {
	Event *Entry
	// Deferral is a change whose event has to wait.
	Deferral *table.Deferral
	Count    *Count
}

// Count is a change that has no event, and changes the counts of its directory.
type Count struct {
	ID    string // of the change, in the form of the id of an event
	Tally count.Tally
}

// Entry is an event to be appended.
type Entry struct {
	ID             string // event_…
	Name           string
	DirectoryID    string
	OrganizationID string
	End            bool // no event follows in the directory
	// Tally is what the change of the event adds to the counts of the directory.
	Tally count.Tally
	// JSON returns the event with a sequence.
	JSON func(sequence int64) []byte
	// Sequence and Detail, the event as JSON, are set by Append: for an event that
	// was logged before, to those of the logged one.
	Sequence int64
	Detail   []byte
	body     []byte // Detail as it is stored: another attempt often has the same sequence
}

// ErrMoved reports that another append has moved the head of the directory. What
// was derived since the head was read may be wrong.
var ErrMoved = errors.New("eventlog: the head of the log has moved")

// Store is the storage of the log: the methods of *table.Table that an append
// needs.
type Store interface {
	AppendLog(context.Context, table.LogAppend) (table.LogHeads, error)
	EnvironmentHeads(ctx context.Context, shards []int) (map[int]journal.Head, error)
	LoggedEvents(ctx context.Context, keys []string) ([]table.LoggedEvent, error)
	LegacyBucket(context.Context) (string, error)
}

// Appender appends to the log. It is safe for concurrent use.
type Appender struct {
	store  Store
	now    func() time.Time
	shards [journal.Shards]shard
}

// shard is what an Appender knows of a shard of the environment's journal. The
// mutex keeps appends of one process from conflicts with each other.
type shard struct {
	mutex sync.Mutex
	known bool
	head  journal.Head
}

// NewAppender returns an appender to the log in the store.
func NewAppender(s Store, now func() time.Time) *Appender { return &Appender{store: s, now: now} }

// maxAppendBytes bounds the events of one transaction, which holds 4 MB.
const maxAppendBytes = 3 << 20

// Append logs operations on one directory, in their order, in as few
// transactions as possible. head was read before the operations were derived. It
// returns how many operations are done. It fails with ErrMoved when the head is
// not the stored one: the remaining operations must be derived again.
//
// An event that is in the log already is not logged again: its Detail is set to
// the logged one. Events after the end of the directory are not logged, and
// their Detail stays nil. What is logged already is not counted again, either.
func (a *Appender) Append(ctx context.Context, head table.LogHead, organizationID string, ops []Op) (done int, err error) {
	if head.End {
		return len(ops), a.findLogged(ctx, ops)
	}
	for done < len(ops) {
		n, moved, err := a.appendOnce(ctx, head, organizationID, ops[done:])
		done += n
		if err != nil {
			return done, err
		}
		head = moved
	}
	return done, nil
}

// findLogged sets the Detail of the events that are in the log already.
func (a *Appender) findLogged(ctx context.Context, ops []Op) error {
	byKey := map[string]*Entry{}
	var keys []string
	for _, op := range ops {
		if op.Event != nil {
			k := table.EventKey(op.Event.ID)
			byKey[k], keys = op.Event, append(keys, k)
		}
	}
	logged, err := a.store.LoggedEvents(ctx, keys)
	if err != nil {
		return fmt.Errorf("eventlog: append: %w", err)
	}
	for _, l := range logged {
		if err := byKey[table.EventKey(l.ID)].set(l); err != nil {
			return err
		}
	}
	return nil
}

// set makes the entry that of a logged event.
func (e *Entry) set(logged table.LoggedEvent) (err error) {
	e.Sequence = logged.Sequence
	e.Detail, err = Detail(logged)
	return err
}

// prepare encodes the event with a sequence.
func (e *Entry) prepare(sequence int64) (err error) {
	if e.body != nil && e.Sequence == sequence {
		return nil
	}
	e.Sequence, e.Detail = sequence, e.JSON(sequence)
	e.body, err = Compress(e.Detail)
	return err
}

// batch is the part of an append that is one transaction.
type batch struct {
	transaction table.LogAppend
	entries     []*Entry // of the events
	counts      []*Count // of the changes without an event
	ops         int
}

// earlier is what an earlier append has done.
type earlier struct {
	logged  map[*Entry]bool
	counted map[*Count]bool
}

// appendOnce does as many operations as fit one transaction.
func (a *Appender) appendOnce(ctx context.Context, head table.LogHead, organizationID string, ops []Op) (done int, next table.LogHead, err error) {
	number := journal.ShardOf(organizationID)
	s := &a.shards[number]
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.known {
		if err := a.readShard(ctx, number); err != nil {
			return 0, head, err
		}
	}
	before := earlier{map[*Entry]bool{}, map[*Count]bool{}}
	for range maxConflicts {
		b, err := a.batch(head, number, s.head, ops, before)
		if err != nil {
			return 0, head, err
		}
		if len(b.transaction.Events)+len(b.transaction.Counted)+len(b.transaction.Deferred) == 0 { // all of it is logged or dropped
			return b.ops, head, nil
		}
		heads, err := a.store.AppendLog(ctx, b.transaction)
		var conflict *table.LogConflict
		switch {
		case err == nil:
			s.head = heads.ShardHead
			return b.ops, heads.Head, nil
		case !errors.As(err, &conflict):
			s.known = false // the transaction may have been written
			return 0, head, fmt.Errorf("eventlog: append: %w", err)
		case conflict.Head:
			s.known = s.known && !conflict.Shard
			return 0, head, ErrMoved
		}
		if conflict.Shard {
			if err := a.readShard(ctx, number); err != nil {
				return 0, head, err
			}
		}
		for _, i := range conflict.Counted {
			before.counted[b.counts[i]] = true
		}
		if err := a.readLogged(ctx, b, conflict.Logged, before.logged); err != nil {
			return 0, head, err
		}
	}
	return 0, head, fmt.Errorf("eventlog: append: %w", table.ErrBusy)
}

// maxConflicts bounds how often an append is tried again because the shard has
// moved or events were logged before.
const maxConflicts = 100

func (a *Appender) readShard(ctx context.Context, number int) error {
	heads, err := a.store.EnvironmentHeads(ctx, []int{number})
	if err != nil {
		return fmt.Errorf("eventlog: append: %w", err)
	}
	head := heads[number]
	if head.Version == 0 {
		// The events of an earlier version come first, whatever the clocks were.
		_, err := a.store.LegacyBucket(ctx)
		if err == nil {
			head.Position = journal.PositionAt(a.now().Add(legacyMargin))
		} else if !errors.Is(err, table.ErrNotFound) {
			return fmt.Errorf("eventlog: append: %w", err)
		}
	}
	a.shards[number].known, a.shards[number].head = true, head
	return nil
}

// legacyMargin is more than the clocks of two versions differ.
const legacyMargin = time.Minute

// readLogged reads the events at these indices of a batch, which are in the log.
func (a *Appender) readLogged(ctx context.Context, b batch, indices []int, logged map[*Entry]bool) error {
	keys := make([]string, len(indices))
	for n, i := range indices {
		keys[n] = table.EventKey(b.entries[i].ID)
	}
	events, err := a.store.LoggedEvents(ctx, keys)
	if err != nil {
		return fmt.Errorf("eventlog: append: %w", err)
	}
	if len(events) != len(indices) {
		return errors.New("eventlog: append: an event that was logged cannot be read")
	}
	for n, i := range indices {
		e := b.entries[i]
		if err := e.set(events[n]); err != nil {
			return err
		}
		logged[e] = true
	}
	return nil
}

// batch makes the transaction of the first operations.
func (a *Appender) batch(head table.LogHead, number int, shardHead journal.Head, ops []Op, before earlier) (batch, error) {
	now := a.now()
	head.Begin(now, StreamRetention)
	b := batch{transaction: table.LogAppend{
		Head: head, Shard: number, ShardHead: shardHead, PageTTL: now.Add(pageRetention).Unix(),
	}}
	if head.Legacy() {
		b.transaction.Head.Sequence, b.transaction.Head.LegacyUntil = 0, now.Add(StreamRetention).Unix()
	}
	ttl := now.Add(Retention).Unix()
	position, sequence := max(head.Position, shardHead.Position), int64(b.transaction.Head.Sequence)
	size, actions := 0, 0
	for _, op := range ops {
		if actions == table.MaxLogActions {
			break
		}
		if op.Deferral != nil && !b.transaction.Head.End {
			b.transaction.Deferred = append(b.transaction.Deferred, *op.Deferral)
			actions++
		}
		if c := op.Count; c != nil && !b.transaction.Head.End && !before.counted[c] && b.transaction.Head.Counts(c.Tally) {
			b.counts = append(b.counts, c)
			b.transaction.Counted = append(b.transaction.Counted, table.Claim{Key: table.EventKey(c.ID), TTL: ttl})
			b.transaction.Head.Add(c.Tally)
			actions++
		}
		if e := op.Event; e != nil && !b.transaction.Head.End && !before.logged[e] {
			if err := e.prepare(sequence + 1); err != nil {
				return batch{}, err
			}
			if size += len(e.body); size > maxAppendBytes && len(b.transaction.Events) > 0 {
				break
			}
			sequence++
			position = position.Next(now, number)
			b.entries = append(b.entries, e)
			b.transaction.Events = append(b.transaction.Events, table.LoggedEvent{
				ID: e.ID, Name: e.Name, DirectoryID: e.DirectoryID, OrganizationID: e.OrganizationID,
				Sequence: sequence, Position: position, Body: e.body, TTL: ttl,
			})
			b.transaction.Head.Add(e.Tally)
			actions++
			if e.End {
				b.transaction.Head.End, b.transaction.Head.TTL = true, ttl
			}
		}
		b.ops++
	}
	return b, nil
}
