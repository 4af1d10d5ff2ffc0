package table

import (
	"errors"
	"fmt"
	"io"
	"time"

	"dsync/internal/id"
)

// maxStale bounds how often a change is applied anew because another one came
// in between. Each time another change succeeded.
const maxStale = 60

// RetryStale calls attempt until it does not fail with ErrStale. attempt reads
// a record, changes it, and writes it. RetryStale fails with ErrBusy when other
// changes kept coming in between.
func RetryStale(attempt func() error) error {
	for range maxStale {
		if err := attempt(); !errors.Is(err, ErrStale) {
			return err
		}
	}
	return ErrBusy
}

// Timestamp is a time in the precision that records and events have:
// milliseconds, in UTC.
func Timestamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// NewJob returns a job that has not been written, before its first step.
func NewJob(task Task, directoryID string, at time.Time, actor Actor, entropy io.Reader) (Job, error) {
	jobID, err := id.New(id.Job, at, entropy)
	if err != nil {
		return Job{}, fmt.Errorf("table: job: %w", err)
	}
	return Job{ID: jobID, DirectoryID: directoryID, Task: task, State: JobRunning, Created: at, Modified: at, Actor: actor}, nil
}
