// Package restore restores the table of a system to an earlier time: the steps of
// docs/operations.md, Backup and restore, with waiting.
//
// It keeps no state: each run looks at the tables and at the functions, and goes on
// with the first step that is not done. So it can be interrupted and repeated, from
// any machine, and a run after the last step changes nothing.
package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dsync/internal/table/carryover"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Functions are the functions of a system. Stopping is idempotent.
type Functions interface {
	// Table returns the name of the table that the functions use.
	Table(ctx context.Context) (string, error)
	// StopWriters stops every function but the relay. Callers get 5xx.
	StopWriters(ctx context.Context) error
	// CaughtUp reports whether the relay has read what was written before the writers
	// were stopped.
	CaughtUp(ctx context.Context, table string) (bool, error)
	// StopRelay stops the relay, so that nothing is added to the log.
	StopRelay(ctx context.Context) error
	// Start starts all functions, the relay first.
	Start(ctx context.Context) error
}

// Options say what to restore.
type Options struct {
	DB        *dynamodb.Client
	Functions Functions
	At        time.Time // the time to which the table is restored
	Target    string    // name of the restored table, which must be the same in each run
	// RecoveryDays are those of the point-in-time recovery of the restored table.
	RecoveryDays int32
	Apply        bool // false only shows the steps
	// Behind goes on although the relay has not caught up. What it has not read stays
	// in the stream of the old table for 24 hours.
	Behind bool
	Say    func(format string, a ...any) // a line for the operator
	// Wait waits between two looks at a table or at the relay; nil means a few
	// seconds.
	Wait func(ctx context.Context) error
	Now  func() time.Time
}

// interval is the time between two looks, and so between two lines. A restore takes
// minutes to hours.
const interval = 4 * time.Second

// Result is what a run came to.
type Result struct {
	// StreamARN is the setting tableStreamArn for the deployment that has to follow,
	// before the next run. It is "" before and after that.
	StreamARN string
	// Done says that the functions run and use the restored table.
	Done bool
}

// run is one run.
type run struct {
	Options
	from   string // the table of the functions
	target *types.TableDescription
	step   int
}

// Run does the steps that are not done yet. Without Apply it only says which those
// are.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Wait == nil {
		o.Wait = pause
	}
	r := &run{Options: o}
	var err error
	if r.from, err = o.Functions.Table(ctx); err != nil {
		return Result{}, err
	}
	if err := r.look(ctx); err != nil {
		return Result{}, err
	}
	if r.from == o.Target {
		return r.finish(ctx)
	}
	if err := r.check(ctx); err != nil {
		return Result{}, err
	}
	// Until the functions are stopped, nothing changes for anybody.
	for _, s := range []struct {
		what string
		done bool
		do   func(context.Context) error
	}{
		{fmt.Sprintf("restore %s to %s, as %s", r.from, o.At.Format(time.RFC3339), o.Target), r.target != nil, r.restore},
		{"turn on deletion protection, TTL and point-in-time recovery, which a restore leaves out", r.streams(), r.configure},
		{"stop all functions but the relay: callers get 5xx, and Entra retries", r.streams(), o.Functions.StopWriters},
		{"wait until the relay has read the stream", r.streams(), r.catchUp},
		{"stop the relay", r.streams(), o.Functions.StopRelay},
		{"copy what must not be taken back: revocations first, then the log and versions", r.streams(), r.carryOver},
		{"turn on the stream", r.streams(), r.enableStream},
	} {
		if err := r.do(ctx, s.what, s.done, s.do); err != nil {
			return Result{}, err
		}
	}
	r.next("set tableStreamArn to the ARN of the stream, and deploy")
	r.next("start the functions: make restore once more, with the same TO")
	if !o.Apply {
		return Result{}, nil
	}
	return Result{StreamARN: aws.ToString(r.target.LatestStreamArn)}, nil
}

func (r *run) next(what string) {
	r.step++
	r.Say("%d. %s", r.step, what)
}

func (r *run) do(ctx context.Context, what string, done bool, do func(context.Context) error) error {
	if done {
		r.next(what + " (done)")
		return nil
	}
	r.next(what)
	if !r.Apply {
		return nil
	}
	if err := do(ctx); err != nil {
		return fmt.Errorf("step %d: %w", r.step, err)
	}
	return nil
}

// finish starts the functions on the restored table.
func (r *run) finish(ctx context.Context) (Result, error) {
	if !r.streams() {
		return Result{}, fmt.Errorf("the functions use %s, which has no stream: set tableStreamArn back, deploy, and repeat", r.Target)
	}
	err := r.do(ctx, "start the functions, the relay first: they use "+r.Target, false, r.Functions.Start)
	return Result{Done: err == nil && r.Apply}, err
}

// look reads the state of the restored table; target is nil if there is none.
func (r *run) look(ctx context.Context) error {
	out, err := r.DB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &r.Target})
	if _, absent := errors.AsType[*types.ResourceNotFoundException](err); absent {
		r.target = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	r.target = out.Table
	return nil
}

// streams reports whether the restored table has its stream: then all before is done.
func (r *run) streams() bool {
	return r.target != nil && r.target.StreamSpecification != nil && aws.ToBool(r.target.StreamSpecification.StreamEnabled)
}

// check refuses a time to which the table cannot be restored.
func (r *run) check(ctx context.Context) error {
	if r.target != nil {
		return nil // it was restored
	}
	out, err := r.DB.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &r.from})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	d := out.ContinuousBackupsDescription
	if d == nil || d.PointInTimeRecoveryDescription == nil || d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled {
		return fmt.Errorf("%s has no point-in-time recovery", r.from)
	}
	window := d.PointInTimeRecoveryDescription
	earliest, latest := aws.ToTime(window.EarliestRestorableDateTime), aws.ToTime(window.LatestRestorableDateTime)
	if r.At.Before(earliest) || r.At.After(latest) {
		return fmt.Errorf("the table can be restored to a time from %s to %s, not to %s",
			earliest.UTC().Format(time.RFC3339), latest.UTC().Format(time.RFC3339), r.At.Format(time.RFC3339))
	}
	return nil
}

func (r *run) restore(ctx context.Context) error {
	_, err := r.DB.RestoreTableToPointInTime(ctx, &dynamodb.RestoreTableToPointInTimeInput{
		SourceTableName: &r.from, TargetTableName: &r.Target, RestoreDateTime: &r.At,
	})
	return err
}

// await waits until the restored table and its index are active.
func (r *run) await(ctx context.Context, what string) error {
	began := r.Now()
	for {
		if err := r.look(ctx); err != nil {
			return err
		}
		if r.target != nil && active(r.target) {
			return nil
		}
		r.Say("   %s (%d s)", what, int(r.Now().Sub(began).Seconds()))
		if err := r.Wait(ctx); err != nil {
			return err
		}
	}
}

func active(t *types.TableDescription) bool {
	for _, i := range t.GlobalSecondaryIndexes {
		if i.IndexStatus != types.IndexStatusActive {
			return false
		}
	}
	return t.TableStatus == types.TableStatusActive
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(interval):
		return nil
	}
}

// configure turns on what a restore leaves out, except for the stream. DynamoDB
// changes one thing at a time.
func (r *run) configure(ctx context.Context) error {
	if err := r.await(ctx, "DynamoDB is restoring the table"); err != nil {
		return err
	}
	if !aws.ToBool(r.target.DeletionProtectionEnabled) {
		if _, err := r.DB.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &r.Target, DeletionProtectionEnabled: aws.Bool(true)}); err != nil {
			return err
		}
		if err := r.await(ctx, "DynamoDB is turning on deletion protection"); err != nil {
			return err
		}
	}
	ttl, err := r.DB.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &r.Target})
	if err != nil {
		return err
	}
	if s := ttl.TimeToLiveDescription; s == nil || s.TimeToLiveStatus == types.TimeToLiveStatusDisabled {
		if _, err := r.DB.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &r.Target, TimeToLiveSpecification: &types.TimeToLiveSpecification{
			Enabled: aws.Bool(true), AttributeName: aws.String(schema.Dsync().TTLAttribute)}}); err != nil {
			return err
		}
	}
	_, err = r.DB.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: &r.Target, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
		PointInTimeRecoveryEnabled: aws.Bool(true), RecoveryPeriodInDays: &r.RecoveryDays}})
	return err
}

func (r *run) catchUp(ctx context.Context) error {
	began := r.Now()
	for {
		done, err := r.Functions.CaughtUp(ctx, r.from)
		switch {
		case err != nil:
			return err
		case done:
			return nil
		case r.Behind:
			r.Say("   The relay has not caught up. It goes on with the old stream, for 24 hours, when it is started again.")
			return nil
		}
		r.Say("   the relay has records to read, or had some in the last ten minutes (%d s)", int(r.Now().Sub(began).Seconds()))
		if err := r.Wait(ctx); err != nil {
			return err
		}
	}
}

func (r *run) carryOver(ctx context.Context) error {
	last := r.Now()
	report, err := carryover.Run(ctx, carryover.Options{DB: r.DB, From: r.from, To: r.Target, Apply: true, Now: r.Now, Progress: func(p carryover.Report) {
		if now := r.Now(); now.Sub(last) >= interval {
			last = now
			r.Say("   %d items read, %d tokens and keys revoked, %d records of the log copied", p.Read, p.Revoked, p.Copied)
		}
	}})
	if err != nil {
		return err
	}
	r.Say("   %d tokens and API keys revoked, %d records of the log and %d heads copied, %d versions raised",
		report.Revoked, report.Copied, report.Heads, report.Versions)
	if report.Newer > 0 {
		return fmt.Errorf("%d heads of the log are newer in %s: something uses that table already", report.Newer, r.Target)
	}
	return nil
}

func (r *run) enableStream(ctx context.Context) error {
	_, err := r.DB.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &r.Target, StreamSpecification: &types.StreamSpecification{
		StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(schema.Dsync().StreamView)}})
	if err != nil {
		return err
	}
	return r.await(ctx, "DynamoDB is turning on the stream")
}
