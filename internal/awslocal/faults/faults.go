// Package faults injects the faults of DynamoDB into the calls of an SDK client.
//
// A Transport is the http.RoundTripper of the client. It decodes each call, and
// its rules refuse it, change it, or change its answer. Each attempt of the SDK
// is a call of its own: a call that the SDK retries passes the rules again.
//
// A test uses rules with a fixed number of faults. A campaign uses rules with a
// probability.
package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
)

// Call is a call of an operation of DynamoDB. Input is the JSON of the request:
// strings, json.Number, bool, []any and map[string]any. A fault must not change
// the Input of a call; it passes on a call with another one.
type Call struct {
	Operation string // for example PutItem
	Input     map[string]any
}

// Answer is the response to a call.
type Answer struct {
	Status int
	Output map[string]any
}

// Send makes a call.
type Send func(Call) (Answer, error)

// Fault is a behaviour of DynamoDB that callers have to expect.
type Fault interface {
	// Name is what the fault is counted as.
	Name() string
	// Answer answers a call, by next or without it. If fire is false it only
	// observes the call. injected reports whether the caller got another answer
	// than without the fault.
	Answer(c Call, fire bool, dice *Dice, next Send) (answer Answer, injected bool, err error)
}

// Rule says when a fault occurs. The fault must be possible for the operation;
// a rule does not count other calls.
type Rule struct {
	Fault   Fault
	When    func(Call) bool // nil: every call
	Skip    int             // matching calls before the first fault
	Times   int             // how often the fault occurs; 0: without limit
	Percent int             // probability of the fault; 0: always
}

// Transport is safe for concurrent use.
type Transport struct {
	base  http.RoundTripper
	rules []*rule
	dice  *Dice

	mu     sync.Mutex
	counts map[string]int
	notify func(fault string)
}

type rule struct {
	Rule
	mu      sync.Mutex
	matched int
	fired   int
}

// New returns a transport that sends calls with base. The first rule sees a call
// first and its answer last.
func New(base http.RoundTripper, seed uint64, rules ...Rule) *Transport {
	t := &Transport{base: base, dice: NewDice(seed), counts: map[string]int{}, notify: func(string) {}}
	for _, r := range rules {
		t.rules = append(t.rules, &rule{Rule: r})
	}
	return t
}

// OnFault sets a function that is called for each injected fault. Call OnFault
// before the transport is used.
func (t *Transport) OnFault(f func(fault string)) { t.notify = f }

// Count returns how often a fault was injected.
func (t *Transport) Count(fault string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[fault]
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	c, err := decodeCall(request)
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	send := func(c Call) (Answer, error) { return roundTrip(t.base, request, c) }
	for i := len(t.rules) - 1; i >= 0; i-- {
		send = t.apply(t.rules[i], send)
	}
	a, err := send(c)
	if err != nil {
		return nil, err
	}
	return a.response(request)
}

func (t *Transport) apply(r *rule, next Send) Send {
	return func(c Call) (Answer, error) {
		a, injected, err := r.Fault.Answer(c, r.fires(c, t.dice), t.dice, next)
		if injected {
			t.mu.Lock()
			t.counts[r.Fault.Name()]++
			t.mu.Unlock()
			t.notify(r.Fault.Name())
		}
		return a, err
	}
}

// fires reports whether the fault of the rule occurs in this call.
func (r *rule) fires(c Call, dice *Dice) bool {
	if p, limited := r.Fault.(possible); limited && !p.possible(c) || r.When != nil && !r.When(c) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.matched++
	if r.matched <= r.Skip || r.Times > 0 && r.fired >= r.Times || r.Percent > 0 && !dice.Percent(r.Percent) {
		return false
	}
	r.fired++
	return true
}

// possible is a fault that only some calls can have.
type possible interface{ possible(Call) bool }

// Dice makes random choices. It is safe for concurrent use.
type Dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

// NewDice returns dice with that seed.
func NewDice(seed uint64) *Dice { return &Dice{r: rand.New(rand.NewPCG(seed, 2))} }

// Below returns a number from 0 to n-1.
func (d *Dice) Below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// Percent reports whether a number from 0 to 99 is less than p.
func (d *Dice) Percent(p int) bool { return d.Below(100) < p }

// Operations returns a condition for the calls of these operations.
func Operations(names ...string) func(Call) bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return func(c Call) bool { return set[c.Operation] }
}

// Partitions returns a condition for the calls that name an item of one of
// these partitions, or query one.
func Partitions(keys ...string) func(Call) bool {
	set := map[string]bool{}
	for _, k := range keys {
		set[k] = true
	}
	return func(c Call) bool {
		for _, t := range c.Targets() {
			if set[t.PartitionKey] {
				return true
			}
		}
		return false
	}
}

// Writes is a condition for the calls that write.
var Writes = Operations("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")

// stateless is a fault without a memory.
type stateless struct {
	name string
	can  func(Call) bool // nil: every call
	do   func(c Call, dice *Dice, next Send) (Answer, error)
}

func (f stateless) Name() string         { return f.name }
func (f stateless) possible(c Call) bool { return f.can == nil || f.can(c) }
func (f stateless) Answer(c Call, fire bool, dice *Dice, next Send) (Answer, bool, error) {
	if !fire {
		a, err := next(c)
		return a, false, err
	}
	a, err := f.do(c, dice, next)
	return a, true, err
}

// timeout is the error of a connection that did not answer in time. The SDK
// retries it.
type timeout struct{}

func (timeout) Error() string   { return "faults: no answer in time" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }
func (timeout) Unwrap() error   { return context.DeadlineExceeded }
