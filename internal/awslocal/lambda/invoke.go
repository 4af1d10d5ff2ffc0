// Package lambda is the local Lambda service. It invokes a function
// synchronously with a deadline, a request id and Lambda's payload limits. A
// panic of a function ends only its invocation.
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

// MaxPayload limits the request and the response of a synchronous invocation,
// in bytes: Lambda's quota of 6 MB.
const MaxPayload = 6 << 20

// gracePeriod is how long Invoke waits for a function to return after its
// deadline.
const gracePeriod = time.Second

// Errors of the service, not of the function.
var (
	ErrTimeout          = errors.New("the function exceeded its timeout")
	ErrPayloadTooLarge  = errors.New("the payload exceeds Lambda's limit of 6 MB")
	ErrResponseTooLarge = errors.New("the response exceeds Lambda's limit of 6 MB")
)

// Function is a Lambda function. It is safe for concurrent use if its handler
// is.
type Function struct {
	Name    string
	Timeout time.Duration
	Handler lambda.Handler
}

// ARN returns the ARN of the function.
func (f Function) ARN() string { return "arn:aws:lambda:local:000000000000:function:" + f.Name }

// Invoke invokes the function. The handler finds the request id in
// lambdacontext. If the handler does not return after its deadline, Invoke
// returns ErrTimeout and the handler continues to run: unlike Lambda, Invoke
// cannot stop it.
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

	type result struct {
		response []byte
		err      error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			done <- r
		}()
		r.response, r.err = f.Handler.Invoke(ctx, payload)
	}()

	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		select {
		case r = <-done:
		case <-time.After(gracePeriod):
		}
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, ErrTimeout
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case r.err != nil:
		return nil, r.err
	case len(r.response) > MaxPayload:
		return nil, ErrResponseTooLarge
	}
	return r.response, nil
}
