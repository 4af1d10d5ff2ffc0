package eventlog

import (
	"context"
	"errors"
)

// ErrMigrating: an earlier version has written a part of the log, and the job
// that migrates it has not ended. Read again later.
var ErrMigrating = errors.New("eventlog: the log is being migrated")

func (l *Log) checkMigrated(context.Context) error { return nil }
