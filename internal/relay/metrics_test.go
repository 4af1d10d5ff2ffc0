package relay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	localeventbridge "dsync/internal/awslocal/eventbridge"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/metric"
	"dsync/internal/relay"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// The relay counts the records that it is done with, and the events. A relay that
// cannot log counts none: an alarm compares that with the changes of requests.
func TestMetrics(t *testing.T) {
	m := measure(t)
	bus, err := localeventbridge.New(localeventbridge.Options{Name: "bus", Region: "us-east-1", Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(bus)
	defer server.Close()
	client := eventbridge.New(eventbridge.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: m.db.Options().Credentials})
	handle := func(api *dynamodb.Client, records []events.DynamoDBEventRecord) (line map[string]any, failures int) {
		t.Helper()
		var out bytes.Buffer
		store := table.New(api, m.tableName)
		r := relay.New(store, eventlog.New(store, time.Now), relay.NewBus(client, "bus"), nil, time.Now, quiet, metric.New(&out, "relay", time.Now))
		response, err := r.Handle(t.Context(), events.DynamoDBEvent{Records: records})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%q: %v", out.String(), err)
		}
		return line, len(response.BatchItemFailures)
	}
	expect := func(name string, line map[string]any, processed, logged, truncated int) {
		t.Helper()
		got := fmt.Sprint(line["RecordsProcessed"], line["EventsLogged"], line["EventsTruncated"], line["EventsPublished"])
		if want := fmt.Sprint(float64(processed), float64(logged), float64(truncated), float64(logged)); got != want {
			t.Errorf("%s: processed, logged, truncated and published are %s, want %s", name, got, want)
		}
		if lag, ok := line["RelayLag"].(float64); !ok || lag < 0 {
			t.Errorf("%s: RelayLag is %v", name, line["RelayLag"])
		}
	}

	people := m.users(t, 3)
	line, failures := handle(dsynctest.LimitWrites(m.db, nil), people)
	if failures != 1 {
		t.Errorf("%d batch item failures of a relay that may not write", failures)
	}
	expect("no permission to log", line, 0, 0, 0)
	line, _ = handle(m.db, people)
	expect("three users", line, 3, 3, 0)

	large := m.resource(table.User, "directory_user_01"+strings.Repeat("9", 24), `{"userName":"large","nickName":"`+strings.Repeat("x", 300_000)+`"}`)
	if err := m.table.Create(t.Context(), large, table.Keys{Name: "large"}, nil); err != nil {
		t.Fatal(err)
	}
	line, _ = handle(m.db, m.stream(1))
	expect("a user that is too large", line, 1, 1, 1)

	// What is logged already needs no more.
	line, _ = handle(m.db, people)
	if line["RecordsProcessed"] != 3.0 {
		t.Errorf("delivered again: %v records are processed, want 3", line["RecordsProcessed"])
	}
}
