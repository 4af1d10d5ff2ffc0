// Package isolation contains only tests. They send unauthorized requests on every
// route of the topology, with every method. Such a request gets 401, 403 or 404.
// It discloses nothing and changes nothing. A revoked secret stops working within
// 10 seconds.
//
// A request discloses nothing if its answer contains no value of the requested
// directory and equals the answer for a directory that does not exist. A request
// changes nothing if every record of the table stays the same. The comparison
// excludes three kinds of records. The first is the log of events: the relay writes
// it asynchronously and only from the other records. The second is the list of
// rejected requests and the daily counts of a paused directory: they are for its
// own admin. The third is what a request without a valid token leaves in the directory
// of its path: the record of findings, and records of such requests.
//
// The tests fail for a function, route or endpoint without requests. The variable
// public lists all routes that need no key.
package isolation
