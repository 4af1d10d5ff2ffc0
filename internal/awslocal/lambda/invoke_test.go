package lambda_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/awslocal/lambda"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

type handler func(ctx context.Context, payload []byte) ([]byte, error)

func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return h(ctx, payload) }

func function(h handler) lambda.Function {
	return lambda.Function{Name: "f", Timeout: 10 * time.Second, Handler: h}
}

func TestFunctionInvoke(t *testing.T) {
	answer, err := function(func(ctx context.Context, payload []byte) ([]byte, error) {
		lc, ok := lambdacontext.FromContext(ctx)
		if !ok || lc.AwsRequestID != "r-1" || !strings.HasSuffix(lc.InvokedFunctionArn, ":f") {
			t.Errorf("Lambda context %+v", lc)
		}
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 10*time.Second {
			t.Errorf("deadline %v", deadline)
		}
		return append([]byte("got "), payload...), nil
	}).Invoke(t.Context(), "r-1", []byte("x"))
	if err != nil || string(answer) != "got x" {
		t.Errorf("%s, %v", answer, err)
	}
}

func TestErrorsAndPanics(t *testing.T) {
	own := errors.New("own")
	if _, err := function(func(context.Context, []byte) ([]byte, error) { return nil, own }).Invoke(t.Context(), "", nil); !errors.Is(err, own) {
		t.Error(err)
	}
	if _, err := function(func(context.Context, []byte) ([]byte, error) { panic("ouch") }).Invoke(t.Context(), "", nil); err == nil || !strings.Contains(err.Error(), "ouch") {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, h := range map[string]handler{
			"obeys its deadline": func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return []byte("late"), nil },
			"ignores it":         func(context.Context, []byte) ([]byte, error) { time.Sleep(time.Minute); return []byte("late"), nil },
		} {
			began := time.Now()
			if _, err := function(h).Invoke(t.Context(), "", nil); !errors.Is(err, lambda.ErrTimeout) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(began); took > 11*time.Second {
				t.Errorf("%s: answered after %v", name, took)
			}
		}
		time.Sleep(time.Minute) // until the function that ignores its deadline returns
	})
}

func TestPayloadLimits(t *testing.T) {
	echo := function(func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil })
	if _, err := echo.Invoke(t.Context(), "", bytes.Repeat([]byte("x"), lambda.MaxPayload)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := echo.Invoke(t.Context(), "", bytes.Repeat([]byte("x"), lambda.MaxPayload+1)); !errors.Is(err, lambda.ErrPayloadTooLarge) {
		t.Errorf("one over: %v", err)
	}
	if _, err := function(func(context.Context, []byte) ([]byte, error) {
		return make([]byte, lambda.MaxPayload+1), nil
	}).Invoke(t.Context(), "", nil); !errors.Is(err, lambda.ErrResponseTooLarge) {
		t.Errorf("answer one over: %v", err)
	}
}
