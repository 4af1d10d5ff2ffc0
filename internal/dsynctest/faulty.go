package dsynctest

import (
	"net/http"
	"testing"
	"time"

	"dsync/internal/awslocal/faults"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Faulty creates an empty table and returns a client whose calls have faults,
// and the name of the table. Inject returns such a client for an existing table.
func Faulty(t testing.TB, rules ...faults.Rule) (*dynamodb.Client, string, *faults.Transport) {
	t.Helper()
	api, name := Table(t)
	faulty, transport := Inject(api, rules...)
	return faulty, name, transport
}

// Inject returns a client like api whose calls have faults. It retries without
// long waits, as often as the client of a function does.
func Inject(api *dynamodb.Client, rules ...faults.Rule) (*dynamodb.Client, *faults.Transport) {
	transport := faults.New(http.DefaultTransport, 1, rules...)
	o := api.Options()
	o.HTTPClient = &http.Client{Transport: transport}
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxBackoff, o.RateLimiter = time.Millisecond, ratelimit.None
	})
	return dynamodb.New(o), transport
}
