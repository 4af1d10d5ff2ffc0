package system

import (
	"log/slog"
	"net/http"
	"time"

	"dsync/internal/awslocal/eventsource"
	"dsync/internal/awslocal/faults"
)

// unkindIndexLag is how far an answer of the index is behind on an unkind machine.
const unkindIndexLag = 10 * time.Second

// interpose puts the faults of DynamoDB between the functions and the engine.
func (p *parts) interpose(endpoint string) error {
	transport := faults.New(&http.Transport{MaxIdleConnsPerHost: 100}, uint64(time.Now().UnixNano()), faults.Unkind(unkindIndexLag, time.Now)...)
	transport.OnFault(p.fault)
	proxy, err := transport.Proxy(endpoint)
	if err != nil {
		return err
	}
	p.services.DynamoDB, err = p.serveHere(proxy)
	return err
}

// streamFaults present the stream as AWS may: a directory over several shards,
// with different delays and in any order of items, and batches that are delivered
// twice. It is nil on a kind machine.
func (p *parts) streamFaults() *eventsource.Faults {
	if !p.unkind {
		return nil
	}
	return &eventsource.Faults{
		Seed: uint64(time.Now().UnixNano()), Siblings: 4, SplitAfter: 500, Delay: time.Second, Shuffle: 12, Twice: 10, OnFault: p.fault,
	}
}

func (p *parts) fault(name string) { p.log.Debug("fault injected", slog.String("fault", name)) }
