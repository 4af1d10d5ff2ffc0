package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dsync/events/consumer"
	"dsync/events/consumer/dynamostore"
	"dsync/internal/dsynctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// call is a request of the store, as a middleware sees it.
type call = func(ctx context.Context, in any) (any, error)

// with returns a client whose calls pass through f.
func with(api *dynamodb.Client, f func(ctx context.Context, in any, next call) (any, error)) *dynamodb.Client {
	o := api.Options()
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("fault", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
			out.Result, err = f(ctx, in.Parameters, func(ctx context.Context, parameters any) (any, error) {
				in.Parameters = parameters
				var inner middleware.InitializeOutput
				inner, metadata, err = next.HandleInitialize(ctx, in)
				return inner.Result, err
			})
			return out, metadata, err
		}), middleware.After)
	})
	return dynamodb.New(o)
}

// counting returns a client that adds up the capacity units of its calls.
func counting(api *dynamodb.Client, reads, writes *float64) *dynamodb.Client {
	return with(api, func(ctx context.Context, in any, next call) (any, error) {
		var used []types.ConsumedCapacity
		switch in := in.(type) {
		case *dynamodb.UpdateItemInput:
			in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		case *dynamodb.BatchGetItemInput:
			in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		case *dynamodb.QueryInput:
			in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		}
		out, err := next(ctx, in)
		sum := reads
		switch out := out.(type) {
		case *dynamodb.UpdateItemOutput:
			used, sum = append(used, *out.ConsumedCapacity), writes
		case *dynamodb.BatchGetItemOutput:
			used = out.ConsumedCapacity
		case *dynamodb.QueryOutput:
			used = append(used, *out.ConsumedCapacity)
		}
		for _, u := range used {
			*sum += aws.ToFloat64(u.CapacityUnits)
		}
		return out, err
	})
}

// The store reads again what DynamoDB leaves unprocessed.
func TestUnprocessedKeys(t *testing.T) {
	api, table := dsynctest.Table(t)
	var keys []consumer.Key
	for n := range 6 {
		k := consumer.Key{Directory: directory, Resource: fmt.Sprint("deleted/", n)}
		keys = append(keys, k)
		if err := dynamostore.New(api, table).Raise(t.Context(), k, fmt.Sprint("event_", n), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	calls := 0
	partly := dynamostore.New(with(api, func(ctx context.Context, in any, next call) (any, error) {
		get, ok := in.(*dynamodb.BatchGetItemInput)
		if !ok {
			return next(ctx, in)
		}
		// The first call processes no key, the others two each.
		calls++
		all := get.RequestItems[table]
		now, rest := all, all
		size := min(2, len(all.Keys), calls-1)
		now.Keys, rest.Keys = all.Keys[:size], all.Keys[size:]
		if size == 0 {
			return &dynamodb.BatchGetItemOutput{UnprocessedKeys: get.RequestItems}, nil
		}
		out, err := next(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: now}})
		if got, ok := out.(*dynamodb.BatchGetItemOutput); ok && len(rest.Keys) > 0 {
			got.UnprocessedKeys = map[string]types.KeysAndAttributes{table: rest}
		}
		return out, err
	}), table)
	marks, err := partly.Read(t.Context(), keys...)
	if err != nil || calls < 4 {
		t.Fatalf("%d calls, %v", calls, err)
	}
	for n, mark := range marks {
		if mark != fmt.Sprint("event_", n) {
			t.Errorf("mark %d is %q", n, mark)
		}
	}
}

// A table that processes nothing is an error, not an empty answer. A context
// that ends is its error.
func TestNothingProcessed(t *testing.T) {
	api, table := dsynctest.Table(t)
	calls := 0
	s := dynamostore.New(with(api, func(_ context.Context, in any, _ call) (any, error) {
		calls++
		return &dynamodb.BatchGetItemOutput{UnprocessedKeys: in.(*dynamodb.BatchGetItemInput).RequestItems}, nil
	}), table)
	k := consumer.Key{Directory: directory, Resource: "deleted/x"}
	if marks, err := s.Read(t.Context(), k); err == nil || !strings.Contains(err.Error(), "throttles") || calls != 9 {
		t.Errorf("%v, %v after %d calls", marks, err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Read(ctx, k); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A write is repeated while a transaction of somebody else holds its item, and
// not for ever.
func TestConflicts(t *testing.T) {
	api, table := dsynctest.Table(t)
	conflicts := 0
	s := dynamostore.New(with(api, func(ctx context.Context, in any, next call) (any, error) {
		if conflicts > 0 {
			conflicts--
			return nil, &types.TransactionConflictException{Message: aws.String("conflict")}
		}
		return next(ctx, in)
	}), table)
	k, now := consumer.Key{Directory: directory, Resource: user(1).ID}, time.Now()
	l := consumer.Lease{Position: "event_1", Holder: "a", Now: now, Until: now.Add(time.Minute)}
	for what, write := range map[string]func() error{
		"record": func() error { return s.Record(t.Context(), directory, 1, now) },
		"raise": func() error {
			return s.Raise(t.Context(), consumer.Key{Directory: directory, Resource: "m"}, "event_1", now)
		},
		"take": func() error { return s.Take(t.Context(), k, l) },
	} {
		conflicts = 3
		if err := write(); err != nil || conflicts != 0 {
			t.Errorf("%s: %v, %d conflicts left", what, err, conflicts)
		}
	}
	conflicts = 1000
	if err := s.Finish(t.Context(), k, "a", time.Time{}); err == nil || conflicts != 1000-9 {
		t.Errorf("finish: %v, %d conflicts left", err, conflicts)
	}
}

// brokenOnce fails the first response, after the request has had its effect.
type brokenOnce struct {
	http.RoundTripper
	broken atomic.Bool
}

func (b *brokenOnce) Do(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTrip(r)
	if err == nil && !b.broken.Swap(true) {
		_ = response.Body.Close()
		return nil, &smithyhttp.RequestSendError{Err: errors.New("connection reset")}
	}
	return response, err
}

// A lease whose response is lost belongs to the holder that took it.
func TestLostResponse(t *testing.T) {
	api, table := dsynctest.Table(t)
	transport := &brokenOnce{RoundTripper: http.DefaultTransport}
	o := api.Options()
	o.HTTPClient = transport
	s := dynamostore.New(dynamodb.New(o), table)
	calls := 0
	c := consumer.New(s, func(context.Context, consumer.Event) error { calls++; return nil }, consumer.Options{})
	if err := c.Consume(t.Context(), event("00", 1, consumer.UserUpdated, user(1))); err != nil || calls != 1 || !transport.broken.Load() {
		t.Errorf("%d calls, %v", calls, err)
	}
}
