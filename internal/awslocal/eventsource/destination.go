package eventsource

import (
	"encoding/json"
	"errors"
	"time"

	"dsync/internal/awslocal/ndjson"
)

// Conditions of an invocation record: why a batch was discarded.
const (
	RetryAttemptsExhausted = "RetryAttemptsExhausted"
	RecordAgeExceeded      = "RecordAgeExceeded"
)

// InvocationRecord describes a discarded batch, in the format that Lambda sends
// to an on-failure destination. On AWS only an S3 destination receives the
// payload. There is no local S3, so the record always has the payload.
type InvocationRecord struct {
	RequestContext struct {
		FunctionARN            string `json:"functionArn"`
		Condition              string `json:"condition"`
		ApproximateInvokeCount int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	ResponseContext struct {
		FunctionError string `json:"functionError,omitempty"`
	} `json:"responseContext"`
	Version   string          `json:"version"`
	Timestamp time.Time       `json:"timestamp"`
	Batch     StreamBatchInfo `json:"DDBStreamBatchInfo"`
	Payload   json.RawMessage `json:"payload,omitempty"`
}

// StreamBatchInfo is the position of a batch in the stream.
type StreamBatchInfo struct {
	ShardID             string    `json:"shardId"`
	StartSequenceNumber string    `json:"startSequenceNumber"`
	EndSequenceNumber   string    `json:"endSequenceNumber"`
	FirstArrival        time.Time `json:"approximateArrivalOfFirstRecord"`
	LastArrival         time.Time `json:"approximateArrivalOfLastRecord"`
	BatchSize           int       `json:"batchSize"`
	StreamARN           string    `json:"streamArn"`
}

// AppendTo returns an on-failure destination that appends each record to a file
// as a line of JSON and syncs the file. Only one mapping may use a file.
func AppendTo(path string) func(InvocationRecord) error {
	return func(r InvocationRecord) error {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		file, err := ndjson.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(file.Append(line), file.Sync(), file.Close())
	}
}
