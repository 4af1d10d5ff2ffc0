// Package invoke calls a function as the Lambda service does: one payload in,
// one answer out, with a deadline, a request id, the payload limits, and a
// panic that ends the invocation but nothing else.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// MaxPayload bounds what goes into a function and what comes out of it:
// Lambda's 6 MB for a synchronous invocation.
const MaxPayload = 6 << 20

// settling is how long a function that obeys its deadline may take to say so.
const gracePeriod = time.Second

// Errors that are not the function's own.
var (
	ErrTimeout          = errors.New("the function took longer than its timeout")
	ErrPayloadTooLarge  = errors.New("the payload is over Lambda's limit of 6 MB")
	ErrResponseTooLarge = errors.New("the function's answer is over Lambda's limit of 6 MB")
)

// Function is a function with what the service knows of it. It is safe for
// concurrent use, as its handler is.
type Function struct {
	Name    string
	Timeout time.Duration
	Handler lambda.Handler
}

// ARN names the function.
func (f Function) ARN() string { return "arn:aws:lambda:local:000000000000:function:" + f.Name }

// Call invokes the function under a request id, which the handler finds in
// lambdacontext. A function that does not end with its deadline is left
// behind, running, with ErrTimeout: one process cannot stop it, as Lambda would.
func (f Function) Invoke(ctx context.Context, requestID string, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return nil, ErrPayloadTooLarge
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID:       requestID,
		InvokedFunctionArn: f.ARN(),
	})

	type outcome struct {
		answer []byte
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			done <- o
		}()
		o.answer, o.err = f.Handler.Invoke(ctx, payload)
	}()

	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
		select {
		case o = <-done:
		case <-time.After(gracePeriod):
		}
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, ErrTimeout
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case o.err != nil:
		return nil, o.err
	case len(o.answer) > MaxPayload:
		return nil, ErrResponseTooLarge
	}
	return o.answer, nil
}
