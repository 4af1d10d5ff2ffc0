package consumer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Gap is a range of events of a directory that were not consumed.
type Gap struct {
	DirectoryID string
	From, To    int64 // the first and the last sequence
}

const (
	// defaultGrace allows for the first retries of EventBridge and Lambda.
	defaultGrace = 15 * time.Minute
	// maxGaps is how many gaps of a directory are reported at once. The next
	// check reports the others.
	maxGaps = 1000
	// maxDirectories is for how many directories a process remembers the time
	// of the next check.
	maxDirectories = 10_000
	// keepSnapshot is how long a directory may have no event before the consumer
	// forgets what it has consumed of it.
	keepSnapshot = 10 * 365 * 24 * time.Hour
)

// The keys of a directory for the search of gaps.
func snapshotKey(directory string) Key   { return Key{directory, "gaps/snapshot"} }
func reconciledKey(directory string) Key { return Key{directory, "gaps/reconciled"} }
func reportKey(directory string) Key     { return Key{directory, "gaps/report"} }

// snapshot is what was consumed of a directory at a time. A sequence between
// contiguous and highest that is still not recorded after the grace time is a
// gap.
type snapshot struct {
	at         int64 // milliseconds since 1970; 0 if there is no snapshot yet
	contiguous int64 // up to here, everything was consumed, reconciled or reported
	highest    int64 // the greatest recorded sequence
}

// A later snapshot has a greater text, so that it is the mark that remains.
const snapshotForm = "%019d/%019d/%019d"

func (s snapshot) position() string {
	return fmt.Sprintf(snapshotForm, s.at, s.contiguous, s.highest)
}

// Reconciled stores that a reconciliation has applied the state of the
// directory at this sequence. Earlier events that were not consumed are not
// reported as gaps.
func (c *Consumer) Reconciled(ctx context.Context, directoryID string, sequence int64) error {
	position := fmt.Sprintf("%019d", sequence)
	if err := c.store.Raise(ctx, reconciledKey(directoryID), position, c.o.Now().Add(keepSnapshot)); err != nil {
		return fmt.Errorf("consumer: reconciled %s: %w", directoryID, err)
	}
	return nil
}

// FindGaps calls Options.Gap for the gaps of the directory. Consume does so for
// the directory of its event. Call FindGaps on a schedule to find gaps in
// directories that receive no further event. It does nothing without
// Options.Gap.
func (c *Consumer) FindGaps(ctx context.Context, directoryID string) error {
	if c.o.Gap == nil {
		return nil
	}
	now := c.o.Now()
	err := c.findGaps(ctx, directoryID, now)
	if err != nil {
		c.checks.set(directoryID, now)
		return fmt.Errorf("consumer: gaps of %s: %w", directoryID, err)
	}
	return nil
}

// track records the event and finds gaps, if the last check was long enough
// ago.
func (c *Consumer) track(ctx context.Context, e Event) error {
	directory := e.Key().Directory
	if c.o.Gap == nil || e.Sequence == 0 || e.observed() || directory == "" {
		return nil
	}
	if err := c.store.Record(ctx, directory, e.Sequence, c.expiry()); err != nil {
		return fmt.Errorf("consumer: %s %s: %w", e.Name, e.ID, err)
	}
	if !c.checks.due(directory, c.o.Now()) {
		return nil
	}
	return c.FindGaps(ctx, directory)
}

// findGaps compares what is recorded with the last snapshot, if that is old
// enough, and takes the next one.
func (c *Consumer) findGaps(ctx context.Context, directoryID string, now time.Time) error {
	last, err := c.readSnapshot(ctx, directoryID)
	if err != nil {
		return err
	}
	due := time.UnixMilli(last.at).Add(c.o.Grace)
	if last.at != 0 && now.Before(due) {
		c.checks.set(directoryID, due)
		return nil
	}
	c.checks.set(directoryID, now.Add(c.o.Grace))
	gaps, next, err := c.compare(ctx, directoryID, last)
	if err != nil {
		return err
	}
	next.at = now.UnixMilli()
	if len(gaps) == 0 {
		return c.storeSnapshot(ctx, directoryID, next)
	}
	return c.report(ctx, directoryID, gaps, last, next)
}

// compare returns the gaps since the last snapshot, and the next snapshot.
func (c *Consumer) compare(ctx context.Context, directoryID string, last snapshot) (gaps []Gap, next snapshot, err error) {
	next = last
	previous, open := last.contiguous, false // open: a sequence is missing that was not missing at the last snapshot
	for n, err := range c.store.Recorded(ctx, directoryID, last.contiguous) {
		if err != nil {
			return nil, next, err
		}
		if to := min(n-1, last.highest); to > previous {
			gaps = append(gaps, Gap{directoryID, previous + 1, to})
		}
		if !open && n-1 > max(previous, last.highest) {
			next.contiguous, open = max(previous, last.highest), true
		}
		if !open {
			next.contiguous = n
		}
		next.highest = max(next.highest, n)
		previous = n
		if len(gaps) == maxGaps {
			break
		}
	}
	return gaps, next, nil
}

// report calls Options.Gap under a lease, so that one process reports a gap. If
// that process fails, another one reports it again.
func (c *Consumer) report(ctx context.Context, directoryID string, gaps []Gap, last, next snapshot) error {
	limited, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	k, holder, now := reportKey(directoryID), rand.Text(), c.o.Now()
	err := c.store.Take(limited, k, Lease{Position: last.position(), Holder: holder, Now: now, Until: now.Add(c.o.Timeout + leaseMargin)})
	if errors.Is(err, ErrHeld) || errors.Is(err, ErrStale) {
		return nil
	}
	if err != nil {
		return err
	}
	for i := 0; i < len(gaps) && err == nil; i++ {
		err = c.o.Gap(limited, gaps[i])
	}
	if err == nil {
		err = c.storeSnapshot(limited, directoryID, next)
	}
	if err != nil {
		return errors.Join(err, c.release(ctx, k, holder))
	}
	return c.store.Finish(ctx, k, holder, c.o.Now().Add(keepSnapshot))
}

// readSnapshot returns the last snapshot, raised to what was reconciled.
func (c *Consumer) readSnapshot(ctx context.Context, directoryID string) (s snapshot, err error) {
	marks, err := c.store.Read(ctx, snapshotKey(directoryID), reconciledKey(directoryID))
	if err != nil {
		return s, err
	}
	var reconciled int64
	if marks[0] != "" {
		_, err = fmt.Sscanf(marks[0], snapshotForm, &s.at, &s.contiguous, &s.highest)
	}
	if marks[1] != "" && err == nil {
		_, err = fmt.Sscanf(marks[1], "%019d", &reconciled)
	}
	s.contiguous = max(s.contiguous, reconciled)
	return s, err
}

func (c *Consumer) storeSnapshot(ctx context.Context, directoryID string, s snapshot) error {
	return c.store.Raise(ctx, snapshotKey(directoryID), s.position(), c.o.Now().Add(keepSnapshot))
}

// checks has the time of the next check of each directory. It is safe for
// concurrent use.
type checks struct {
	mu   sync.Mutex
	next map[string]time.Time
}

// due reports whether the next check is due at now.
func (c *checks) due(directory string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !now.Before(c.next[directory])
}

func (c *checks) set(directory string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.next) >= maxDirectories {
		clear(c.next)
	}
	c.next[directory] = at
}
