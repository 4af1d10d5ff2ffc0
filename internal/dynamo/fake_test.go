package dynamo_test

import (
	"io"
	"net/http"
	"strings"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// httpFunc responds in place of DynamoDB.
type httpFunc func(*http.Request) (*http.Response, error)

func (r httpFunc) Do(request *http.Request) (*http.Response, error) { return r(request) }

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// fake is a client of a DynamoDB whose responses a test makes, for errors that
// the real engine does not produce on demand.
func fake(r httpFunc) *dynamo.Client {
	return dynamo.New(dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://dynamodb.invalid"), HTTPClient: r,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}), "table")
}
