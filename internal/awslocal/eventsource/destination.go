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
// to an on-failure destination (Lambda Developer Guide, "Retain discarded records
// for a DynamoDB event source"). Only an S3 destination receives the payload.
type InvocationRecord struct {
	RequestContext struct {
		RequestID              string `json:"requestId"`
		FunctionARN            string `json:"functionArn"`
		Condition              string `json:"condition"`
		ApproximateInvokeCount int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	ResponseContext *ResponseContext `json:"responseContext,omitempty"` // nil: the function was not invoked
	Version         string           `json:"version"`
	Timestamp       time.Time        `json:"timestamp"`
	Batch           StreamBatchInfo  `json:"DDBStreamBatchInfo"`
	Payload         Payload          `json:"payload,omitempty"`
}

// ResponseContext is the response of the function to its last invocation.
type ResponseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError"`
}

// Payload is the event that the function received. In the JSON of an invocation
// record it is a string.
type Payload []byte

// MarshalJSON implements json.Marshaler.
func (p Payload) MarshalJSON() ([]byte, error) { return json.Marshal(string(p)) }

// UnmarshalJSON implements json.Unmarshaler.
func (p *Payload) UnmarshalJSON(text []byte) error {
	var s string
	err := json.Unmarshal(text, &s)
	*p = Payload(s)
	return err
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
