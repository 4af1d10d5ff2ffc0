// Package app wires each function from its environment. A function's main.go
// starts what is built here, and the local runner calls the same builders, so
// both run one wiring.
package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	rest "dsync/internal/api"
	"dsync/internal/directory"
	"dsync/internal/eventlog"
	"dsync/internal/gateway"
	"dsync/internal/jobs"
	"dsync/internal/metric"
	"dsync/internal/provider"
	"dsync/internal/relay"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/logging"
)

// Environment looks up a variable, as os.Getenv does.
type Environment func(name string) string

// Start runs a function in Lambda. It does not return.
func Start(env Environment, build func(context.Context, Environment) (lambda.Handler, error)) {
	slog.SetDefault(lambdacontext.NewLogger())
	handler, err := build(context.Background(), env)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(handler)
}

// Users builds the function that serves SCIM /Users.
func Users(ctx context.Context, env Environment) (lambda.Handler, error) {
	return scim(ctx, env, provider.Options.Users)
}

// Groups builds the function that serves SCIM /Groups.
func Groups(ctx context.Context, env Environment) (lambda.Handler, error) {
	return scim(ctx, env, provider.Options.Groups)
}

// Discovery builds the function that serves SCIM discovery and every other path.
func Discovery(ctx context.Context, env Environment) (lambda.Handler, error) {
	return scim(ctx, env, provider.Options.Discovery)
}

func scim(ctx context.Context, env Environment, serve func(provider.Options) http.Handler) (lambda.Handler, error) {
	t, _, err := open(ctx, env)
	if err != nil {
		return nil, err
	}
	prime(ctx, t)
	return gateway.NewHandler(serve(provider.Options{
		Directories: service(t), Log: slog.Default(), Metrics: metrics(env), Limits: provider.DefaultLimits, Now: time.Now,
	})), nil
}

// Relay builds the function that turns stream records into events.
func Relay(ctx context.Context, env Environment) (lambda.Handler, error) {
	r, err := newRelay(ctx, env)
	if err != nil {
		return nil, err
	}
	return lambda.NewHandler(r.Handle), nil
}

// Redrive builds the function that publishes events once more.
func Redrive(ctx context.Context, env Environment) (lambda.Handler, error) {
	r, err := newRelay(ctx, env)
	if err != nil {
		return nil, err
	}
	return lambda.NewHandler(r.Redrive), nil
}

func newRelay(ctx context.Context, env Environment) (*relay.Relay, error) {
	t, c, err := open(ctx, env)
	if err != nil {
		return nil, err
	}
	prime(ctx, t)
	bus, err := required(env, "EVENT_BUS_NAME")
	if err != nil {
		return nil, err
	}
	queue, err := required(env, "DEAD_LETTER_QUEUE_URL")
	if err != nil {
		return nil, err
	}
	log := slog.Default()
	return relay.New(t, eventlog.New(t, time.Now), relay.NewBus(eventbridge.NewFromConfig(c), bus),
		relay.NewDeadLetters(sqs.NewFromConfig(c), queue), time.Now, log, metrics(env)), nil
}

// Jobs builds the function that does long work a page at a time.
func Jobs(ctx context.Context, env Environment) (lambda.Handler, error) {
	t, _, err := open(ctx, env)
	if err != nil {
		return nil, err
	}
	prime(ctx, t)
	return lambda.NewHandler(jobs.New(t, time.Now, rand.Reader, jobs.Trust, slog.Default()).Handle), nil
}

// API builds the function that serves the REST API.
func API(ctx context.Context, env Environment) (lambda.Handler, error) {
	t, _, err := open(ctx, env)
	if err != nil {
		return nil, err
	}
	prime(ctx, t)
	log := slog.Default()
	return gateway.NewHandler(rest.New(rest.Options{
		Directories: service(t), Events: eventlog.New(t, time.Now), SCIMBase: provider.Base, Now: time.Now, Log: log,
	})), nil
}

// APIKey builds the function that makes API keys. It can write, and nothing else.
func APIKey(ctx context.Context, env Environment) (lambda.Handler, error) {
	t, _, err := open(ctx, env)
	if err != nil {
		return nil, err
	}
	return lambda.NewHandler(rest.KeyMaker(service(t))), nil
}

// Connection is what an IT admin pastes into Entra, and whose it is.
type Connection struct {
	OrganizationID string // org_…
	DirectoryID    string // directory_…
	ExternalKey    string // the last segment of the Tenant URL's path
	Token          string // the Secret Token; it cannot be read again
}

// Connect creates an organization, an Entra directory in it whose users have
// these custom schemas, and a token.
func Connect(ctx context.Context, env Environment, organization, name string, extensions ...json.RawMessage) (Connection, error) {
	t, _, err := open(ctx, env)
	if err != nil {
		return Connection{}, err
	}
	s := service(t)
	o, err := s.CreateOrganization(ctx, organization)
	if err != nil {
		return Connection{}, err
	}
	d, secret, err := s.CreateDirectory(ctx, directory.NewDirectory{OrganizationID: o.ID, Name: name, Extensions: extensions})
	return Connection{o.ID, d.ID, d.ExternalKey, secret}, err
}

func service(t *table.Table) *directory.Service {
	return directory.New(t, time.Now, rand.Reader, slog.Default())
}

// open connects to the table.
func open(ctx context.Context, env Environment) (*table.Table, aws.Config, error) {
	name, err := required(env, "TABLE_NAME")
	if err != nil {
		return nil, aws.Config{}, err
	}
	c, err := awsConfig(ctx)
	if err != nil {
		return nil, c, err
	}
	t := table.New(dynamodb.NewFromConfig(c), name)
	if counts := metrics(env); counts != nil {
		t.OnConflict(func() { counts.Write(nil, nil, metric.TransactionConflicts.Of(1)) })
	}
	return t, c, nil
}

// awsConfig reads the SDK's own variables, in which Lambda hands a function its
// region and credentials. What else the SDK can load (profiles, single sign-on,
// instance metadata) no function has: leaving it out makes the binary an eighth
// smaller and its start quicker.
func awsConfig(ctx context.Context) (aws.Config, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return aws.Config{}, fmt.Errorf("app: AWS configuration: %w", err)
	}
	return aws.Config{
		Region:        env.Region,
		Credentials:   aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return env.Credentials, nil }),
		ConfigSources: []any{env}, // endpoints
		// A function has seconds: a retry that waits longer than one is of no
		// use to it.
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 5, time.Second })
		},
		Logger: logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) {
			slog.DebugContext(ctx, fmt.Sprintf(format, v...)) // a client that hung up, mostly
		}),
	}, nil
}

// metrics is where a function counts. Only Lambda makes metrics of the lines,
// so elsewhere there is none.
func metrics(env Environment) *metric.Writer {
	name := env("AWS_LAMBDA_FUNCTION_NAME")
	if name == "" {
		return nil
	}
	return metric.New(os.Stdout, name, time.Now)
}

func required(env Environment, name string) (string, error) {
	if v := env(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("app: the environment variable %s is not set", name)
}

// primeTime bounds opening the connection while the function starts. The
// first call to DynamoDB costs a TLS handshake; at start the CPU is free.
const primeTime = 300 * time.Millisecond

// prime opens the connection to DynamoDB. A function starts without it, too.
func prime(ctx context.Context, t *table.Table) {
	ctx, cancel := context.WithTimeout(ctx, primeTime)
	defer cancel()
	if err := t.Prime(ctx); err != nil {
		slog.WarnContext(ctx, "the connection is not primed", "error", err)
	}
}
