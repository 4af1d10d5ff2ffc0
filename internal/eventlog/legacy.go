package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dsync/internal/table"
	"dsync/internal/table/journal"

	"github.com/oklog/ulid/v2"
)

// ErrMigrating: an earlier version has written a part of the log, and the job
// that migrates it has not ended. Read again later.
var ErrMigrating = errors.New("eventlog: the log is being migrated")

// checkMigrated fails with ErrMigrating while the log has events of an earlier
// version.
func (l *Log) checkMigrated(ctx context.Context) error {
	if l.migrated.Load() {
		return nil
	}
	_, err := l.table.LegacyBucket(ctx)
	switch {
	case errors.Is(err, table.ErrNotFound):
		l.migrated.Store(true)
		return nil
	case err != nil:
		return err
	}
	return ErrMigrating
}

// Migration moves the log of an earlier version to the present form, a step at a
// time. Events keep their ids, bodies and order. They have no sequence.
type Migration struct{ table *table.Table }

// NewMigration returns the migration of the log in the table.
func NewMigration(t *table.Table) Migration { return Migration{t} }

// Needed reports whether there is anything to migrate.
func (m Migration) Needed(ctx context.Context) (bool, error) {
	_, err := m.table.LegacyBucket(ctx)
	if errors.Is(err, table.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// migrationStep is the number of events of one step.
const migrationStep = 300

// Step migrates a part of the first bucket. cursor is that of the previous step,
// "" at first; a step may be repeated. It returns the number of events, and
// whether nothing is left.
func (m Migration) Step(ctx context.Context, cursor string) (next string, n int, done bool, err error) {
	bucket, err := m.table.LegacyBucket(ctx)
	if errors.Is(err, table.ErrNotFound) {
		return "", 0, true, nil
	} else if err != nil {
		return "", 0, false, err
	}
	c, err := parseMigrationCursor(cursor)
	if err != nil {
		return "", 0, false, err
	}
	if c.bucket != bucket {
		c = migrationCursor{bucket: bucket}
	}
	events, more, err := m.table.LegacyEvents(ctx, bucket, c.sort, migrationStep)
	if err != nil {
		return "", 0, false, err
	}
	expires := int64(0)
	for i := range events {
		e := &events[i]
		at, err := ulid.ParseStrict(e.ULID)
		if err != nil {
			return "", 0, false, fmt.Errorf("eventlog: position %q: %w", e.ULID, err)
		}
		c.position = c.position.Next(ulid.Time(at.Time()), journal.ShardOf(e.Event.OrganizationID))
		e.Event.Position, c.sort = c.position, e.Sort
		expires = max(expires, e.Event.TTL)
	}
	if len(events) > 0 {
		err = m.table.MigrateEvents(ctx, events, expires+int64((pageRetention-Retention)/time.Second))
		if err != nil {
			return "", 0, false, err
		}
	}
	if !more {
		err = m.table.RemoveLegacyBucket(ctx, bucket)
	}
	return c.String(), len(events), false, err
}

// migrationCursor is where a step ended.
type migrationCursor struct {
	bucket, sort string
	position     journal.Position
}

func (c migrationCursor) String() string {
	return strings.Join([]string{c.bucket, c.sort, strconv.FormatUint(uint64(c.position), 10)}, " ")
}

func parseMigrationCursor(s string) (c migrationCursor, err error) {
	if s == "" {
		return c, nil
	}
	parts := strings.Split(s, " ")
	if len(parts) != 3 {
		return c, fmt.Errorf("eventlog: cursor of a migration %q", s)
	}
	position, err := strconv.ParseUint(parts[2], 10, 64)
	return migrationCursor{parts[0], parts[1], journal.Position(position)}, err
}
