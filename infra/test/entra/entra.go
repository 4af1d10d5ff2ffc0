// Package entra simulates the provisioning service of Microsoft Entra against a
// SCIM base URL and checks the resulting dsync events.
//
// Run performs the lifecycle of a tenant as Entra does: Test Connection, an
// initial cycle, an incremental cycle in both PATCH dialects, concurrent
// membership changes, retries after a timeout, disable, restore and hard
// delete. Run keeps a model of its changes and derives the expected events of
// each change from the model. It compares answers, resources and events with
// the model.
//
// With Config.Okta, Run performs the lifecycle of an Okta application instead,
// as Okta documents it.
//
// Names are unique to a run, and a run deletes the resources that it creates.
// Any number of runs can use the same system, sequentially or concurrently.
package entra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

const (
	defaultUsers  = 24
	defaultGroups = 6
	// Each edit of the incremental cycle and each disable or delete uses a
	// separate user, in both dialects.
	minUsers  = 8
	minGroups = 4

	defaultTimeout = 30 * time.Second
	defaultSettle  = time.Second
	// cleanupTimeout limits the cleanup after an interrupted run.
	cleanupTimeout = time.Minute
)

// Config sets the target, the size of the tenant and the source of the events.
type Config struct {
	TenantURL string // SCIM base URL; a query string and a trailing slash are dropped
	Token     string // Secret Token

	// DirectoryID, when set, must be the directory_id of every event.
	DirectoryID string

	// Okta selects the scenario of Okta. The directory must have Okta's profile.
	Okta bool

	Users  int // 0: 24; at least 8
	Groups int // 0: 6; at least 4

	// Out receives progress and the report; nil discards them.
	Out io.Writer

	// Events delivers the events that a target of the bus receives. Delivery
	// must start before Run is called. The channel may also contain events of
	// other runs and directories. If Events is nil, Run does not check events.
	Events <-chan Event

	// Seed determines names, departments and the moment of a cut; 0: random.
	// Identifiers are always random, so equal seeds do not collide.
	Seed uint64

	// Timeout limits the wait for outstanding events after the last request;
	// 0: 30 s.
	Timeout time.Duration
	// Settle is the time to wait for surplus events after all expected events
	// have arrived; 0: 1 s.
	Settle time.Duration
}

// Run executes the scenario, deletes the resources that it created, and writes
// the report to c.Out. It returns an error if the scenario was not completed:
// an invalid Config, a server that does not answer, a canceled ctx. A failed
// check is not an error; see Report.Passed.
func Run(ctx context.Context, c Config) (Report, error) {
	r, err := newRun(ctx, c)
	if err != nil {
		return Report{}, err
	}
	started := time.Now()
	events := collect(r.config.Events)
	progress := newProgress(r.config.Out, r.client, events)

	phases := r.phases()
	if r.config.Okta {
		phases = r.oktaPhases()
	}
	for _, p := range phases {
		if r.err != nil || r.halted {
			break
		}
		progress.begin(p.name)
		p.play()
		progress.end()
	}
	r.cleanUp(context.WithoutCancel(ctx))
	if r.err == nil && !r.halted && r.config.Events != nil {
		progress.begin("Waiting for events")
		r.await(ctx, events)
		progress.end()
	}
	arrivals := events.stop()

	report := r.report(started, arrivals)
	report.write(r.config.Out)
	return report, r.err
}

func newRun(ctx context.Context, c Config) (*run, error) {
	base, err := url.Parse(c.TenantURL)
	if err != nil {
		return nil, fmt.Errorf("tenant URL: %w", err)
	}
	if base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("tenant URL %q is not an http or https URL", c.TenantURL)
	}
	if c.Token == "" {
		return nil, errors.New("no secret token")
	}
	base.RawQuery, base.Fragment = "", ""
	c.TenantURL = strings.TrimRight(base.String(), "/")

	if c.Users == 0 {
		c.Users = defaultUsers
	}
	if c.Groups == 0 {
		c.Groups = defaultGroups
	}
	c.Users, c.Groups = max(c.Users, minUsers), max(c.Groups, minGroups)
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Settle == 0 {
		c.Settle = defaultSettle
	}
	return &run{
		ctx:    ctx,
		config: c,
		client: newClient(c.TenantURL, c.Token),
		people: newPeople(c.Seed),
		owned:  map[string]bool{},
	}, nil
}

// await returns when all expected events have arrived and no other event has
// arrived for Settle. It returns after Timeout at the latest.
func (r *run) await(ctx context.Context, events *collector) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(r.config.Timeout)
	complete, seen := time.Time{}, -1
	for now := time.Now(); now.Before(deadline); now = time.Now() {
		if arrivals := events.snapshot(); len(arrivals) != seen {
			seen = len(arrivals)
			complete = time.Time{}
			if len(r.judge(arrivals).missing) == 0 {
				complete = now
			}
		}
		if !complete.IsZero() && now.Sub(complete) >= r.config.Settle {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
