package system

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"dsync/infra/topology"
	"dsync/internal/api"
	"dsync/internal/console"
	"dsync/internal/eventlog"
	"dsync/internal/gateway"
	"dsync/internal/jobs"
	"dsync/internal/provider"
	"dsync/internal/relay"
	"dsync/internal/scim"
	"dsync/internal/setup"
	"dsync/internal/sso"
	"dsync/internal/table"

	locallambda "dsync/internal/awslocal/lambda"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// configuration is what the handlers of the functions are built from: what
// each main reads from its environment.
type configuration struct {
	front           gateway.Front // PUBLIC_URL and ORIGIN_SECRET_HASHES
	table           *table.Table
	events          *eventbridge.Client
	bus             string // EVENT_BUS_NAME
	queues          *sqs.Client
	deadLetterQueue string // DEAD_LETTER_QUEUE_URL
	objects         *s3.Client
	failureBucket   string        // FAILURE_BUCKET_NAME
	signOn          *sso.Provider // SINGLE_SIGN_ON; nil for none
	log             *slog.Logger
}

// handlers build the handlers of functions in this process, by role. Each entry
// does what functions/<name>/main.go does. A test checks the roles against the
// topology. A function without a role runs from its binary, and with
// Options.Processes every function does.
var handlers = map[topology.Role]func(configuration) lambda.Handler{
	topology.ServesUsers:     func(c configuration) lambda.Handler { return c.scim(provider.Options.Users) },
	topology.ServesGroups:    func(c configuration) lambda.Handler { return c.scim(provider.Options.Groups) },
	topology.ServesDiscovery: func(c configuration) lambda.Handler { return c.scim(provider.Options.Discovery) },
	topology.RelaysEvents:    func(c configuration) lambda.Handler { return locallambda.NewHandler(c.relay().Handle) },
	topology.RedrivesEvents:  func(c configuration) lambda.Handler { return locallambda.NewHandler(c.relay().Redrive) },
	topology.RunsJobs: func(c configuration) lambda.Handler {
		worker := jobs.New(c.table, time.Now, rand.Reader, jobs.TokenTrust, c.log)
		return locallambda.NewHandler(func(ctx context.Context, i jobs.Invocation) (any, error) { return nil, worker.Invoke(ctx, i) })
	},
	topology.ServesREST: func(c configuration) lambda.Handler {
		return c.front.NewHandler(api.New(api.Options{
			Table: c.table, Events: eventlog.New(c.table, time.Now), Now: time.Now, Entropy: rand.Reader, Log: c.log, SCIMBase: scim.BasePath,
		}))
	},
	topology.ServesConsole: func(c configuration) lambda.Handler {
		o := console.Options{Table: c.table, Events: eventlog.New(c.table, time.Now), Now: time.Now, Entropy: rand.Reader, Log: c.log, SSO: c.signOn, SCIMBase: scim.BasePath}
		return console.LinkMaker(o, c.front.NewHandler(console.New(o)))
	},
	topology.ServesSetup: func(c configuration) lambda.Handler {
		return c.front.NewHandler(setup.New(setup.Options{Table: c.table, Now: time.Now, Entropy: rand.Reader, Log: c.log, SCIMBase: scim.BasePath}))
	},
	topology.CreatesAPIKeys: func(c configuration) lambda.Handler {
		return locallambda.NewHandler(api.KeyMaker(api.Options{Table: c.table, Now: time.Now, Entropy: rand.Reader}))
	},
}

func (c configuration) scim(serve func(provider.Options) http.Handler) lambda.Handler {
	return c.front.NewHandler(serve(provider.Options{
		Table: c.table, Now: time.Now, Entropy: rand.Reader, Log: c.log, Limits: provider.DefaultLimits,
	}))
}

func (c configuration) relay() *relay.Relay {
	return relay.New(c.table, eventlog.New(c.table, time.Now), relay.NewBus(c.events, c.bus),
		relay.NewDeadLetters(c.queues, c.deadLetterQueue, c.objects, c.failureBucket), time.Now, c.log, nil)
}
