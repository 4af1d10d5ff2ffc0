package lambda

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"
)

// NewHandler returns a handler that calls a function with its payload, and that
// may be invoked concurrently. Of a handler of package lambda each invocation
// overwrites the response of the previous one, because a process on Lambda has
// one invocation at a time.
func NewHandler[In, Out any](f func(context.Context, In) (Out, error)) lambda.Handler {
	return handler(func(ctx context.Context, payload []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
		out, err := f(ctx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	})
}

type handler func(ctx context.Context, payload []byte) ([]byte, error)

// Invoke implements lambda.Handler.
func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return h(ctx, payload) }
