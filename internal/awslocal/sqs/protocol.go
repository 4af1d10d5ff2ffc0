package sqs

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dsync/internal/awslocal/awsjson"
)

const protocol = awsjson.V10

// A byte of a message can take six bytes in JSON (\u0000).
const maxRequest = 6*MaxMessage + 64<<10

// defaultVisibility is the visibility timeout of a receive that sets none.
const defaultVisibility = 30 // seconds

// request holds the supported parameters of all actions.
type request struct {
	QueueUrl string // spelled as in the SQS API, as are the fields below
	// SendMessage
	MessageBody             string
	DelaySeconds            int
	MessageAttributes       map[string]any
	MessageSystemAttributes map[string]any
	MessageGroupId          string
	MessageDeduplicationId  string
	// ReceiveMessage
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	MessageSystemAttributeNames []string
	// ReceiveMessage, GetQueueAttributes
	AttributeNames []string
	// DeleteMessage, ChangeMessageVisibility
	ReceiptHandle string
	// SendMessageBatch, DeleteMessageBatch: each entry is a request with an id.
	Id      string
	Entries []request
}

// actions serve a request. They return an *Error for an error of the client.
var actions = map[string]func(q *Queues, name string, of *queue, in request) (any, error){
	"SendMessage":        (*Queues).sendMessage,
	"SendMessageBatch":   (*Queues).sendMessageBatch,
	"ReceiveMessage":     (*Queues).receiveMessage,
	"DeleteMessage":      (*Queues).deleteMessage,
	"DeleteMessageBatch": (*Queues).deleteMessageBatch,
	"GetQueueAttributes": (*Queues).getQueueAttributes,

	"ChangeMessageVisibility": (*Queues).changeMessageVisibility,
}

// ServeHTTP serves requests in the AWS JSON 1.0 protocol.
func (q *Queues) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	response, err := q.serve(w, r)
	var clientError *Error
	switch {
	case errors.As(err, &clientError):
		w.Header().Set("x-amzn-query-error", clientError.code+";Sender")
		protocol.WriteError(w, "com.amazonaws.sqs#"+clientError.shape, clientError.message)
	case err != nil: // the SDK retries
		protocol.Write(w, http.StatusInternalServerError, map[string]string{"__type": "InternalFailure", "message": err.Error()})
	default:
		protocol.Write(w, http.StatusOK, response)
	}
}

func (q *Queues) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	action, known := actions[name]
	if !ok || !known {
		return nil, unsupported(fmt.Sprintf("the action %q", r.Header.Get("X-Amz-Target")))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, batchError("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes.", MaxMessage)
	}
	var in request
	if err != nil || json.Unmarshal(body, &in) != nil {
		return nil, &Error{"SerializationException", "MalformedInput", "The request is not a valid JSON object for this action."}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	queueName, of, err := q.find(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return action(q, queueName, of, in)
}

// checkSupported rejects unsupported parameters of a message.
func (in request) checkSupported() error {
	switch {
	case in.DelaySeconds != 0:
		return unsupported("DelaySeconds")
	case len(in.MessageAttributes) > 0 || len(in.MessageSystemAttributes) > 0:
		return unsupported("message attributes")
	case in.MessageGroupId != "" || in.MessageDeduplicationId != "":
		return unsupported("message groups")
	}
	return nil
}

type sendResult struct {
	Id               string `json:",omitempty"`
	MessageId        string
	MD5OfMessageBody string
}

func (q *Queues) sendMessage(name string, to *queue, in request) (any, error) {
	if err := in.checkSupported(); err != nil {
		return nil, err
	}
	m, err := q.send(name, to, in.MessageBody)
	if err != nil {
		return nil, err
	}
	return sendResult{MessageId: m.id, MD5OfMessageBody: md5Hex(m.body)}, nil
}

// batchResult is the response to a batch. Its lists must not be null.
type batchResult struct {
	Successful []any
	Failed     []batchResultError
}

type batchResultError struct {
	Id          string
	SenderFault bool
	Code        string
	Message     string
}

// forEachEntry runs an action for each entry of a batch and collects the results.
func forEachEntry(action string, entries []request, do func(request) (any, error)) (any, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.Id
	}
	if err := checkBatch(action, ids); err != nil {
		return nil, err
	}
	response := batchResult{Successful: []any{}, Failed: []batchResultError{}}
	for _, e := range entries {
		result, err := do(e)
		var clientError *Error
		switch {
		case errors.As(err, &clientError):
			response.Failed = append(response.Failed, batchResultError{e.Id, true, clientError.code, clientError.message})
		case err != nil:
			response.Failed = append(response.Failed, batchResultError{e.Id, false, "InternalError", err.Error()})
		default:
			response.Successful = append(response.Successful, result)
		}
	}
	return response, nil
}

func (q *Queues) sendMessageBatch(name string, to *queue, in request) (any, error) {
	size := 0
	for _, e := range in.Entries {
		size += len(e.MessageBody)
	}
	if size > MaxMessage {
		return nil, batchError("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", MaxMessage, size)
	}
	return forEachEntry("SendMessageBatch", in.Entries, func(e request) (any, error) {
		result, err := q.sendMessage(name, to, e)
		if err != nil {
			return nil, err
		}
		sent := result.(sendResult)
		sent.Id = e.Id
		return sent, nil
	})
}

func (q *Queues) deleteMessage(_ string, from *queue, in request) (any, error) {
	return struct{}{}, q.delete(from, in.ReceiptHandle)
}

func (q *Queues) deleteMessageBatch(_ string, from *queue, in request) (any, error) {
	return forEachEntry("DeleteMessageBatch", in.Entries, func(e request) (any, error) {
		return struct{ Id string }{e.Id}, q.delete(from, e.ReceiptHandle)
	})
}

func (q *Queues) changeMessageVisibility(_ string, of *queue, in request) (any, error) {
	if in.VisibilityTimeout == nil {
		return nil, missingParameter("VisibilityTimeout")
	}
	seconds, err := intParameter("VisibilityTimeout", in.VisibilityTimeout, 0, maxVisibility, 0)
	if err != nil {
		return nil, err
	}
	return struct{}{}, q.changeVisibility(of, in.ReceiptHandle, time.Duration(seconds)*time.Second)
}

type receivedMessage struct {
	MessageId     string
	ReceiptHandle string
	MD5OfBody     string
	Body          string
	Attributes    map[string]string `json:",omitempty"`
}

func (q *Queues) receiveMessage(name string, from *queue, in request) (any, error) {
	n, err := intParameter("MaxNumberOfMessages", in.MaxNumberOfMessages, 1, MaxBatch, 1)
	if err != nil {
		return nil, err
	}
	visibilityTimeout, err := intParameter("VisibilityTimeout", in.VisibilityTimeout, 0, maxVisibility, defaultVisibility)
	if err != nil {
		return nil, err
	}
	if _, err := intParameter("WaitTimeSeconds", in.WaitTimeSeconds, 0, maxWait, 0); err != nil {
		return nil, err
	}
	var response struct {
		Messages []receivedMessage `json:",omitempty"`
	}
	wanted := slices.Concat(in.MessageSystemAttributeNames, in.AttributeNames)
	messages, err := q.receive(name, from, n, time.Duration(visibilityTimeout)*time.Second)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		response.Messages = append(response.Messages, receivedMessage{m.id, m.receiptHandle(), md5Hex(m.body), m.body, selectAttributes(wanted, m.attributes())})
	}
	return response, nil
}

func (q *Queues) getQueueAttributes(name string, of *queue, in request) (any, error) {
	visible, invisible := q.count(of)
	all := map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(invisible),
		"ApproximateNumberOfMessagesDelayed":    "0",
		"MaximumMessageSize":                    strconv.Itoa(MaxMessage),
		"VisibilityTimeout":                     strconv.Itoa(defaultVisibility),
		"QueueArn":                              ARN(q.region, name),
	}
	for _, wanted := range in.AttributeNames {
		if _, known := all[wanted]; !known && wanted != "All" {
			return nil, &Error{"InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute " + wanted + "."}
		}
	}
	return map[string]any{"Attributes": selectAttributes(in.AttributeNames, all)}, nil
}

// selectAttributes returns the wanted attributes.
func selectAttributes(wanted []string, all map[string]string) map[string]string {
	attributes := map[string]string{}
	for name, value := range all {
		if slices.Contains(wanted, name) || slices.Contains(wanted, "All") {
			attributes[name] = value
		}
	}
	return attributes
}

// md5Hex returns the MD5 of a body, which the SDK verifies.
func md5Hex(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}
