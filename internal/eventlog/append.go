package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dsync/internal/table"

	"github.com/oklog/ulid/v2"
)

// Entry is an event to be appended.
type Entry struct {
	ID             string // event_…
	Name           string
	DirectoryID    string
	OrganizationID string
	Detail         []byte    // the event as JSON
	Changed        time.Time // when the stream says that the change was
	Sequence       string    // of the stream record
	End            bool      // nothing follows in the directory
	// Behind says that the entry was left out in its time and is appended now,
	// behind what came later. The caller has seen that it is not logged.
	Behind bool
}

// Outcome is what became of an entry.
type Outcome int

// The outcomes.
const (
	// Failed: it is not logged, or nobody knows. Append it again.
	Failed Outcome = iota
	// Logged: it is in the log, by this call or an earlier one.
	Logged
	// Dropped: its directory was deleted before. It is no event.
	Dropped
)

// parallel is how many directories are appended to at once.
const parallel = 8

// Append logs entries, which stand in the order of the stream, and tells what
// became of each. Of a directory whose append fails, the entries from the
// first that failed on are all Failed. The error is the first that occurred.
func (l *Log) Append(ctx context.Context, entries []Entry) ([]Outcome, error) {
	outcomes := make([]Outcome, len(entries))
	byDirectory := map[string][]int{}
	var dirs []string
	for i, e := range entries {
		if byDirectory[e.DirectoryID] == nil {
			dirs = append(dirs, e.DirectoryID)
		}
		byDirectory[e.DirectoryID] = append(byDirectory[e.DirectoryID], i)
	}
	heads, err := l.table.LogHeads(ctx, dirs)
	if err != nil {
		return outcomes, err
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	errs := make([]error, len(dirs))
	for n, dir := range dirs {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[n] = l.extend(ctx, heads[dir], entries, byDirectory[dir], outcomes)
		})
	}
	wg.Wait()
	return outcomes, cmp.Or(errs...)
}

// maxRaces bounds how often an append begins again because another relay was
// faster, or too slow. Each time somebody else got through.
const maxRaces = 10

// extend appends the entries at those indices to the log of their directory.
func (l *Log) extend(ctx context.Context, head table.LogHead, entries []Entry, indices []int, outcomes []Outcome) error {
	for race := 0; ; {
		// What the head has passed is logged; after the end nothing is.
		for len(indices) > 0 && !entries[indices[0]].Behind && !later(entries[indices[0]].Sequence, head.Sequence) {
			outcomes[indices[0]] = Logged
			indices = indices[1:]
		}
		if head.End {
			for _, i := range indices {
				outcomes[i] = Dropped
			}
			return nil
		}
		if len(indices) == 0 {
			return nil
		}
		n, moved, err := l.append(ctx, head, entries, indices)
		switch {
		case err == nil:
			for _, i := range indices[:n] {
				outcomes[i] = Logged
			}
			head, indices = moved, indices[n:]
			continue
		case !errors.Is(err, table.ErrStale) && !errors.Is(err, context.DeadlineExceeded) || race == maxRaces || ctx.Err() != nil:
			return fmt.Errorf("eventlog: append: %w", err)
		}
		race++
		heads, err := l.table.LogHeads(ctx, []string{head.DirectoryID})
		if err != nil {
			return err
		}
		head = heads[head.DirectoryID]
	}
}

// maxAppendBytes bounds one append: a transaction holds 4 MB.
const maxAppendBytes = 3 << 20

// append writes as many of the entries as fit one transaction, up to an end.
func (l *Log) append(ctx context.Context, head table.LogHead, entries []Entry, indices []int) (n int, moved table.LogHead, err error) {
	ctx, cancel := context.WithTimeout(ctx, appendTime)
	defer cancel()
	now := l.now()
	ttl := now.Add(Retention).Unix()
	size := 0
	var list []table.LoggedEvent
	for _, i := range indices[:min(len(indices), table.MaxAppend)] {
		e := entries[i]
		body, err := pack(e.Detail)
		if err != nil {
			return 0, head, err
		}
		if size += len(body); size > maxAppendBytes && n > 0 {
			break
		}
		position, err := place(e, head.Position, now)
		if err != nil {
			return 0, head, err
		}
		if err := l.note(ctx, bucket(position, e.OrganizationID)); err != nil {
			return 0, head, err
		}
		list = append(list, table.LoggedEvent{
			Position: position, ID: e.ID, Name: e.Name, DirectoryID: e.DirectoryID, OrganizationID: e.OrganizationID, Body: body, TTL: ttl,
		})
		if head.Position, head.End = position, e.End; later(e.Sequence, head.Sequence) {
			head.Sequence = e.Sequence
		}
		if n++; e.End {
			head.TTL = ttl
			break
		}
	}
	err = l.table.AppendLog(ctx, head, list, func(e table.LoggedEvent) table.Bucket { return bucket(e.Position, e.OrganizationID) })
	head.Version++
	return n, head, err
}

// place is the position of an entry behind the last one of its directory.
func place(e Entry, last string, now time.Time) (string, error) {
	u, err := ulid.ParseStrict(e.ID[strings.LastIndexByte(e.ID, '_')+1:])
	if err != nil {
		return "", fmt.Errorf("eventlog: id %q: %w", e.ID, err)
	}
	if e.Behind || now.Sub(e.Changed) > lateAfter {
		if err := u.SetTime(ulid.Timestamp(now)); err != nil {
			return "", fmt.Errorf("eventlog: clock: %w", err)
		}
	}
	if last != "" && u.String() <= last {
		if u, err = ulid.ParseStrict(last); err != nil {
			return "", fmt.Errorf("eventlog: position %q: %w", last, err)
		}
		u = next(u)
	}
	return u.String(), nil
}

// note notes a bucket before the first event of it is logged.
func (l *Log) note(ctx context.Context, b table.Bucket) error {
	l.mu.Lock()
	known := l.noted[b]
	l.mu.Unlock()
	if known {
		return nil
	}
	if err := l.table.PutBucket(ctx, b, b.Hour.Add(Retention+48*time.Hour).Unix()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.noted) > 1000 {
		clear(l.noted)
	}
	l.noted[b] = true
	return nil
}

// later reports whether a sequence number comes after another. They are
// numbers of up to 40 digits, perhaps with zeros in front.
func later(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// among reports whether a name is one of names; none is all.
func among(name string, names []string) bool { return len(names) == 0 || slices.Contains(names, name) }
