// Package table is the single DynamoDB table: its keys, its records, and the
// reads and writes that the domain is made of. No other package knows a key.
//
// Promises:
//
//   - Reads by key are strongly consistent: what was written is read.
//   - Every write is one transaction, or one that may be repeated.
//   - A user, group or membership that goes away is first written as deleted,
//     with who did it, and removed later (by TTL, or by a job). So the stream
//     tells a deletion by a change of state, and a removed item means nothing:
//     clearing up is silent.
//   - Members are records of their own: what a change of membership costs does
//     not depend on the size of the group.
//   - Transactions that conflict with others are repeated here with jitter,
//     which the SDK does not do.
//
// A Table is safe for concurrent use.
package table
