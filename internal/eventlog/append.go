package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dsync/internal/table"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
)

// Entry is an event to be appended.
type Entry struct {
	ID             string // event_…
	Name           string
	DirectoryID    string
	OrganizationID string
	Detail         []byte    // the event, JSON
	Changed        time.Time // time of the stream record, in whole seconds
	Sequence       string    // sequence number of the stream record
	End            bool      // no event follows in the directory
	// Redriven says that the entry was parked and is appended after events of
	// later changes. The caller has checked that it is not logged.
	Redriven bool
}

// Outcome is the result of appending an entry.
type Outcome int

// The outcomes.
const (
	// Failed: the entry is not logged, or that is unknown. Append it again.
	Failed Outcome = iota
	// Logged: the entry is in the log, by this call or an earlier one.
	Logged
	// Dropped: the directory had ended before. The entry is not an event.
	Dropped
)

// maxDirectories is how many directories are appended to at the same time.
const maxDirectories = 8

// Append logs entries, which are in the order of the stream, and returns the
// outcome of each. If an append to a directory fails, the outcomes of the
// remaining entries of the directory are Failed. The error is the first that
// occurred; the other directories are appended to nevertheless.
func (l *Log) Append(ctx context.Context, entries []Entry) ([]Outcome, error) {
	outcomes := make([]Outcome, len(entries))
	indices := map[string][]int{} // of the entries, by directory
	var directoryIDs []string
	for i, e := range entries {
		if indices[e.DirectoryID] == nil {
			directoryIDs = append(directoryIDs, e.DirectoryID)
		}
		indices[e.DirectoryID] = append(indices[e.DirectoryID], i)
	}
	heads, err := l.table.LogHeads(ctx, directoryIDs)
	if err != nil {
		return outcomes, err
	}
	var group errgroup.Group
	group.SetLimit(maxDirectories)
	for _, directoryID := range directoryIDs {
		group.Go(func() error {
			return l.appendDirectory(ctx, heads[directoryID], entries, indices[directoryID], outcomes)
		})
	}
	return outcomes, group.Wait()
}

// maxConflicts bounds how often an append is retried because another relay
// appended in between, or because it took longer than appendTimeout.
const maxConflicts = 10

// appendDirectory appends the entries at those indices to the log of their
// directory.
func (l *Log) appendDirectory(ctx context.Context, head table.LogHead, entries []Entry, indices []int, outcomes []Outcome) error {
	for conflicts := 0; ; {
		for len(indices) > 0 && isLogged(entries[indices[0]], head) {
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
		n, newHead, err := l.appendOnce(ctx, head, entries, indices)
		if err == nil {
			for _, i := range indices[:n] {
				outcomes[i] = Logged
			}
			head, indices = newHead, indices[n:]
			continue
		}
		retryable := errors.Is(err, table.ErrStale) || errors.Is(err, context.DeadlineExceeded)
		if !retryable || conflicts == maxConflicts || ctx.Err() != nil {
			return fmt.Errorf("eventlog: append: %w", err)
		}
		conflicts++
		heads, err := l.table.LogHeads(ctx, []string{head.DirectoryID})
		if err != nil {
			return err
		}
		head = heads[head.DirectoryID]
	}
}

// isLogged reports whether an entry is in the log already: the head is that of
// the same stream record or a later one.
func isLogged(e Entry, head table.LogHead) bool {
	return !e.Redriven && !isLater(e.Sequence, head.Sequence)
}

// maxAppendBytes bounds the events of one append. A transaction holds 4 MB.
const maxAppendBytes = 3 << 20

// appendOnce appends as many of the entries as fit one transaction, up to the
// end of the directory. It returns their number and the new head.
func (l *Log) appendOnce(ctx context.Context, head table.LogHead, entries []Entry, indices []int) (n int, newHead table.LogHead, err error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	now := l.now()
	ttl := now.Add(Retention).Unix()
	newHead = head
	size := 0
	var events []table.LoggedEvent
	for _, i := range indices[:min(len(indices), table.MaxAppend)] {
		e := entries[i]
		body, err := compress(e.Detail)
		if err != nil {
			return 0, head, err
		}
		size += len(body)
		if size > maxAppendBytes && len(events) > 0 {
			break
		}
		position, err := positionAfter(newHead.Position, e, now)
		if err != nil {
			return 0, head, err
		}
		if err := l.putBucket(ctx, bucketOf(position, e.OrganizationID)); err != nil {
			return 0, head, err
		}
		events = append(events, table.LoggedEvent{
			Position: position, ID: e.ID, Name: e.Name, DirectoryID: e.DirectoryID, OrganizationID: e.OrganizationID, Body: body, TTL: ttl,
		})
		newHead.Position = position
		if isLater(e.Sequence, newHead.Sequence) {
			newHead.Sequence = e.Sequence
		}
		if e.End {
			newHead.End, newHead.TTL = true, ttl
			break
		}
	}
	err = l.table.AppendLog(ctx, newHead, events, func(e table.LoggedEvent) table.Bucket { return bucketOf(e.Position, e.OrganizationID) })
	newHead.Version++
	return len(events), newHead, err
}

// positionAfter is the position of an entry in a directory whose last event has
// the position last; "" is an empty log.
func positionAfter(last string, e Entry, now time.Time) (string, error) {
	u, err := ulid.ParseStrict(e.ID[strings.LastIndexByte(e.ID, '_')+1:])
	if err != nil {
		return "", fmt.Errorf("eventlog: id %q: %w", e.ID, err)
	}
	if e.Redriven || now.Sub(e.Changed) > lateAfter {
		if err := u.SetTime(ulid.Timestamp(now)); err != nil {
			return "", fmt.Errorf("eventlog: clock: %w", err)
		}
	}
	if last == "" || u.String() > last {
		return u.String(), nil
	}
	previous, err := ulid.ParseStrict(last)
	if err != nil {
		return "", fmt.Errorf("eventlog: position %q: %w", last, err)
	}
	return following(previous).String(), nil
}

// bucketRetention is how long a bucket is retained: longer than its events.
const bucketRetention = Retention + 48*time.Hour

// putBucket writes a bucket to the table, unless this Log has done so before.
// It is written before the first event of the bucket.
func (l *Log) putBucket(ctx context.Context, b table.Bucket) error {
	if _, ok := l.written.Get(b); ok {
		return nil
	}
	if err := l.table.PutBucket(ctx, b, b.Hour.Add(bucketRetention).Unix()); err != nil {
		return err
	}
	l.written.Put(b, struct{}{})
	return nil
}

// isLater reports whether one sequence number is greater than another: decimal
// numbers of up to 40 digits, possibly with leading zeros.
func isLater(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}
