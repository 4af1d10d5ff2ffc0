package system

import (
	"context"
	"encoding/json"
	"net"
	"net/http"

	"dsync/infra/topology"
	"dsync/internal/awslocal/eventbridge"
	"dsync/internal/awslocal/eventsource"
	"dsync/internal/awslocal/ndjson"
	"dsync/internal/awslocal/sqs"
)

// serveHere serves h at a port that only this machine reaches, until the
// system stops.
func (p *parts) serveHere(h http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := serve(h, p.log, listener)
	p.system.onStop(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return server.Shutdown(ctx)
	})
	return "http://" + listener.Addr().String(), nil
}

// startBus starts the bus with its targets.
func (p *parts) startBus(_ context.Context, o Options) error {
	deliver, err := p.eventLog(o.OnEvent)
	if err != nil {
		return err
	}
	targets := map[topology.Target]eventbridge.Target{topology.EventLog: deliver}
	var rules []eventbridge.Rule
	for _, r := range p.topology.Rules {
		rules = append(rules, eventbridge.Rule{Name: r.Name, Pattern: r.Pattern, Target: targets[r.Target]})
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
	p.services.Bus, err = p.serveHere(b)
	return err
}

// eventLog is the target of that name: a file, if there is a folder for it,
// and whoever wants to see the events.
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

// deadLetters is the name of the queue that takes what a consumer gives up.
func deadLetters(function string) string { return function + "-dead-letters" }

// startQueues starts a dead-letter queue for each stream consumer.
func (p *parts) startQueues(context.Context, Options) error {
	var names []string
	for _, f := range p.topology.Functions {
		if f.Stream != nil {
			names = append(names, deadLetters(f.Name))
		}
	}
	q, err := sqs.Open(sqs.Options{Names: names, Region: region, File: p.system.folder.path("dead-letters.ndjson")})
	if err != nil {
		return err
	}
	p.system.onStop(q.Close)
	p.queues = q
	if p.services.Queues, err = p.serveHere(q); err != nil {
		return err
	}
	p.system.values[topology.RelayDeadLettersURL] = sqs.URL(p.services.Queues, deadLetters("relay"))
	return nil
}

// giveUp is the on-failure destination of a consumer: its queue.
func (p *parts) giveUp(function string) func(eventsource.DeadLetter) error {
	return func(d eventsource.DeadLetter) error {
		body, err := json.Marshal(d)
		if err == nil && len(body) > sqs.MaxMessage {
			d.Payload = nil
			body, err = json.Marshal(d)
		}
		if err != nil {
			return err
		}
		return p.queues.Send(deadLetters(function), string(body))
	}
}
