package relay

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dsync/internal/eventlog"
	"dsync/internal/scim"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// DeadLetters is where events and records are that cannot be published: a queue,
// and a bucket for records that are too large for a message. The event source
// mapping writes the batches that it gave up into the same bucket.
type DeadLetters struct {
	queue   *sqs.Client
	url     string
	objects *s3.Client
	bucket  string
}

// NewDeadLetters returns the queue with that URL and the bucket with that name.
func NewDeadLetters(queue *sqs.Client, url string, objects *s3.Client, bucket string) *DeadLetters {
	return &DeadLetters{queue, url, objects, bucket}
}

// Keys of parked records in the bucket. The keys of batches are
// aws/lambda/<event source mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>.
const (
	parkedPrefix = "parked/"
	gzipSuffix   = ".json.gz"
)

// Message is a message of the queue. Either Event is set, or one of the fields
// with a stream record from which no event could be derived.
type Message struct {
	Reason     string          `json:"reason"`
	Event      *ParkedEvent    `json:"event,omitempty"`
	Record     json.RawMessage `json:"record,omitempty"`
	RecordGzip []byte          `json:"record_gzip,omitempty"` // if Record does not fit
	// Object is the key of an object in the bucket, if RecordGzip does not fit
	// either. The object is a Message with a Record, gzip.
	Object string `json:"object,omitempty"`
}

// ParkedEvent is an event that EventBridge rejected. Its content is in the log.
type ParkedEvent struct {
	ID          string `json:"id"`
	Name        string `json:"event"`
	DirectoryID string `json:"directory_id"`
}

const (
	// maxMessage is the largest message, in bytes. Queues created before 2025
	// accept 256 KiB.
	maxMessage = 250 << 10
	// maxReason bounds the text of an error, in bytes.
	maxReason = 1000
	// maxContent bounds what is read from a message or an object, unpacked, in
	// bytes. Lambda gives up batches of 6 MB, which escaping can double.
	maxContent = 64 << 20
)

func (d *DeadLetters) event(ctx context.Context, e entry, reason error) error {
	return d.send(ctx, Message{Reason: bounded(reason), Event: &ParkedEvent{ID: e.ID, Name: e.Name, DirectoryID: e.DirectoryID}})
}

// record parks a stream record of any size and content.
func (d *DeadLetters) record(ctx context.Context, record []byte, reason error) error {
	message, object, err := pack(record, bounded(reason))
	if err != nil {
		return err
	}
	if object != nil {
		key := message.Object
		if _, err := d.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &d.bucket, Key: &key, Body: bytes.NewReader(object)}); err != nil {
			return fmt.Errorf("relay: failure bucket: %w", err)
		}
	}
	return d.send(ctx, message)
}

// pack returns the message of a record, and the object that has to be stored
// before the message is sent, if any. The key of the object is made of the
// record: a record that is parked again replaces its object.
func pack(record []byte, reason string) (message Message, object []byte, err error) {
	message = Message{Reason: reason, Record: record}
	whole := scim.EncodeJSON(message)
	if len(whole) <= maxMessage && isText(whole) {
		return message, nil, nil
	}
	packed, err := eventlog.Compress(record)
	if err != nil {
		return message, nil, err
	}
	message = Message{Reason: reason, RecordGzip: packed}
	if len(scim.EncodeJSON(message)) <= maxMessage {
		return message, nil, nil
	}
	sum := sha256.Sum256(record)
	object, err = eventlog.Compress(whole)
	return Message{Reason: reason, Object: parkedPrefix + hex.EncodeToString(sum[:16]) + gzipSuffix}, object, err
}

// content returns the stream record of a message, unless it is in an object.
func (m Message) content() (json.RawMessage, error) {
	if m.RecordGzip == nil {
		return m.Record, nil
	}
	return decompress(bytes.NewReader(m.RecordGzip))
}

// object is an object of the bucket.
type object struct {
	key      string
	modified time.Time
}

// list returns up to about limit objects whose keys sort after a key. more says
// whether others follow.
func (d *DeadLetters) list(ctx context.Context, after string, limit int) (objects []object, more bool, err error) {
	in := &s3.ListObjectsV2Input{Bucket: &d.bucket}
	if after != "" {
		in.StartAfter = &after
	}
	pages := s3.NewListObjectsV2Paginator(d.objects, in)
	for pages.HasMorePages() && len(objects) < limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, fmt.Errorf("relay: failure bucket: %w", err)
		}
		for _, o := range page.Contents {
			objects = append(objects, object{aws.ToString(o.Key), aws.ToTime(o.LastModified)})
		}
	}
	return objects, pages.HasMorePages(), nil
}

// load reads an object of the bucket and unpacks it. It returns nil if the object
// does not exist.
func (d *DeadLetters) load(ctx context.Context, key string) ([]byte, error) {
	out, err := d.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &d.bucket, Key: &key})
	if _, absent := errors.AsType[*types.NoSuchKey](err); absent {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("relay: failure bucket: %w", err)
	}
	defer out.Body.Close()
	if strings.HasSuffix(key, gzipSuffix) {
		return decompress(out.Body)
	}
	return readBounded(out.Body)
}

// remove deletes an object of the bucket.
func (d *DeadLetters) remove(ctx context.Context, key string) error {
	if _, err := d.objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &d.bucket, Key: &key}); err != nil {
		return fmt.Errorf("relay: failure bucket: %w", err)
	}
	return nil
}

func (d *DeadLetters) send(ctx context.Context, m Message) error {
	body := scim.EncodeJSON(m)
	_, err := d.queue.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &d.url, MessageBody: aws.String(string(body))})
	if err != nil {
		return fmt.Errorf("relay: dead-letter queue: %w", err)
	}
	return nil
}

// release makes received messages visible again. It returns how many messages of
// the queue are still in flight.
func (d *DeadLetters) release(ctx context.Context, receiptHandles []string) (inFlight int, err error) {
	for _, handle := range receiptHandles {
		if _, err := d.queue.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &d.url, ReceiptHandle: &handle}); err != nil {
			return 0, fmt.Errorf("relay: dead-letter queue: %w", err)
		}
	}
	name := sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := d.queue.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &d.url, AttributeNames: []sqstypes.QueueAttributeName{name}})
	if err != nil {
		return 0, fmt.Errorf("relay: dead-letter queue: %w", err)
	}
	if inFlight, err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
		return 0, fmt.Errorf("relay: dead-letter queue: %s: %w", name, err)
	}
	return inFlight, nil
}

// isText reports whether a message of SQS may have that body: UTF-8 without the
// characters that XML 1.0 excludes. JSON escapes control characters itself.
func isText(body []byte) bool {
	return utf8.Valid(body) && !bytes.ContainsFunc(body, func(r rune) bool { return r == 0xFFFE || r == 0xFFFF })
}

// bounded returns the text of an error, at most maxReason bytes that a message
// may have.
func bounded(reason error) string {
	text := strings.Map(func(r rune) rune {
		if r == 0xFFFE || r == 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, reason.Error())
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

func decompress(packed io.Reader) ([]byte, error) {
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("relay: parked record: %w", err)
	}
	return readBounded(r)
}

func readBounded(r io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxContent+1))
	if err == nil && len(content) > maxContent {
		err = fmt.Errorf("more than %d bytes", maxContent)
	}
	if err != nil {
		return nil, fmt.Errorf("relay: parked record: %w", err)
	}
	return content, nil
}
