// Package lambdaenv reads what the Lambda environment gives a function: AWS
// configuration, required variables, a logger and a metrics writer. It reads
// variables only through the getenv function that a main passes in.
//
// It does not use the SDK's config package: a function needs no profiles, no
// single sign-on and no instance metadata, and without them the binary is
// about one megabyte smaller.
package lambdaenv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"dsync/internal/gateway"
	"dsync/internal/logline"
	"dsync/internal/metric"
	"dsync/internal/redact"
	"dsync/internal/table"
	"dsync/internal/table/version"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"
)

// Environment is what a function finds when it starts.
type Environment struct {
	AWS     aws.Config
	Log     *slog.Logger
	Metrics *metric.Writer // nil outside Lambda: only Lambda turns the lines into metrics
	getenv  func(string) string
}

// Start loads the environment, builds the handler of a function and serves
// invocations. It does not return. If the handler cannot be built, the error
// is logged and the process exits with status 1.
func Start(getenv func(string) string, build func(Environment) (lambda.Handler, error)) {
	e := load(getenv)
	handler, err := build(e)
	if err != nil {
		e.Log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}

func load(getenv func(string) string) Environment {
	e := Environment{Log: slog.New(logline.Bounded(lambdacontext.NewLogHandler())), getenv: getenv}
	e.AWS = Config(getenv("AWS_REGION"), aws.Credentials{
		AccessKeyID:     getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    getenv("AWS_SESSION_TOKEN"),
	}, e.Log)
	if name := getenv("AWS_LAMBDA_FUNCTION_NAME"); name != "" {
		e.Metrics = metric.New(os.Stdout, name, time.Now)
	}
	return e
}

// Times of a call. AWS responds within milliseconds, or within tens of them: what
// takes seconds is a lost connection, and another attempt is faster than waiting.
const (
	callTime = 3 * time.Second // of one attempt, with its response
	dialTime = time.Second
)

// Config returns the AWS configuration of a function: five attempts for each
// call, at most one second between two of them and three seconds for each, because
// a function has only seconds. Log messages of the SDK have level DEBUG.
func Config(region string, credentials aws.Credentials, log *slog.Logger) aws.Config {
	return aws.Config{
		Region: region,
		HTTPClient: awshttp.NewBuildableClient().WithTimeout(callTime).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTime }).
			WithTransportOptions(func(t *http.Transport) { t.TLSHandshakeTimeout = dialTime }),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 5, time.Second })
		},
		Logger: logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) {
			log.Debug(fmt.Sprintf(format, v...))
		}),
	}
}

// Required returns a variable. It fails if the variable is empty.
func (e Environment) Required(name string) (string, error) {
	if v := e.getenv(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("the environment variable %s is not set", name)
}

// Days returns a variable that is a whole number of days, from least to most.
// It returns fallback if the variable is empty.
func (e Environment) Days(name string, fallback time.Duration, least, most int) (time.Duration, error) {
	text := e.getenv(name)
	if text == "" {
		return fallback, nil
	}
	days, err := strconv.Atoi(text)
	if err != nil || days < least || days > most {
		return 0, fmt.Errorf("the environment variable %s is not a whole number from %d to %d", name, least, most)
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// RequiredAll returns several variables, in the order of their names. It fails if
// one of them is empty.
func (e Environment) RequiredAll(names ...string) ([]string, error) {
	values := make([]string, len(names))
	for i, name := range names {
		var err error
		if values[i], err = e.Required(name); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Endpoint returns the endpoint configured for an AWS service, for example
// "DYNAMODB" or "EVENTBRIDGE": AWS_ENDPOINT_URL_<service>, then
// AWS_ENDPOINT_URL. It returns nil if neither is set; the SDK then uses the
// endpoint of the Region.
func (e Environment) Endpoint(service string) *string {
	for _, name := range []string{"AWS_ENDPOINT_URL_" + service, "AWS_ENDPOINT_URL"} {
		if url := e.getenv(name); url != "" {
			return &url
		}
	}
	return nil
}

// Serve returns the handler of a function that serves HTTP with h. PUBLIC_URL and
// ORIGIN_SECRET_HASHES describe what is in front of API Gateway; both may be
// empty.
func (e Environment) Serve(h http.Handler) (lambda.Handler, error) {
	front, err := gateway.ParseFront(e.getenv("PUBLIC_URL"), e.getenv("ORIGIN_SECRET_HASHES"))
	if err != nil {
		return nil, fmt.Errorf("the environment variables PUBLIC_URL and ORIGIN_SECRET_HASHES: %w", err)
	}
	return front.NewHandler(h), nil
}

// Table opens the table that TABLE_NAME names, counts its transaction conflicts, and
// opens the connection to DynamoDB by reading the version of the table. It fails if
// this code cannot read the table's records: see package version. A function starts
// even if DynamoDB does not answer.
func (e Environment) Table() (*table.Table, error) {
	t, err := e.TableToWrite()
	if err != nil {
		return nil, err
	}
	return t, e.prime(t)
}

// TableToWrite is Table for a function that may not read the version.
func (e Environment) TableToWrite() (*table.Table, error) {
	name, err := e.Required("TABLE_NAME")
	if err != nil {
		return nil, err
	}
	client := dynamodb.NewFromConfig(e.AWS, func(o *dynamodb.Options) { o.BaseEndpoint = e.Endpoint("DYNAMODB") })
	return Table(client, name, e.Metrics), nil
}

// Table returns the table of that name and counts its transaction conflicts
// in metrics, which may be nil.
func Table(client *dynamodb.Client, name string, metrics *metric.Writer) *table.Table {
	t := table.New(client, name)
	if metrics != nil {
		t.OnConflict(func() { metrics.Write(nil, nil, metric.TransactionConflicts.Of(1)) })
	}
	return t
}

// primeTimeout bounds Prime. The first call to DynamoDB costs a TLS
// handshake; while a function starts, Lambda gives it a full CPU.
const primeTimeout = 300 * time.Millisecond

func (e Environment) prime(t *table.Table) error {
	ctx, cancel := context.WithTimeout(context.Background(), primeTimeout)
	defer cancel()
	err := version.Check(ctx, t)
	if errors.Is(err, version.ErrNewer) {
		return err
	}
	if err != nil {
		e.Log.WarnContext(ctx, "the connection to DynamoDB could not be opened early", "error", redact.Error(err))
	}
	return nil
}
