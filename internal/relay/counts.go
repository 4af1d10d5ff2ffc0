package relay

import (
	"context"
	"fmt"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"
	"dsync/internal/table/count"
)

// tallyOf is what a change of a user or group adds to the counts of its
// directory. Users whom the directory hides from consumers count as inactive.
func tallyOf(old, updated *dsync.Resource, kind table.Kind) count.Tally {
	t := count.Tally{At: updated.Updated}
	add := func(r *dsync.Resource, n int) {
		switch {
		case r == nil || r.Deleted:
		case kind == table.Group:
			t.Groups += n
		case dsync.Active(r.Document):
			t.Active += n
		default:
			t.Inactive += n
		}
	}
	add(old, -1)
	add(updated, 1)
	return t
}

// countID identifies a change that is counted apart from an event. The version
// is unique, because every write of the record is conditional.
func countID(at time.Time, r *table.Resource) (string, error) {
	return dsync.EventID(at, "counted", r.ID, fmt.Sprint(r.Version))
}

// recount sets the counts of changes that are refreshed. A refreshed change has
// an event of a later state, or none, but it is counted as what it was: the later
// changes count themselves. Its own event may be logged: then it is counted.
func (r *Relay) recount(ctx context.Context, w *work) error {
	var keys []string
	own := map[string]*change{} // by the key of the own event
	for i := range w.changes {
		c := &w.changes[i]
		if c.NewResource == nil || c.count != nil {
			continue
		}
		at := c.record.Change.ApproximateCreationDateTime.Time
		e := &entry{}
		c.count = &eventlog.Count{}
		event, err := e.resourceChange(at, c.OldResource, c.NewResource)
		if err != nil || e.Tally.Zero() {
			continue // the derivation parks what cannot be read
		}
		if c.count.ID, err = countID(at, c.NewResource); err != nil {
			return err
		}
		c.count.Tally = e.Tally
		if event != nil {
			key := table.EventKey(e.ID)
			keys, own[key] = append(keys, key), c
		}
	}
	logged, err := r.table.LoggedEvents(ctx, keys)
	for _, l := range logged {
		own[table.EventKey(l.ID)].count.Tally = count.Tally{}
	}
	return err
}
