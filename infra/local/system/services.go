package system

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"dsync/infra/topology"
	"dsync/internal/awslocal/eventbridge"
	"dsync/internal/awslocal/eventsource"
	"dsync/internal/awslocal/ndjson"
	"dsync/internal/awslocal/sqs"
	"dsync/internal/awslocal/uuid"
)

// serveHere serves h on a loopback port until the system stops.
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

// startEventBridge starts EventBridge with the rules of the topology.
func (p *parts) startEventBridge(_ context.Context, o Options) error {
	deliver, err := p.eventLog(o.OnEvent)
	if err != nil {
		return err
	}
	var rules []eventbridge.Rule
	for _, r := range p.topology.Rules {
		rule := eventbridge.Rule{Name: r.Name, Pattern: r.Pattern, Target: deliver}
		if r.Target != topology.EventLog {
			rule.Target = p.invokeFor(r)
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

// invokeFor is a target that invokes the rule's function with each event. As on
// AWS, an event that the function does not accept after three attempts goes to
// the dead-letter queue of the rule.
func (p *parts) invokeFor(r topology.Rule) eventbridge.Target {
	const attempts = 3
	return func(event json.RawMessage) error {
		function, ok := p.functions[r.Target.Function]
		if !ok {
			return fmt.Errorf("rule %s: function %s does not run", r.Name, r.Target.Function)
		}
		for range attempts {
			if _, err := function.Invoke(context.Background(), uuid.New(), event); err == nil {
				return nil
			}
		}
		return p.queues.Send(deadLetters(r.Name), string(event))
	}
}

// deadLetters returns the name of the dead-letter queue of a consumer or rule.
func deadLetters(function string) string { return function + "-dead-letters" }

// startSQS starts SQS with the dead-letter queues of consumers and rules.
func (p *parts) startSQS(context.Context, Options) error {
	var names []string
	for _, f := range p.topology.Functions {
		if f.Stream != nil {
			names = append(names, deadLetters(f.Name))
		}
	}
	for _, r := range p.topology.Rules {
		if r.Target != topology.EventLog {
			names = append(names, deadLetters(r.Name))
		}
	}
	q, err := sqs.Open(sqs.Options{Names: names, Region: region, File: p.system.folder.path("dead-letters.ndjson")})
	if err != nil {
		return err
	}
	p.system.onStop(q.Close)
	p.queues = q
	if p.services.SQS, err = p.serveHere(q); err != nil {
		return err
	}
	for _, f := range p.topology.Functions {
		if f.Stream != nil {
			p.system.values[topology.DeadLetterQueueURL(f.Name)] = sqs.URL(p.services.SQS, deadLetters(f.Name))
		}
	}
	return nil
}

// onFailure returns the on-failure destination of a consumer: its dead-letter
// queue.
func (p *parts) onFailure(function string) func(eventsource.InvocationRecord) error {
	return func(d eventsource.InvocationRecord) error {
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
