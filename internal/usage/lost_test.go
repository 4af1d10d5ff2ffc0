package usage

import (
	"bytes"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// engine is a DynamoDB that fails while it is told to, and keeps what was written.
type engine struct {
	fails  bool
	writes []string
}

func (e *engine) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, answer := http.StatusOK, "{}"
	if e.fails {
		status, answer = http.StatusBadRequest, `{"__type":"ValidationException"}`
	} else if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "BatchWriteItem") {
		e.writes = append(e.writes, string(body))
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(bytes.NewReader([]byte(answer)))}, nil
}

// What could not be recorded is counted, and the next record tells how many those
// were: once.
func TestLostRecordsAreCounted(t *testing.T) {
	e := &engine{}
	db := dynamodb.NewFromConfig(awsconfig.Config("us-east-1", "http://dynamodb.invalid"), func(o *dynamodb.Options) { o.HTTPClient, o.RetryMaxAttempts = e, 1 })
	r := NewRecorder(table.New(db, "table"), func() time.Time { return noon }, rand.Reader, slog.New(slog.DiscardHandler))
	trace := NewTrace(table.Token{DirectoryID: "directory_1"}, table.Actor{}, false)
	refused := Outcome{Request: Request{Status: 400}, Refused: true}
	for i, row := range []struct {
		fails    bool
		outcomes int
		want     string // in the write
	}{
		{true, 1, ""}, {true, 2, ""}, {false, 1, `"unrecorded":{"N":"3"}`}, {false, 1, "none"},
	} {
		e.fails, e.writes = row.fails, nil
		var outcomes []Outcome
		for range row.outcomes {
			outcomes = append(outcomes, refused)
		}
		r.Record(t.Context(), trace, outcomes...)
		got := strings.Join(e.writes, "\n")
		switch row.want {
		case "":
			if got != "" {
				t.Errorf("request %d: %s", i, got)
			}
		case "none":
			if got == "" || strings.Contains(got, "unrecorded") {
				t.Errorf("request %d: %s", i, got)
			}
		default:
			if !strings.Contains(got, row.want) {
				t.Errorf("request %d: %s, want %s", i, got, row.want)
			}
		}
	}
}

// Of a bulk request, the outcome of the whole counts, which is the last one.
func TestBulkCountsOnce(t *testing.T) {
	e := &engine{}
	db := dynamodb.NewFromConfig(awsconfig.Config("us-east-1", "http://dynamodb.invalid"), func(o *dynamodb.Options) { o.HTTPClient = e })
	r := NewRecorder(table.New(db, "table"), func() time.Time { return noon }, rand.Reader, slog.New(slog.DiscardHandler))
	trace := NewTrace(table.Token{DirectoryID: "directory_1"}, table.Actor{}, false)
	r.counters.of("directory_1").quarter = table.Quarter(noon) // the counts are not due
	r.Record(t.Context(), trace, Outcome{Refused: true}, Outcome{Refused: true}, Outcome{})
	if day := r.counters.of("directory_1").day; day.Requests != 1 || day.Refused != 0 {
		t.Errorf("%+v", day)
	}
	trace.Tolerate(UnknownPath, "x", 1)
	trace.Tolerate(UnknownPath, "x", 2)
	trace.Tolerate(UnknownPath, "y", 1)
	if first, again := trace.TakeTolerated(), trace.TakeTolerated(); len(first) != 2 || first[0].Count != 2 || len(again) != 0 {
		t.Errorf("%v, then %v", first, again)
	}
}

// A use of the token is recorded if the token was read for the request.
func TestOnlyFreshTokensAreUsed(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		used := false
		client := roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			used = used || bytes.Contains(body, []byte("last_used"))
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}"))}, err
		})
		db := dynamodb.NewFromConfig(awsconfig.Config("us-east-1", "http://dynamodb.invalid"), func(o *dynamodb.Options) { o.HTTPClient = client })
		r := NewRecorder(table.New(db, "table"), func() time.Time { return noon }, rand.Reader, slog.New(slog.DiscardHandler))
		r.Record(t.Context(), NewTrace(table.Token{DirectoryID: "directory_1"}, table.Actor{}, fresh), Outcome{})
		if used != fresh {
			t.Errorf("fresh %v: used %v", fresh, used)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }
