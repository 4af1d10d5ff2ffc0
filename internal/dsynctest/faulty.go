package dsynctest

import (
	"net/http"
	"time"

	"dsync/internal/awslocal/faults"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

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
