// Package runtimeapi runs the binary of a function in execution environments.
// An environment is a process that uses the Lambda Runtime API (version
// 2018-06-01) and handles one invocation at a time.
//
// A new environment starts when all others are busy, up to a limit. It is
// reused for later invocations. If its process ends, the current invocation
// fails and a later invocation starts a new environment. A process that exceeds
// its deadline is killed. A process has only the environment variables that it
// is configured with, and ends when this process ends. Unlike Lambda, there is
// no memory limit, and an invocation above the concurrency limit waits.
package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"dsync/internal/awslocal/uuid"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

const (
	// defaultLimit suits a laptop. Lambda's default is 1,000 for an account.
	defaultLimit = 4
	// initTimeout is Lambda's limit for the init phase, until the first call of
	// next.
	initTimeout = 10 * time.Second
)

// Options describe a function.
type Options struct {
	Name      string
	Binary    string            // the file bootstrap
	Variables map[string]string // environment variables, in addition to Lambda's own
	MemoryMiB int               // reported to the process, not enforced
	Limit     int               // concurrent environments; 0 means 4
	Log       io.Writer         // output of the processes; safe for concurrent use
}

// Function is a function and its execution environments. It is a
// lambda.Handler, and safe for concurrent use.
type Function struct {
	o     Options
	slots chan struct{} // semaphore of busy environments

	mu     sync.Mutex
	idle   []*environment // the most recently used last
	all    map[*environment]bool
	closed bool
}

// New returns a function without environments.
func New(o Options) *Function {
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}
	return &Function{o: o, slots: make(chan struct{}, o.Limit), all: map[*environment]bool{}}
}

// Warm starts an environment unless there is an idle one. It returns the init
// error of the function.
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

// Invoke invokes the function with the request id in the Lambda context of ctx.
// ctx must have a deadline.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, errors.New("runtimeapi: an invocation needs a deadline")
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
	response, err := e.invoke(ctx, i)
	// The environment is free again when its process calls next. The caller
	// does not wait for that.
	go func() {
		defer f.release()
		select {
		case <-e.polls:
			f.putBack(e)
		case <-e.process.Done():
			f.forget(e)
		}
	}()
	return response, err
}

// acquire waits until another environment may be busy.
func (f *Function) acquire(ctx context.Context) error {
	select {
	case f.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Function) release() { <-f.slots }

var errClosed = errors.New("runtimeapi: the function is closed")

// take returns an idle environment, or a new one.
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
		return nil, fmt.Errorf("runtimeapi: %w", err)
	}
	f.mu.Lock()
	f.all[e] = true
	closed = f.closed
	f.mu.Unlock()
	if closed { // Close did not see it
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

// putBack makes e idle. Its process has called next.
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

// drop removes and closes an environment that has ended. f.mu is held.
func (f *Function) drop(e *environment) {
	if f.all[e] {
		delete(f.all, e)
		e.close()
	}
}

// Close kills all environments and waits for their end.
func (f *Function) Close() error {
	f.mu.Lock()
	f.closed = true
	running := slices.Collect(maps.Keys(f.all))
	f.mu.Unlock()
	for _, e := range running {
		e.kill()
		f.forget(e)
	}
	return nil
}
