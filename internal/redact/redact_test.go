package redact_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dsync/internal/redact"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// roundTrip responds in place of DynamoDB.
type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) Do(request *http.Request) (*http.Response, error) { return r(request) }

func respond(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// The result names the failed operation and the error code or type, and has no
// value that DynamoDB or a decoder quotes.
func TestError(t *testing.T) {
	const quoted = "ada@example.com"
	open := func(dynamoDB roundTrip) *table.Table {
		return table.New(dynamodb.New(dynamodb.Options{
			Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.invalid"), HTTPClient: dynamoDB, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		}), "table")
	}
	unreachable := open(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to " + quoted) })
	_, network := unreachable.NameHolders(t.Context(), table.User, "directory_1", "x")
	rejecting := open(func(*http.Request) (*http.Response, error) {
		return respond(400, fmt.Sprintf(`{"__type":"com.amazon.coral.validate#ValidationException","message":"the value %s is too large"}`, quoted)), nil
	})
	_, invalid := rejecting.NameHolders(t.Context(), table.User, "directory_1", "x")
	corrupt := open(func(*http.Request) (*http.Response, error) {
		return respond(200, fmt.Sprintf(`{"Item":{"at":{"S":%q},"v":{"N":%q}}}`, quoted, quoted)), nil
	})
	_, decode := corrupt.Directory(t.Context(), "directory_1")
	_, parse := time.Parse(time.RFC3339, quoted)
	var n int
	number := json.Unmarshal([]byte(`"`+quoted+`"`), &n)

	for _, row := range []struct {
		err  error
		want string // a part of the result
	}{
		{invalid, "dynamo: batch get: DynamoDB BatchGetItem: ValidationException"},
		{network, "dynamo: batch get: DynamoDB BatchGetItem: "},
		{decode, "dynamo: record: "},
		{fmt.Errorf("directory: settings: %w", parse), "directory: settings: *time.ParseError"},
		{fmt.Errorf("directory: %w", number), "directory: *json.UnmarshalTypeError"},
		{fmt.Errorf("dynamo: get: %w", context.DeadlineExceeded), "dynamo: get: context deadline exceeded"},
		{table.ErrBusy, "dynamo: busy"},
		{errors.Join(parse, parse), "*errors.joinError"},
		{nil, ""},
	} {
		got := redact.Error(row.err)
		if !strings.Contains(got, row.want) || strings.Contains(got, quoted) {
			t.Errorf("%v became %q, want %q", row.err, got, row.want)
		}
	}
	for _, err := range []error{invalid, network, decode} {
		if !strings.Contains(err.Error(), quoted) {
			t.Errorf("%v quotes no value, so the test proves nothing", err)
		}
	}
}

// A panic may have a value of a request: only what the runtime says is logged.
func TestPanic(t *testing.T) {
	var nothing map[string]int
	caught := func() (v any) {
		defer func() { v = recover() }()
		nothing["x"] = 1
		return nil
	}()
	for want, v := range map[string]any{
		"string": "ada@example.com", "*errors.errorString": errors.New("ada@example.com"), "assignment to entry in nil map": caught,
	} {
		if got := redact.Panic(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}
