// Package runtime runs a function's own binary as Lambda does: in execution
// environments, each a process that asks for work over the Runtime API
// (2018-06-01) and does one invocation at a time.
//
// An environment is started when all others are busy, up to a limit, and kept
// for the next invocation. One that ends is not: its invocation fails and the
// next one starts another. What takes longer than its deadline is killed. A
// process sees the environment that it is given and nothing of this one's, and
// ends when this one does. Unlike Lambda it may use as much memory as it likes,
// and an invocation beyond the limit waits for its turn.
package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"dsync/internal/awslocal/uuid"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

const (
	// defaultLimit is for a laptop: Lambda would start up to a thousand.
	defaultLimit = 4
	// initTimeout is how long Lambda lets a function take until it asks for work.
	initTimeout = 10 * time.Second
)

// Options describe a function.
type Options struct {
	Name      string
	Binary    string            // the file bootstrap
	Variables map[string]string // all that a process sees, beside what Lambda sets
	MemoryMiB int               // what a process is told
	Limit     int               // environments at once; 0 is 4
	Log       io.Writer         // what processes say; safe for concurrent use
}

// Function is a function with its environments. It is a lambda.Handler, and
// safe for concurrent use.
type Function struct {
	o     Options
	slots chan struct{} // one for each environment that may be busy

	mu     sync.Mutex
	idle   []*environment // the one used last at the end
	all    map[*environment]bool
	closed bool
}

// New returns a function, with no environment yet.
func New(o Options) *Function {
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}
	return &Function{o: o, slots: make(chan struct{}, o.Limit), all: map[*environment]bool{}}
}

// Warm starts an environment unless there is one. It fails as the function
// does.
func (f *Function) Warm(ctx context.Context) error {
	if err := f.acquire(ctx); err != nil {
		return err
	}
	defer f.release()
	e, err := f.take(ctx)
	if err != nil {
		return err
	}
	f.putBack(e)
	return nil
}

// Invoke does one invocation, under the request id in the Lambda context of
// ctx. It must have a deadline.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, errors.New("runtime: an invocation has a deadline")
	}
	i := &invocation{id: uuid.New(), deadline: deadline, payload: payload, result: make(chan result, 1)}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		i.id, i.arn = lc.AwsRequestID, lc.InvokedFunctionArn
	}
	if err := f.acquire(ctx); err != nil {
		return nil, err
	}
	e, err := f.take(ctx)
	if err != nil {
		f.release()
		return nil, err
	}
	answer, err := e.invoke(ctx, i)
	// The caller has its answer; the environment is free when it asks for more.
	go func() {
		defer f.release()
		select {
		case <-e.polls:
			f.putBack(e)
		case <-e.process.Done():
			f.forget(e)
		}
	}()
	return answer, err
}

// acquire waits until one more environment may be busy.
func (f *Function) acquire(ctx context.Context) error {
	select {
	case f.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Function) release() { <-f.slots }

var errClosed = errors.New("runtime: the function was closed")

// take is an idle environment, or a new one.
func (f *Function) take(ctx context.Context) (*environment, error) {
	f.mu.Lock()
	for len(f.idle) > 0 && !f.closed {
		e := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if !e.process.Ended() {
			f.mu.Unlock()
			return e, nil
		}
		f.drop(e)
	}
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return nil, errClosed
	}

	e, err := start(f.o)
	if err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	f.mu.Lock()
	f.all[e] = true
	closed = f.closed
	f.mu.Unlock()
	if closed { // too late for Close
		e.kill()
		f.forget(e)
		return nil, errClosed
	}
	if err := e.awaitInit(ctx); err != nil {
		e.kill()
		f.forget(e)
		return nil, err
	}
	return e, nil
}

// putBack makes e idle: it has asked for work.
func (f *Function) putBack(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, e)
}

func (f *Function) forget(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(e)
}

// drop lets go of an environment that has ended. f.mu is held.
func (f *Function) drop(e *environment) {
	if f.all[e] {
		delete(f.all, e)
		e.close()
	}
}

// Close kills all environments and returns when they are gone.
func (f *Function) Close() error {
	f.mu.Lock()
	f.closed = true
	var left []*environment
	for e := range f.all {
		left = append(left, e)
	}
	f.mu.Unlock()
	for _, e := range left {
		e.kill()
		f.forget(e)
	}
	return nil
}
