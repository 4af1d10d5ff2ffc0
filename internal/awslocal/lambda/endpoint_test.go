package lambda_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/loopback"
)

// endpoint starts an endpoint with functions of every behaviour, and returns
// its URL.
func endpoint(t *testing.T, ctx context.Context) string {
	t.Helper()
	functions := map[string]lambda.Function{}
	for name, h := range map[string]handler{
		"echo":  func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil },
		"fails": func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no \"such\" thing") },
		"tells": func(context.Context, []byte) ([]byte, error) {
			return nil, &lambda.FunctionError{Type: "Own", Message: "told", StackTrace: []byte(`[{"path":"x"}]`)}
		},
		"panics": func(context.Context, []byte) ([]byte, error) { panic("ouch") },
		"waits":  func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() },
		"huge":   func(context.Context, []byte) ([]byte, error) { return make([]byte, lambda.MaxPayload+1), nil },
	} {
		functions[name] = lambda.Function{Name: name, Timeout: time.Minute, Handler: h}
	}
	late := functions["waits"]
	late.Name, late.Timeout = "late", 10*time.Millisecond
	functions["late"] = late
	server := httptest.NewServer(loopback.Protect(lambda.NewEndpoint(ctx, functions)))
	t.Cleanup(server.Close)
	return server.URL
}

func call(t *testing.T, url, function, payload string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/2015-03-31/functions/"+function+"/invocations", strings.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, strings.TrimSpace(string(body))
}

func TestInvoke(t *testing.T) {
	server := endpoint(t, t.Context())
	arn := url.PathEscape("arn:aws:lambda:us-east-1:000000000000:function:echo")
	for what, c := range map[string]struct {
		function, payload string
		headers           []string
		status            int
		failed, body      string
	}{
		"answer":            {"echo", `{"a":1}`, nil, 200, "", `{"a":1}`},
		"by ARN":            {arn, `1`, nil, 200, "", `1`},
		"by version":        {"echo:$LATEST", `1`, nil, 200, "", `1`},
		"no payload":        {"echo", ``, nil, 200, "", `{}`},
		"type named":        {"echo", `1`, []string{"X-Amz-Invocation-Type", "RequestResponse"}, 200, "", `1`},
		"error":             {"fails", `1`, nil, 200, "Unhandled", `{"errorType":"errorString","errorMessage":"no \"such\" thing"}`},
		"error as reported": {"tells", `1`, nil, 200, "Unhandled", `{"errorType":"Own","errorMessage":"told","stackTrace":[{"path":"x"}]}`},
		"panic":             {"panics", `1`, nil, 200, "Unhandled", `"panic: ouch`},
		"timeout":           {"late", `1`, nil, 200, "Unhandled", `"errorType":"Sandbox.Timedout"`},
		"answer too large":  {"huge", `1`, nil, 200, "Unhandled", `"errorType":"Function.ResponseSizeTooLarge"`},
		"no such function":  {"nobody", `1`, nil, 404, "", `{"Message":"Function not found: arn:aws:lambda:local:000000000000:function:nobody","Type":"User"}`},
		"no JSON":           {"echo", `{`, nil, 400, "", `"Type":"User"`},
		"asynchronous":      {"echo", `1`, []string{"X-Amz-Invocation-Type", "Event"}, 400, "", `RequestResponse`},
		"at the limit":      {"echo", `"` + strings.Repeat("x", lambda.MaxPayload-2) + `"`, nil, 200, "", `"xx`},
		"one over":          {"echo", `"` + strings.Repeat("x", lambda.MaxPayload-1) + `"`, nil, 413, "", `"Type":"User"`},
		"from a page":       {"echo", `1`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "", ``},
		"from an old page":  {"echo", `1`, []string{"Origin", "https://example.com"}, 403, "", ``},
		"rebound name":      {"echo", `1`, []string{"Host", "example.com"}, 403, "", ``},
	} {
		response, body := call(t, server, c.function, c.payload, c.headers...)
		if response.StatusCode != c.status || response.Header.Get("X-Amz-Function-Error") != c.failed || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %q %.300s", what, response.StatusCode, response.Header.Get("X-Amz-Function-Error"), body)
		}
	}
	if response, _ := call(t, server, "nobody", "{}"); response.Header.Get("X-Amzn-Errortype") != "ResourceNotFoundException" {
		t.Errorf("error type %q", response.Header.Get("X-Amzn-Errortype"))
	}
}

// An invocation by an operator can take 15 minutes. A stop of the local system
// does not wait for it.
func TestInvocationsEndWithTheContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server := endpoint(t, ctx)
	answered := make(chan string)
	go func() {
		response, err := http.Post(server+"/2015-03-31/functions/waits/invocations", "", bytes.NewReader(nil))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		answered <- response.Header.Get("X-Amz-Function-Error")
	}()
	stop()
	if got := <-answered; got != "Unhandled" {
		t.Errorf("function error %q", got)
	}
}
