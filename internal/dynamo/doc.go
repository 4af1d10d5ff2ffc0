// Package dynamo reads and writes items of one DynamoDB table with the primary
// key (pk, sk) and the index gsi1. It knows no record of the system.
//
// Promises:
//
//   - Reads are strongly consistent, except those of the index, which follows
//     writes within moments, and those whose name says so.
//   - Every query has a limit of items: the parameter is not optional.
//   - Batches of any size are split into calls of the size that DynamoDB
//     allows. What DynamoDB leaves unprocessed is retried.
//   - Writes that conflict with other transactions are retried with backoff and
//     full jitter, for up to about three seconds. The SDK does not retry a
//     cancelled transaction.
//   - A write whose condition does not hold is not retried: it fails with
//     ConditionFailed.
//   - A Meter counts the calls under a context and the capacity they consume.
//
// A Client is safe for concurrent use.
package dynamo
