package mapping

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Why a batch was given up, in AWS's words.
const (
	RetriesExhausted  = "RetryAttemptsExhausted"
	RecordAgeExceeded = "RecordAgeExceeded"
)

// DeadLetter is a batch that the mapping has given up, in the shape of an
// invocation record of Lambda, with the payload.
type DeadLetter struct {
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
	Batch     DeadBatch       `json:"DDBStreamBatchInfo"`
	Payload   json.RawMessage `json:"payload"`
}

// DeadBatch says where in the stream the batch is.
type DeadBatch struct {
	ShardID             string    `json:"shardId"`
	StartSequenceNumber string    `json:"startSequenceNumber"`
	EndSequenceNumber   string    `json:"endSequenceNumber"`
	FirstArrival        time.Time `json:"approximateArrivalOfFirstRecord"`
	LastArrival         time.Time `json:"approximateArrivalOfLastRecord"`
	BatchSize           int       `json:"batchSize"`
	StreamARN           string    `json:"streamArn"`
}

// AppendTo is an on-failure destination that adds a line to a file and has it
// on the disk before it returns.
func AppendTo(file string) func(DeadLetter) error {
	return func(d DeadLetter) error {
		line, err := json.Marshal(d)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return f.Sync()
	}
}
