package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dsync/internal/backoff"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Retries of conflicts and of unprocessed items. With these, a write that
// conflicts with dozens of others succeeds within about three seconds.
const (
	maxAttempts  = 40
	backoffBase  = 2 * time.Millisecond
	backoffLimit = 100 * time.Millisecond
)

// retryConflicts calls write until it does not conflict with another write. It
// fails with ConditionFailed or, after maxAttempts, with ErrBusy.
func (c *Client) retryConflicts(ctx context.Context, write func() error) error {
	for retry := range maxAttempts {
		if err := backoff.Wait(ctx, retry, backoffBase, backoffLimit); err != nil {
			return err
		}
		err := write()
		if err == nil {
			return nil
		}
		action, conflict := classify(err)
		switch {
		case action >= 0:
			return ConditionFailed{action, failedConditions(err)}
		case !conflict:
			return fmt.Errorf("dynamo: write: %w", err)
		}
		c.onConflict()
	}
	return ErrBusy
}

// classify returns why a write was rejected: the index of the first action
// whose condition did not hold, or -1, and whether the write conflicted with
// another one.
func classify(err error) (action int, conflict bool) {
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return 0, false
	}
	if _, ok := errors.AsType[*types.TransactionConflictException](err); ok {
		return -1, true
	}
	cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return -1, false
	}
	for i, reason := range cancelled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "ConditionalCheckFailed":
			return i, false
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			conflict = true
		}
	}
	return -1, conflict
}

// failedConditions returns the indices of all actions of a cancelled transaction
// whose condition did not hold.
func failedConditions(err error) (all []int) {
	cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return nil
	}
	for i, reason := range cancelled.CancellationReasons {
		if aws.ToString(reason.Code) == "ConditionalCheckFailed" {
			all = append(all, i)
		}
	}
	return all
}
