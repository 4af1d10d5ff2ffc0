package lambdaenv

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// A call of the SDK waits for no lost connection: each attempt is bounded, with the
// time to connect, and so is the number of attempts.
func TestConfig(t *testing.T) {
	c := Config("eu-west-1", aws.Credentials{}, slog.New(slog.DiscardHandler))
	client, ok := c.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		t.Fatalf("%T", c.HTTPClient)
	}
	if client.GetTimeout() != 3*time.Second || client.GetDialer().Timeout != time.Second || client.GetTransport().TLSHandshakeTimeout != time.Second {
		t.Errorf("timeouts of %v, %v, %v", client.GetTimeout(), client.GetDialer().Timeout, client.GetTransport().TLSHandshakeTimeout)
	}
	if client.GetTransport().MaxIdleConnsPerHost == http.DefaultMaxIdleConnsPerHost {
		t.Error("the transport is not that of the SDK")
	}
	if n := c.Retryer().MaxAttempts(); n != 5 {
		t.Errorf("%d attempts", n)
	}
}
