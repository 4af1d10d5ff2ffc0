// Package table is the single DynamoDB table: its keys, its records, and the
// reads and writes of the domain. No other package builds a key.
//
// Promises:
//
//   - Reads are strongly consistent, except those of the index, which follows
//     writes within moments. A method that reads the index says so.
//   - A write is atomic, or it can be repeated with the same result. The method
//     says which.
//   - A user, group or membership is soft-deleted before its item is removed:
//     the record stays, marked as deleted, with the actor of the deletion. So
//     the stream reports a deletion as a change of state, and a REMOVE record
//     means nothing.
//   - A unique value is claimed by an item of its own, in the transaction that
//     writes the resource. Two resources cannot have it at the same time.
//   - An id of a user or group is used once in the whole table, as long as the
//     log of its directory exists. It leads to the directory.
//   - A membership is an item of its own: the cost of a change of members does
//     not depend on the size of the group.
//   - Writes that conflict with other transactions are retried: see package
//     dynamo.
//
// Retention, by the TTL attribute (DynamoDB removes an expired item within a
// few days):
//
//	soft-deleted user, group or membership   DeletedRetention after the deletion
//	revoked token or API key                 DeletedRetention after the revocation
//	token or API key that expires            DeletedRetention after its expiry
//	record of a SCIM request                 RequestRetention after the request
//	counts of a day                          DayRetention after the last request
//	what a caller uses of its limit          a day after its last use (package limit)
//	job, event, head and bucket of the log   as the caller says
//
// All other records stay until they are deleted.
//
// A Table is safe for concurrent use.
package table
