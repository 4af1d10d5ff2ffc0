package sqs

import (
	"fmt"
	"regexp"
)

// SQS's limits.
const (
	// MaxMessage limits the body of a message, and the sum of the bodies of a
	// batch, in bytes: 1 MiB, the default of a queue since August 2025.
	MaxMessage = 1 << 20
	// MaxBatch limits the messages of a batch and of a receive.
	MaxBatch = 10

	maxVisibility = 12 * 60 * 60 // seconds
	maxWait       = 20           // seconds
)

// Error is an error of the client.
type Error struct {
	shape   string // of the JSON protocol
	code    string // of the query protocol, which SDKs show
	message string
}

func (r *Error) Error() string { return r.code + ": " + r.message }

var errQueueDoesNotExist = &Error{"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."}

func missingParameter(parameter string) *Error {
	return &Error{"MissingRequiredParameterException", "MissingParameter", "The request must contain the parameter " + parameter + "."}
}

func invalidValue(format string, args ...any) *Error {
	return &Error{"InvalidParameterValueException", "InvalidParameterValue", fmt.Sprintf(format, args...)}
}

// batchError returns an error for a whole batch.
func batchError(shape, format string, args ...any) *Error {
	return &Error{shape, "AWS.SimpleQueueService." + shape, fmt.Sprintf(format, args...)}
}

// unsupported returns an error for a feature of SQS that this package does not
// have.
func unsupported(feature string) *Error {
	return &Error{"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", "Local queues do not support " + feature + "."}
}

func checkBody(body string) error {
	switch {
	case body == "":
		return missingParameter("MessageBody")
	case len(body) > MaxMessage:
		return invalidValue("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", MaxMessage)
	}
	for _, r := range body {
		// The characters of XML 1.0.
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return &Error{"InvalidMessageContents", "InvalidMessageContents", fmt.Sprintf("Invalid binary character '#x%X' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20 to #xD7FF] | [#xE000 to #xFFFD] | [#x10000 to #x10FFFF]", r)}
		}
	}
	return nil
}

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch checks the entry ids of a batch.
func checkBatch(operation string, ids []string) error {
	switch {
	case len(ids) == 0:
		return batchError("EmptyBatchRequest", "There should be at least one %sRequestEntry in the request.", operation)
	case len(ids) > MaxBatch:
		return batchError("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.", MaxBatch, len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !entryID.MatchString(id) {
			return batchError("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[id] {
			return batchError("BatchEntryIdsNotDistinct", "Id %s repeated.", id)
		}
		seen[id] = true
	}
	return nil
}

// intParameter checks an optional parameter and returns its value.
func intParameter(name string, value *int, lowest, highest, defaultValue int) (int, error) {
	switch {
	case value == nil:
		return defaultValue, nil
	case *value < lowest || *value > highest:
		return 0, invalidValue("Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided.", *value, name, lowest, highest)
	}
	return *value, nil
}
