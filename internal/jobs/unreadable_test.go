package jobs_test

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dsync/internal/jobs"

	"github.com/aws/aws-lambda-go/events"
)

// A record that cannot be read is logged and skipped: it would hold up the jobs
// behind it for as long as Lambda retries it.
func TestUnreadableRecordIsSkipped(t *testing.T) {
	var log bytes.Buffer
	w := jobs.New(nil, time.Now, rand.Reader, time.Second, slog.New(slog.NewTextHandler(&log, nil)))
	record := events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
		SequenceNumber: "7",
		NewImage:       map[string]events.DynamoDBAttributeValue{"steps": events.NewStringAttribute("many")},
	}}
	if err := w.Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{record}}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "sequence_number=7") {
		t.Errorf("log %q", log.String())
	}
}
