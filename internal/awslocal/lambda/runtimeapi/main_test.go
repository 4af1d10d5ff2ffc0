package runtimeapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"dsync/internal/awslocal/lambda/runtimeapi"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// role is the environment variable that turns this test binary into a function
// with a certain behaviour, or into a local system that runs one.
const role = "ROLE"

func TestMain(m *testing.M) {
	if handler, ok := functions[os.Getenv(role)]; ok {
		lambda.Start(handler)
	}
	switch os.Getenv(role) {
	case "ends at once":
		os.Exit(3)
	case "never calls next":
		fmt.Println("torn")
		select {}
	case "system":
		runSystem()
	}
	os.Exit(m.Run())
}

type handler = func(context.Context, json.RawMessage) (any, error)

var functions = map[string]handler{
	"echo":  func(_ context.Context, payload json.RawMessage) (any, error) { return payload, nil },
	"fails": func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("no such thing") },
	"panics": func(context.Context, json.RawMessage) (any, error) {
		panic("ouch")
	},
	"ends": func(_ context.Context, payload json.RawMessage) (any, error) {
		if string(payload) != `"go on"` {
			os.Exit(7)
		}
		return os.Getpid(), nil
	},
	"hangs": func(_ context.Context, payload json.RawMessage) (any, error) {
		if string(payload) != `"go on"` {
			select {}
		}
		return os.Getpid(), nil
	},
	"huge": func(_ context.Context, payload json.RawMessage) (any, error) {
		return strings.Repeat("x", len(payload)), nil
	},
	"context": func(ctx context.Context, _ json.RawMessage) (any, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		trace, _ := ctx.Value("x-amzn-trace-id").(string)
		return map[string]any{
			"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "left": time.Until(deadline), "trace": trace,
			"environment": os.Environ(), "name": lambdacontext.FunctionName, "memory": lambdacontext.MemoryLimitInMB,
		}, nil
	},
	"logs": func(ctx context.Context, _ json.RawMessage) (any, error) {
		lambdacontext.NewLogger().InfoContext(ctx, "hello")
		fmt.Fprint(os.Stderr, "torn")
		return nil, nil
	},
	// waits returns after a request to the test.
	"waits": func(context.Context, json.RawMessage) (any, error) {
		response, err := http.Get(os.Getenv("WAIT_URL"))
		if err != nil {
			return nil, err
		}
		_ = response.Body.Close()
		return os.Getpid(), nil
	},
}

// function returns a function whose binary is this test binary in a role.
func function(t *testing.T, name string, o runtimeapi.Options) *runtimeapi.Function {
	t.Helper()
	o.Name, o.Binary = "f", os.Args[0]
	if o.Variables == nil {
		o.Variables = map[string]string{}
	}
	o.Variables[role] = name
	if o.Log == nil {
		o.Log = t.Output()
	}
	f := runtimeapi.New(o)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// runSystem runs a function, prints its process id, and is in the middle of an
// invocation until it is killed. The process of the function inherits standard
// output.
func runSystem() {
	f := runtimeapi.New(runtimeapi.Options{Name: "f", Binary: os.Args[0], Variables: map[string]string{role: "hangs"}, Log: os.Stdout})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pid, err := f.Invoke(ctx, []byte(`"go on"`))
	if err != nil {
		panic(err)
	}
	fmt.Println(string(pid))
	_, err = f.Invoke(ctx, []byte(`"hang"`))
	panic(err)
}
