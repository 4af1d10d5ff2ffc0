package system

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"dsync/infra/local/bus"
	"dsync/infra/local/engine"
	"dsync/infra/local/front"
	"dsync/infra/local/invoke"
	"dsync/infra/local/mapping"
	"dsync/infra/local/schema"
	"dsync/infra/topology"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

// parts are the steps of Start, in their order. Each leaves with the System
// how to undo it.
type parts struct {
	topology  topology.System
	system    *System
	log       *slog.Logger
	endpoint  string // the engine's
	streams   *dynamodbstreams.Client
	functions map[string]invoke.Function
}

func (p *parts) startEngine(ctx context.Context, o Options) error {
	e, err := engine.Start(ctx, engine.Options{DataDir: p.system.folder.path("dynamodb"), Log: o.Log})
	if err != nil {
		return err
	}
	p.system.onStop(e.Stop)
	p.endpoint = e.Endpoint()
	return nil
}

// startBus starts the bus with its targets, and points the SDK at it and at
// the engine.
func (p *parts) startBus(_ context.Context, o Options) error {
	deliver, err := p.eventLog(o.OnEvent)
	if err != nil {
		return err
	}
	b, err := bus.New(bus.Options{
		Name:    p.topology.Bus.Name + "-local",
		Region:  region,
		Rules:   p.topology.Rules,
		Targets: map[topology.Target]bus.Target{topology.EventLog: deliver},
		Log:     p.log,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := serve(b, p.log, listener)
	p.system.onStop(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return server.Shutdown(ctx)
	})
	undo, err := useEndpoints(p.endpoint, "http://"+listener.Addr().String())
	p.system.onStop(undo)
	return err
}

// eventLog is the target of that name: a file, if there is a folder for it,
// and whoever wants to see the events.
func (p *parts) eventLog(observe func(json.RawMessage)) (bus.Target, error) {
	if observe == nil {
		observe = func(json.RawMessage) {}
	}
	if !p.system.folder.kept() {
		return func(event json.RawMessage) error { observe(event); return nil }, nil
	}
	file, err := bus.OpenLog(p.system.folder.path("events.ndjson"))
	if err != nil {
		return nil, err
	}
	p.system.onStop(file.Close)
	return func(event json.RawMessage) error {
		if err := file.Append(event); err != nil {
			return err
		}
		observe(event)
		return nil
	}, nil
}

func (p *parts) createTable(ctx context.Context, _ Options) error {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	p.streams = dynamodbstreams.NewFromConfig(c)
	p.system.db = dynamodb.NewFromConfig(c)
	name := p.topology.Table.Name + "-local"
	if !p.system.folder.kept() {
		// An engine that is somebody else's may have kept the last one.
		name = p.topology.Table.Name + "-" + invoke.NewRequestID()
	}
	p.system.values = map[topology.Reference]string{
		topology.TableName:    name,
		topology.EventBusName: p.topology.Bus.Name + "-local",
	}
	return schema.Create(ctx, p.system.db, p.topology.Table, name)
}

// buildFunctions gives each function the environment that the topology gives
// it, and no more.
func (p *parts) buildFunctions(ctx context.Context, _ Options) error {
	p.functions = map[string]invoke.Function{}
	for _, f := range p.topology.Functions {
		build, ok := builders[f.Name]
		if !ok {
			return fmt.Errorf("function %s is in the topology and not in this program", f.Name)
		}
		handler, err := build(ctx, p.system.environment(f.Environment))
		if err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		p.functions[f.Name] = invoke.Function{Name: f.Name, Timeout: f.Timeout, Handler: handler}
	}
	return nil
}

func (p *parts) startMappings(ctx context.Context) error {
	table := p.system.values[topology.TableName]
	out, err := p.system.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return err
	}
	deadLetters := func(mapping.DeadLetter) error { return nil } // logged, and nothing is kept
	if p.system.folder.kept() {
		deadLetters = mapping.AppendTo(p.system.folder.path("dead-letters.ndjson"))
	}
	var mappings []*mapping.Mapping
	for _, f := range p.topology.Functions {
		if f.Stream == nil {
			continue
		}
		m, err := mapping.New(mapping.Options{
			Streams:     p.streams,
			StreamARN:   *out.Table.LatestStreamArn,
			Region:      region,
			Consumer:    *f.Stream,
			Function:    p.functions[f.Name],
			Checkpoint:  p.system.folder.path(f.Name + ".checkpoint.json"),
			DeadLetters: deadLetters,
			Log:         p.log,
		})
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
				p.log.Error("a mapping ended badly", "error", err)
			}
		})
	}
	p.system.onStop(func() error { stop(); wg.Wait(); return nil })
	return nil
}

func (p *parts) startFront(listeners []net.Listener) error {
	var routes []front.Route
	for _, f := range p.topology.Functions {
		for _, key := range f.Routes {
			routes = append(routes, front.Route{Key: key, Function: p.functions[f.Name]})
		}
	}
	f, err := front.New(routes, p.log)
	if err != nil {
		return err
	}
	server := serve(f, p.log, listeners...)
	p.system.onStop(func() error {
		// From here on dsync.json must not name this process.
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
