package system

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"

	"dsync/internal/awslocal/apigateway"
	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/awslocal/eventsource"
	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/lambda/runtimeapi"
	"dsync/internal/awslocal/s3"
	"dsync/internal/awslocal/sqs"

	"dsync/infra/topology"
	"dsync/internal/awslocal/uuid"
	"dsync/internal/table"
	"dsync/internal/table/version"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

// parts are the steps of Start, in order. Each step registers with the System how
// to undo it.
type parts struct {
	topology    topology.System
	system      *System
	functionLog io.Writer
	log         *slog.Logger
	aws         aws.Config // the endpoints are in services
	services    runtimeapi.Services
	engine      string // endpoint of DynamoDB itself
	unkind      bool
	queues      *sqs.Queues
	buckets     *s3.Buckets
	streams     *dynamodbstreams.Client
	functions   map[string]lambda.Function
}

func (p *parts) startDynamoDB(ctx context.Context, o Options) error {
	e, err := localdynamodb.Start(ctx, localdynamodb.Options{
		Endpoint: o.DynamoDBEndpoint, DataDir: p.system.folder.path("dynamodb"), Log: o.Log,
		Adopt: localdynamodb.Database(p.services.AccessKey, region),
	})
	if err != nil {
		return err
	}
	p.system.onStop(e.Stop)
	p.engine, p.services.DynamoDB = e.Endpoint(), e.Endpoint()
	if p.unkind = o.Unkind; p.unkind {
		return p.interpose(p.engine)
	}
	return nil
}

func (p *parts) createTable(ctx context.Context, o Options) error {
	p.streams = dynamodbstreams.NewFromConfig(p.aws, func(o *dynamodbstreams.Options) { o.BaseEndpoint = &p.engine })
	p.system.db = dynamodb.NewFromConfig(p.aws, func(o *dynamodb.Options) { o.BaseEndpoint = &p.services.DynamoDB })
	if o.TableName != "" {
		p.system.values[topology.TableName] = o.TableName
		return version.Check(ctx, table.New(p.system.db, o.TableName))
	}
	name := p.topology.Table.Name + "-local"
	if !p.system.folder.kept() {
		// A DynamoDB that Start did not start may contain an earlier table.
		name = p.topology.Table.Name + "-" + uuid.New()
	}
	p.system.values[topology.TableName] = name
	if err := localdynamodb.CreateTable(ctx, p.system.db, p.topology.Table, name); err != nil {
		return err
	}
	return version.Check(ctx, table.New(p.system.db, name))
}

func (p *parts) startEventSourceMappings(ctx context.Context, _ Options) error {
	table := p.system.values[topology.TableName]
	out, err := p.system.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return err
	}
	var mappings []mapping
	for _, f := range p.topology.Functions {
		var m mapping
		switch {
		case f.Stream != nil:
			m, err = p.streamMapping(f, *out.Table.LatestStreamArn)
		case f.Queue != nil:
			m, err = p.queueMapping(f)
		default:
			continue
		}
		if err != nil {
			return err
		}
		mappings = append(mappings, m)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	for _, m := range mappings {
		wg.Go(func() {
			if err := m.Run(running); err != nil {
				p.log.Error("an event source mapping failed", "error", err)
			}
		})
	}
	p.system.onStop(func() error { stop(); wg.Wait(); return nil })
	return nil
}

func (p *parts) startAPIGateway(listeners []net.Listener) error {
	var routes []apigateway.Route
	for _, f := range p.topology.Functions {
		for _, key := range f.Routes {
			routes = append(routes, apigateway.Route{Key: key, Function: p.functions[f.Name]})
		}
	}
	f, err := apigateway.New(routes, p.log)
	if err != nil {
		return err
	}
	server := serve(f, p.log, listeners...)
	p.system.onStop(func() error {
		// From here on, dsync.json must not name this process.
		err := p.system.folder.keep(p.system.connection(0))
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if shutdown := server.Shutdown(ctx); shutdown != nil {
			return shutdown
		}
		return err
	})
	return nil
}

// mapping is an event source mapping. Run returns when ctx ends.
type mapping interface {
	Run(ctx context.Context) error
}

func (p *parts) streamMapping(f topology.Function, streamARN string) (mapping, error) {
	return eventsource.New(eventsource.Options{
		Streams:   p.streams,
		StreamARN: streamARN,
		Region:    region,
		Configuration: eventsource.Configuration{
			BatchSize:            f.Stream.BatchSize,
			Parallelization:      f.Stream.Parallelization,
			MaximumRetryAttempts: f.Stream.RetryAttempts,
			MaximumRecordAge:     f.Stream.MaximumAge,
			Filter:               f.Stream.Filter.Pattern(),
		},
		Function:   p.functions[f.Name],
		Checkpoint: p.system.folder.path(f.Name + ".checkpoint.json"),
		OnFailure:  p.onFailure(uuid.New()),
		Faults:     p.streamFaults(),
		Log:        p.log,
	})
}

func (p *parts) queueMapping(f topology.Function) (mapping, error) {
	return eventsource.NewQueue(eventsource.QueueOptions{
		Queues:      p.queues,
		Queue:       f.Name,
		Region:      region,
		BatchSize:   f.Queue.BatchSize,
		Concurrency: f.Queue.MaxConcurrency,
		Visibility:  f.VisibilityTimeout(),
		Function:    p.functions[f.Name],
		Log:         p.log,
	})
}
