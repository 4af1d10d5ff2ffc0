package system

import (
	"context"
	"encoding/json"
	"net"
	"net/http"

	"dsync/infra/topology"
	"dsync/internal/awslocal/eventbridge"
	"dsync/internal/awslocal/loopback"
	"dsync/internal/awslocal/ndjson"
)

// serveHere serves h to the programs of this machine, on a loopback port, until
// the system stops.
func (p *parts) serveHere(h http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := serve(loopback.Protect(h), p.log, listener)
	p.system.onStop(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return server.Shutdown(ctx)
	})
	return "http://" + listener.Addr().String(), nil
}

// startEventBridge starts EventBridge with the rules of the topology. A rule that
// targets a function sends events to the function's queue.
func (p *parts) startEventBridge(_ context.Context, o Options) error {
	deliver, err := p.eventLog(o.OnEvent)
	if err != nil {
		return err
	}
	var rules []eventbridge.Rule
	for _, r := range p.topology.Rules {
		rule := eventbridge.Rule{Name: r.Name, Pattern: r.Pattern, Target: deliver}
		if r.Target != topology.EventLog {
			queue := r.Target.Function
			rule.Target = func(event json.RawMessage) error { return p.queues.Send(queue, string(event)) }
		}
		rules = append(rules, rule)
	}
	name := p.topology.Bus.Name + "-local"
	b, err := eventbridge.New(eventbridge.Options{
		Name:   name,
		Region: region,
		Rules:  rules,
		Log:    p.log,
	})
	if err != nil {
		return err
	}
	p.system.values[topology.EventBusName] = name
	p.services.EventBridge, err = p.serveHere(b)
	return err
}

// eventLog returns the target of the same name. It appends events to a file, if
// there is a data folder, and calls observe.
func (p *parts) eventLog(observe func(json.RawMessage)) (eventbridge.Target, error) {
	if observe == nil {
		observe = func(json.RawMessage) {}
	}
	if !p.system.folder.kept() {
		return func(event json.RawMessage) error { observe(event); return nil }, nil
	}
	file, err := ndjson.Open(p.system.folder.path("events.ndjson"))
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
