package eventsource

import (
	"encoding/json"
	"errors"
	"time"

	"dsync/internal/awslocal/ndjson"
)

// Why a batch was given up, in AWS's words.
const (
	RetryAttemptsExhausted = "RetryAttemptsExhausted"
	RecordAgeExceeded      = "RecordAgeExceeded"
)

// DeadLetter is a batch that the mapping has given up, in the shape of an
// invocation record of Lambda. On AWS only a bucket gets the payload; one
// machine has none, so here it goes along to a queue when it fits.
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

// DeadBatch says where in the stream the batch is.
type StreamBatchInfo struct {
	ShardID             string    `json:"shardId"`
	StartSequenceNumber string    `json:"startSequenceNumber"`
	EndSequenceNumber   string    `json:"endSequenceNumber"`
	FirstArrival        time.Time `json:"approximateArrivalOfFirstRecord"`
	LastArrival         time.Time `json:"approximateArrivalOfLastRecord"`
	BatchSize           int       `json:"batchSize"`
	StreamARN           string    `json:"streamArn"`
}

// AppendTo is an on-failure destination that adds a line to a file and has it
// on the disk before it returns. Only one mapping may use a file.
func AppendTo(path string) func(InvocationRecord) error {
	return func(d InvocationRecord) error {
		line, err := json.Marshal(d)
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
