package bulk

// MaxOperations bounds the operations of one bulk request: each is a request
// of its own with reads and a transaction, in sequence, within a function's 10
// seconds.
const MaxOperations = 100
