package eventlog

import (
	"context"
	"time"

	"dsync/internal/table"
	"dsync/internal/table/journal"

	"golang.org/x/sync/errgroup"
)

// Limits of one scan: then the page ends, and a cursor continues it.
const (
	maxExamined = 5_000 // entries, selected or not
	// pageEntries is the least number of entries of a page of a journal: a page
	// is written when so many do not fit a head.
	pageEntries = 10
	maxPages    = 100 // pages of one read of a journal: about a megabyte
)

// markAhead is how far a mark is raised beyond the last event: events that
// follow within that time need no other mark. It is added to the position of an
// event that follows at once.
const markAhead = time.Second

// scanned is the result of a scan, in the order of reading.
type scanned struct {
	entries []journal.Entry
	last    journal.Position // where the scan stopped
	more    bool             // whether entries may follow
}

// scan finds the entries of a query in a range of positions.
func (l *Log) scan(ctx context.Context, q Query, r positions) (scanned, error) {
	if r.after >= r.before {
		return scanned{}, nil
	}
	s := scan{table: l.table, now: l.now, query: q, positions: r}
	if q.DirectoryID != "" {
		heads, err := l.table.LogHeads(ctx, []string{q.DirectoryID})
		if err != nil {
			return scanned{}, err
		}
		head := heads[q.DirectoryID]
		if head.Legacy() || head.LegacyUntil > 0 {
			if err := l.checkMigrated(ctx); err != nil {
				return scanned{}, err
			}
		}
		s.readers = []*journalReader{s.reader(table.DirectoryJournal(q.DirectoryID), head.Head)}
		s.horizon = journal.MaxPosition
		return s.run(ctx)
	}
	if err := l.checkMigrated(ctx); err != nil {
		return scanned{}, err
	}
	shards := []int{journal.ShardOf(q.OrganizationID)}
	if q.OrganizationID == "" {
		shards = shards[:0]
		for n := range journal.Shards {
			shards = append(shards, n)
		}
	}
	heads, err := l.table.EnvironmentHeads(ctx, shards)
	if err != nil {
		return scanned{}, err
	}
	s.horizon = journal.MaxPosition
	for _, n := range shards {
		reader := s.reader(table.EnvironmentJournal(n), heads[n])
		reader.shard = n
		s.readers = append(s.readers, reader)
		if len(shards) > 1 {
			s.horizon = min(s.horizon, heads[n].Position)
		}
	}
	if r.newest {
		if err := s.settle(ctx, s.lastEntry()); err != nil {
			return scanned{}, err
		}
		if s.horizon < journal.MaxPosition {
			s.positions.before = min(s.positions.before, s.horizon+1)
		}
		for _, reader := range s.readers {
			reader.cursor = s.positions.before
		}
	}
	return s.run(ctx)
}

// scan merges journals by position.
type scan struct {
	table     *table.Table
	now       func() time.Time
	query     Query
	positions positions
	readers   []*journalReader
	// horizon is the position up to which the journals are complete: no later
	// append can add an entry there.
	horizon journal.Position

	found    scanned
	examined int
}

func (s *scan) reader(j table.Journal, head journal.Head) *journalReader {
	r := &journalReader{journal: j, head: head, cursor: s.positions.after, newest: s.positions.newest}
	r.limit = min(s.query.Limit/pageEntries+2, maxPages)
	if len(s.query.Names) > 0 || s.query.OrganizationID != "" {
		r.limit = maxPages
	}
	if r.newest {
		r.cursor = s.positions.before
	}
	return r
}

// lastEntry is the position of the newest entry of all journals, according to
// their heads.
func (s *scan) lastEntry() journal.Position {
	last := journal.Position(0)
	for _, r := range s.readers {
		last = max(last, r.head.Paged)
		if n := len(r.head.Entries); n > 0 {
			last = max(last, r.head.Entries[n-1].Position)
		}
	}
	return last
}

// settle completes the journals up to a position: it raises the marks that are
// lower, and reads the heads of these journals again.
func (s *scan) settle(ctx context.Context, upTo journal.Position) error {
	if s.horizon >= upTo {
		return nil
	}
	mark := upTo
	// A mark that is ahead of the clock is not raised further.
	if now := s.now(); !upTo.Time().After(now) {
		mark = max(upTo, journal.PositionAt(now.Add(markAhead)))
	}
	var group errgroup.Group
	for _, r := range s.readers {
		if r.head.Position >= upTo {
			continue
		}
		group.Go(func() error {
			head, err := s.table.RaiseMark(ctx, r.shard, mark)
			r.restart(head)
			return err
		})
	}
	s.horizon = upTo
	return group.Wait()
}

// run reads entries until the page is full, the limit of a scan is reached, or
// the range ends.
func (s *scan) run(ctx context.Context) (scanned, error) {
	for {
		next, err := s.next(ctx)
		if err != nil {
			return scanned{}, err
		}
		if next == nil || !s.within(next.entries[0].Position) {
			return s.found, nil
		}
		if p := next.entries[0].Position; p > s.horizon && !s.positions.newest {
			if err := s.settle(ctx, max(p, s.lastEntry())); err != nil {
				return scanned{}, err
			}
			continue // another journal may have an earlier entry
		}
		if len(s.found.entries) == s.query.Limit || s.examined == maxExamined {
			s.found.more = true
			return s.found, nil
		}
		e := next.take()
		s.examined++
		s.found.last = e.Position
		if s.query.selects(e) {
			s.found.entries = append(s.found.entries, e)
		}
	}
}

func (s *scan) within(p journal.Position) bool {
	return p > s.positions.after && p < s.positions.before
}

// next returns the reader whose next entry is the first in the order of reading,
// or nil when all readers are at the end.
func (s *scan) next(ctx context.Context) (next *journalReader, err error) {
	var group errgroup.Group
	for _, r := range s.readers {
		if len(r.entries) == 0 && !r.end {
			group.Go(func() error { return r.fill(ctx, s.table) })
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, r := range s.readers {
		if len(r.entries) == 0 {
			continue
		}
		if next == nil || (r.entries[0].Position < next.entries[0].Position) != s.positions.newest {
			next = r
		}
	}
	return next, nil
}

// journalReader reads the entries of one journal. The head was read before the
// pages, so entries that move from the head to a page in between are not missed.
type journalReader struct {
	journal table.Journal
	shard   int // of the environment's journal
	head    journal.Head
	newest  bool
	limit   int // pages of one read

	cursor    journal.Position // of the last entry that was read
	entries   []journal.Entry  // that were read and not taken
	headRead  bool
	pagesRead bool
	end       bool
}

// restart continues with a newer head.
func (r *journalReader) restart(head journal.Head) {
	r.head, r.headRead, r.pagesRead, r.end = head, false, false, false
}

func (r *journalReader) take() journal.Entry {
	e := r.entries[0]
	r.entries = r.entries[1:]
	return e
}

// fill reads the next entries, if there are any.
func (r *journalReader) fill(ctx context.Context, t *table.Table) error {
	for len(r.entries) == 0 && !r.end {
		switch {
		case r.newest && !r.headRead, !r.newest && r.pagesRead && !r.headRead:
			r.readHead()
		case !r.pagesRead && !r.newest && r.cursor >= r.head.Paged, !r.pagesRead && r.head.Paged == 0:
			r.pagesRead = true
		case !r.pagesRead:
			entries, more, err := t.JournalPages(ctx, r.journal, r.cursor, r.newest, r.limit)
			if err != nil {
				return err
			}
			r.add(entries)
			r.pagesRead = !more
		default:
			r.end = true
		}
	}
	return nil
}

func (r *journalReader) readHead() {
	r.headRead = true
	var entries []journal.Entry
	for _, e := range r.head.Entries {
		if r.newest && e.Position < r.cursor {
			entries = append([]journal.Entry{e}, entries...)
		} else if !r.newest && e.Position > r.cursor {
			entries = append(entries, e)
		}
	}
	r.add(entries)
}

func (r *journalReader) add(entries []journal.Entry) {
	r.entries = append(r.entries, entries...)
	if n := len(entries); n > 0 {
		r.cursor = entries[n-1].Position
	}
}
