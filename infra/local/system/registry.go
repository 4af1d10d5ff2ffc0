package system

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"dsync/internal/api"
	"dsync/internal/eventlog"
	"dsync/internal/gateway"
	"dsync/internal/jobs"
	"dsync/internal/provider"
	"dsync/internal/relay"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// configuration is what the handlers of the functions are built from: what
// each main reads from its environment.
type configuration struct {
	table   *table.Table
	events  *eventbridge.Client
	bus     string // EVENT_BUS_NAME
	queues  *sqs.Client
	letters string // DEAD_LETTER_QUEUE_URL
	log     *slog.Logger
}

// handlers maps each function of the topology to its handler. Each entry does
// what functions/<name>/main.go does. A test holds the names against the
// topology; PROCESSES=1 runs the mains themselves.
var handlers = map[string]func(configuration) lambda.Handler{
	"users":     func(c configuration) lambda.Handler { return c.scim(provider.Options.Users) },
	"groups":    func(c configuration) lambda.Handler { return c.scim(provider.Options.Groups) },
	"discovery": func(c configuration) lambda.Handler { return c.scim(provider.Options.Discovery) },
	"relay":     func(c configuration) lambda.Handler { return lambda.NewHandler(c.relay().Handle) },
	"redrive":   func(c configuration) lambda.Handler { return lambda.NewHandler(c.relay().Redrive) },
	"jobs": func(c configuration) lambda.Handler {
		return lambda.NewHandler(jobs.New(c.table, time.Now, rand.Reader, jobs.TokenTrust, c.log).Handle)
	},
	"api": func(c configuration) lambda.Handler {
		return gateway.NewHandler(api.New(api.Options{
			Table: c.table, Events: eventlog.New(c.table, time.Now), Now: time.Now, Entropy: rand.Reader, Log: c.log, SCIMBase: scim.BasePath,
		}))
	},
	"apikey": func(c configuration) lambda.Handler {
		return lambda.NewHandler(api.KeyMaker(api.Options{Table: c.table, Now: time.Now, Entropy: rand.Reader}))
	},
}

func (c configuration) scim(serve func(provider.Options) http.Handler) lambda.Handler {
	return gateway.NewHandler(serve(provider.Options{
		Table: c.table, Now: time.Now, Entropy: rand.Reader, Log: c.log, Limits: provider.DefaultLimits,
	}))
}

func (c configuration) relay() *relay.Relay {
	return relay.New(c.table, eventlog.New(c.table, time.Now), relay.NewBus(c.events, c.bus),
		relay.NewDeadLetters(c.queues, c.letters), time.Now, c.log, nil)
}
