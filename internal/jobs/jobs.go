// Package jobs does long work one page at a time. A job is a record of the
// table. Creating the record starts the first step through the stream. Each
// step ends with a write of the record, which starts the next step. A step
// never waits: it writes the time at which the next one is due, and Sweep,
// which a schedule calls, starts that step. Sweep also starts the steps that
// the stream has not started or that have failed.
//
// Promises:
//
//   - A job survives crashes, and a step that is delivered twice is done once.
//   - A job ends or is retried, for as long as that takes. Only a job that has
//     done MaxSteps steps without an end is stopped: it becomes JobFailed.
//   - A job that fails stops no other job.
package jobs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"dsync/internal/metric"
	"dsync/internal/redact"
	"dsync/internal/table"
	"dsync/internal/table/count"
	"dsync/internal/table/stream"

	"github.com/aws/aws-lambda-go/events"
)

// page is the number of records of one step: 20 BatchWriteItem calls of 25.
const page = 500

// MaxSteps bounds the steps of a job. A job with so many is in a loop: 50
// million records are deleted in as many steps.
const MaxSteps = 100_000

// TokenTrust is how long a function may still act on the old state after a
// directory changed: it caches a token for 5 seconds, and a request may then
// run for 10 seconds. One second is added for the clocks.
const TokenTrust = 16 * time.Second

// DefaultEraseAfter is when the log of a deleted directory is erased, after the
// deletion, if the deployment does not say otherwise.
const DefaultEraseAfter = 30 * 24 * time.Hour

// FailedRetention is how long the record of a failed job is retained.
const FailedRetention = 90 * 24 * time.Hour

// Worker runs jobs. It is safe for concurrent use.
type Worker struct {
	table      *table.Table
	now        func() time.Time
	entropy    io.Reader
	tokenTrust time.Duration
	eraseAfter time.Duration
	log        *slog.Logger
	metrics    *metric.Writer
	migrated   atomic.Bool  // the event log has nothing of an earlier version
	completed  atomic.Bool  // no record lacks what CompleteRecords gives
	versioned  atomic.Bool  // the table has the version of this code
	walked     atomic.Int64 // when a sweep last started StartCounts, in seconds since the epoch
}

// Option is a setting of a Worker.
type Option func(*Worker)

// EraseAfter sets when the log of a deleted directory is erased, after the
// deletion.
func EraseAfter(d time.Duration) Option { return func(w *Worker) { w.eraseAfter = d } }

// Metrics sets where metrics are written.
func Metrics(m *metric.Writer) Option { return func(w *Worker) { w.metrics = m } }

// New returns a worker on the table. entropy is the source of ids. tokenTrust
// is TokenTrust outside tests. The other waits of jobs are multiples of it.
func New(t *table.Table, now func() time.Time, entropy io.Reader, tokenTrust time.Duration, log *slog.Logger, options ...Option) *Worker {
	w := &Worker{table: t, now: now, entropy: entropy, tokenTrust: tokenTrust, eraseAfter: DefaultEraseAfter, log: log}
	for _, set := range options {
		set(w)
	}
	return w
}

// Invocation is the payload of an invocation: a batch of the stream, or
// {"sweep":true} from a schedule.
type Invocation struct {
	Records []events.DynamoDBEventRecord `json:"Records"`
	Sweep   bool                         `json:"sweep"`
}

// Invoke handles an invocation: see Handle and Sweep.
func (w *Worker) Invoke(ctx context.Context, i Invocation) error {
	if i.Sweep {
		return w.Sweep(ctx)
	}
	return w.Handle(ctx, events.DynamoDBEvent{Records: i.Records})
}

// Handle does one step of each job in the batch that is due. A step that fails
// is left to Sweep, so that it does not delay the jobs behind it. Handle fails
// if it cannot record that. Lambda then retries the batch; completed steps are
// recognised and skipped. A record that cannot be read is skipped: no retry helps.
func (w *Worker) Handle(ctx context.Context, batch events.DynamoDBEvent) error {
	var failures []error
	for _, record := range batch.Records {
		job, err := stream.ReadJob(record.Change)
		if err != nil {
			w.log.LogAttrs(ctx, slog.LevelError, "a record of a job cannot be read", slog.String("error", redact.Error(err)), slog.String("sequence_number", record.Change.SequenceNumber))
			continue
		}
		if job != nil && job.State == table.JobRunning {
			failures = append(failures, w.attempt(ctx, *job))
		}
	}
	return errors.Join(failures...)
}

// progress is the result of a step.
type progress struct {
	records int         // number of records processed
	cursor  string      // start of the next step
	due     time.Time   // when the next step may run; zero is at once
	end     bool        // of a pass over the records
	follow  []table.Job // jobs that are created with this step
	counts  count.Counts
	restart bool // the job starts over
}

// task is how the steps of a task are done.
type task struct {
	step func(context.Context, table.Job) (progress, error)
	// passes is how often the records are gone through. The next pass begins
	// when the previous one has ended and settle is over.
	passes int
}

func (w *Worker) taskOf(job table.Job) (task, error) {
	switch job.Task {
	case table.ClearMemberships:
		return task{w.clearMemberships, 2}, nil
	case table.RemoveMembers:
		return task{w.removeMembers, 1}, nil
	case table.Announce:
		return task{w.announce, 2}, nil
	case table.Project:
		return task{w.project, 1}, nil
	case table.Purge:
		return task{w.purge, 1}, nil
	case table.Erase:
		return task{w.erase, 1}, nil
	case table.MigrateLog:
		return task{w.migrate, 1}, nil
	case table.StartCounts:
		return task{w.startCounts, 1}, nil
	case table.Count:
		return task{w.count, 1}, nil
	case table.CompleteRecords:
		return task{w.complete, 1}, nil
	case table.ApplyDomains:
		return task{w.applyDomains, 2}, nil
	}
	return task{}, errors.New("no such task")
}

// settle is the time between two passes over memberships. The second pass finds
// what a request wrote that had read the state before the change, which may
// take TokenTrust, and what the index did not have yet: it usually follows
// within moments, and more than a minute is allowed for.
func (w *Worker) settle() time.Duration { return 5 * w.tokenTrust }

// step processes one page of the job, unless the step is done already or is
// not due.
func (w *Worker) step(ctx context.Context, delivered table.Job) error {
	job, err := w.table.Job(ctx, delivered.ID)
	if errors.Is(err, table.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	at := w.now()
	if job.Steps != delivered.Steps || job.State != table.JobRunning || job.Due.After(at) {
		return nil
	}
	if job.Steps >= MaxSteps {
		return w.fail(ctx, job, table.Timestamp(at))
	}
	task, err := w.taskOf(job)
	if err != nil {
		return err
	}
	p, err := task.step(ctx, job)
	if err != nil {
		return err
	}
	at = table.Timestamp(w.now())
	job.Steps++
	job.Done += p.records
	job.Cursor, job.Due, job.Modified = p.cursor, p.due, at
	job.Counts = p.counts
	if p.restart {
		job.Tries++
	}
	job.Failures, job.Error = 0, ""
	if p.end {
		job.Pass++
		job.Cursor = ""
		if job.Pass < task.passes {
			job.Due = at.Add(w.settle())
		} else {
			job.State, job.TTL = table.JobDone, at.Add(table.DeletedRetention).Unix()
		}
	}
	if err := w.table.StepJob(ctx, job, p.follow...); err != nil && !errors.Is(err, table.ErrStale) {
		return err
	}
	w.logJob(ctx, slog.LevelInfo, "job step", job, slog.Int("step", job.Steps), slog.Int("done", job.Done), slog.String("state", string(job.State)))
	return nil
}

// fail stops a job that has done too many steps.
func (w *Worker) fail(ctx context.Context, job table.Job, at time.Time) error {
	job.Steps++
	job.State, job.Error, job.Modified, job.Due = table.JobFailed, tooManySteps, at, time.Time{}
	job.TTL = at.Add(FailedRetention).Unix()
	if err := w.table.StepJob(ctx, job); errors.Is(err, table.ErrStale) {
		return nil
	} else if err != nil {
		return err
	}
	w.logJob(ctx, slog.LevelError, "job failed", job, slog.String("error", job.Error), slog.Int("step", job.Steps))
	w.metrics.Write(nil, metric.Properties{"job_id": job.ID}, metric.JobsFailed.Of(1))
	return nil
}

const tooManySteps = "the job has done 100,000 steps, the most that a job may do, and has not ended"

// logJob logs a message about a job.
func (w *Worker) logJob(ctx context.Context, level slog.Level, message string, job table.Job, attributes ...slog.Attr) {
	w.log.LogAttrs(ctx, level, message, append([]slog.Attr{
		slog.String("job_id", job.ID), slog.String("task", string(job.Task)), slog.String("directory_id", job.DirectoryID),
	}, attributes...)...)
}
