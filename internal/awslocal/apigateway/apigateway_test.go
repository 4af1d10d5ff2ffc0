package apigateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dsync/internal/awslocal/apigateway"
	"dsync/internal/awslocal/lambda"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

type handler func(ctx context.Context, payload []byte) ([]byte, error)

func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return h(ctx, payload) }

func serve(t *testing.T, timeout time.Duration, h handler, keys ...string) *httptest.Server {
	t.Helper()
	var routes []apigateway.Route
	for _, key := range keys {
		routes = append(routes, apigateway.Route{Key: key, Function: lambda.Function{Name: "f", Timeout: timeout, Handler: h}})
	}
	f, err := apigateway.New(routes, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server
}

// answers is a function that returns the route, path and path parameters of
// its payload.
func answers(_ context.Context, payload []byte) ([]byte, error) {
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	body, _ := json.Marshal(struct {
		Route  string            `json:"route"`
		Path   string            `json:"path"`
		Params map[string]string `json:"params,omitempty"`
	}{e.RouteKey, e.RawPath, e.PathParameters})
	return json.Marshal(events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: string(body)})
}

func get(t *testing.T, r *http.Request) (int, http.Header, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// request returns a request whose path is sent exactly as written.
func request(t *testing.T, server *httptest.Server, method, target string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = decoded, path, query
	return r
}

func TestRoutes(t *testing.T) {
	keys := []string{"$default"}
	for _, r := range []string{"Users", "Groups"} {
		keys = append(keys, "ANY /scim/v2.0/{external_key}/"+r, "ANY /scim/v2.0/{external_key}/"+r+"/{proxy+}")
	}
	server := serve(t, time.Second, answers, keys...)
	const users, groups = "ANY /scim/v2.0/{external_key}/Users", "ANY /scim/v2.0/{external_key}/Groups"
	for target, want := range map[string]string{
		"/scim/v2.0/k1/Users":             `{"route":"` + users + `","path":"/scim/v2.0/k1/Users","params":{"external_key":"k1"}}`,
		"/scim/v2.0/k1/Users?filter=x":    `{"route":"` + users + `","path":"/scim/v2.0/k1/Users","params":{"external_key":"k1"}}`,
		"/scim/v2.0/k1/Users/":            `{"route":"` + users + `/{proxy+}","path":"/scim/v2.0/k1/Users/","params":{"external_key":"k1","proxy":""}}`,
		"/scim/v2.0/k1/Users/u1":          `{"route":"` + users + `/{proxy+}","path":"/scim/v2.0/k1/Users/u1","params":{"external_key":"k1","proxy":"u1"}}`,
		"/scim/v2.0/k1/Users/u1/":         `{"route":"` + users + `/{proxy+}","path":"/scim/v2.0/k1/Users/u1/","params":{"external_key":"k1","proxy":"u1/"}}`,
		"/scim/v2.0/k1/Users/a%2Fb%20c":   `{"route":"` + users + `/{proxy+}","path":"/scim/v2.0/k1/Users/a/b c","params":{"external_key":"k1","proxy":"a/b c"}}`,
		"/scim/v2.0/k1/Groups/g1/members": `{"route":"` + groups + `/{proxy+}","path":"/scim/v2.0/k1/Groups/g1/members","params":{"external_key":"k1","proxy":"g1/members"}}`,
		"/scim/v2.0/k1/users":             `{"route":"$default","path":"/scim/v2.0/k1/users"}`,
		"/scim/v2.0//Users":               `{"route":"$default","path":"/scim/v2.0//Users"}`,
		"/scim/v2.0/k1/UsersX":            `{"route":"$default","path":"/scim/v2.0/k1/UsersX"}`,
		"/scim/v2.0/k1/Schemas":           `{"route":"$default","path":"/scim/v2.0/k1/Schemas"}`,
		"/":                               `{"route":"$default","path":"/"}`,
		"/a/../b//c":                      `{"route":"$default","path":"/a/../b//c"}`,
	} {
		for _, method := range []string{"GET", "PATCH", "PURGE"} {
			if status, _, body := get(t, request(t, server, method, target, nil)); status != 200 || body != want {
				t.Errorf("%s %s: %d %s, want %s", method, target, status, body, want)
			}
		}
	}
}

func TestTheMostSpecificRouteWins(t *testing.T) {
	server := serve(t, time.Second, answers,
		"ANY /{all+}", "ANY /a/{x}", "GET /a/{x}", "ANY /a/b", "ANY /a/{rest+}", "ANY /{y}/b", "ANY /")
	for target, want := range map[string]string{
		"GET /a/b": "ANY /a/b", "GET /a/c": "GET /a/{x}", "PUT /a/c": "ANY /a/{x}", "GET /a/c/d": "ANY /a/{rest+}",
		"GET /z/b": "ANY /{y}/b", "GET /z/c": "ANY /{all+}", "GET /a/": "ANY /a/{rest+}", "GET /": "ANY /",
	} {
		method, path, _ := strings.Cut(target, " ")
		if _, _, body := get(t, request(t, server, method, path, nil)); !strings.Contains(body, `"`+want+`"`) {
			t.Errorf("%s: %s, want %s", target, body, want)
		}
	}
	alone := serve(t, time.Second, answers, "GET /a")
	if status, _, body := get(t, request(t, alone, "GET", "/b", nil)); status != 404 || body != `{"message":"Not Found"}` {
		t.Errorf("without a $default route: %d %s", status, body)
	}
}

func TestNewRefusesBadRoutes(t *testing.T) {
	for _, keys := range [][]string{{"/a"}, {"GET a"}, {"GET /a/{x+}/b"}, {"GET /{}"}, {"GET /{x"}, {"GET /a/"}, {"GET /a", "GET /a"}} {
		var routes []apigateway.Route
		for _, key := range keys {
			routes = append(routes, apigateway.Route{Key: key})
		}
		if _, err := apigateway.New(routes, slog.Default()); err == nil {
			t.Errorf("%q accepted", keys)
		}
	}
}

// Each file in testdata holds a request and the payload that the function
// receives for it. Values that differ from run to run must be present and are
// not compared.
func TestRecordedPayloads(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Request struct {
				Method, Target, Body string
				Headers              map[string]string
			}
			Payload map[string]any
		}
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var got map[string]any
		server := serve(t, time.Second, func(ctx context.Context, payload []byte) ([]byte, error) {
			if err := json.Unmarshal(payload, &got); err != nil {
				t.Error(err)
			}
			return answers(ctx, payload)
		}, "ANY /scim/v2.0/{external_key}/Users/{proxy+}", "ANY /scim/v2.0/{external_key}/Users", "$default")
		r := request(t, server, c.Request.Method, c.Request.Target, strings.NewReader(c.Request.Body))
		r.Host = "localhost:8080"
		for name, value := range c.Request.Headers {
			r.Header.Set(name, value)
		}
		if status, _, _ := get(t, r); status != 200 {
			t.Errorf("%s: status %d", file, status)
		}
		removeVolatile(t, got, "headers", "x-forwarded-port")
		removeVolatile(t, got, "requestContext", "requestId")
		if diff := cmp.Diff(c.Payload, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", file, diff)
		}
	}
}

func removeVolatile(t *testing.T, tree map[string]any, object, name string) {
	t.Helper()
	inner, _ := tree[object].(map[string]any)
	if text, _ := inner[name].(string); text == "" {
		t.Errorf("%s.%s is missing", object, name)
	}
	delete(inner, name)
}

func TestAnswers(t *testing.T) {
	function := func(answer string, err error) handler {
		return func(context.Context, []byte) ([]byte, error) { return []byte(answer), err }
	}
	long := strings.Repeat("x", 100_000)
	for name, c := range map[string]struct {
		h           handler
		status      int
		body        string
		contentType string
	}{
		"text":        {function(`{"statusCode":201,"headers":{"Content-Type":"application/scim+json","Location":"/x"},"body":"{}"}`, nil), 201, "{}", "application/scim+json"},
		"base64":      {function(`{"statusCode":200,"headers":{"Content-Type":"a/b"},"body":"AAE=","isBase64Encoded":true}`, nil), 200, "\x00\x01", "a/b"},
		"no content":  {function(`{"statusCode":204}`, nil), 204, "", ""},
		"long":        {function(`{"statusCode":200,"headers":{"Content-Type":"a/b"},"body":"`+long+`"}`, nil), 200, long, "a/b"},
		"error":       {function("", errors.New("secret")), 500, `{"message":"Internal Server Error"}`, "application/json"},
		"panic":       {func(context.Context, []byte) ([]byte, error) { panic("secret") }, 500, `{"message":"Internal Server Error"}`, "application/json"},
		"nonsense":    {function(`[]`, nil), 500, `{"message":"Internal Server Error"}`, "application/json"},
		"no status":   {function(`{"headers":{"X-Stray":"1"}}`, nil), 500, `{"message":"Internal Server Error"}`, "application/json"},
		"over 6 MB":   {function(`{"statusCode":200,"body":"`+strings.Repeat("x", 6<<20)+`"}`, nil), 500, `{"message":"Internal Server Error"}`, "application/json"},
		"takes long":  {func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }, 503, `{"message":"Service Unavailable"}`, "application/json"},
		"HEAD's body": {function(`{"statusCode":404,"headers":{"Content-Type":"a/b"},"body":"xyz"}`, nil), 404, "xyz", "a/b"},
	} {
		server := serve(t, 200*time.Millisecond, c.h, "$default")
		status, header, body := get(t, request(t, server, "GET", "/", nil))
		if status != c.status || body != c.body || header.Get("Content-Type") != c.contentType {
			t.Errorf("%s: %d %.80s (%s)", name, status, body, header.Get("Content-Type"))
		}
		if len(header.Get("Apigw-Requestid")) != 16 || header.Get("X-Stray") != "" {
			t.Errorf("%s: headers %v", name, header)
		}
		if status != 204 && header.Get("Content-Length") == "" {
			t.Errorf("%s: no Content-Length", name)
		}
	}
}

func TestLimits(t *testing.T) {
	server := serve(t, 5*time.Second, answers, "$default")
	head := func(pad int) *http.Request {
		r := request(t, server, "GET", "/", nil)
		r.Header = http.Header{"User-Agent": {""}, "Accept-Encoding": {"identity"}, "X-Pad": {strings.Repeat("x", pad)}}
		return r
	}
	own := len("GET / HTTP/1.1\r\n") + len("Host: \r\n") + len(strings.TrimPrefix(server.URL, "http://")) +
		len("Accept-Encoding: identity\r\n") + len("X-Pad: \r\n")
	body := func(size int, contentType string) *http.Request {
		r := request(t, server, "POST", "/", bytes.NewReader(bytes.Repeat([]byte("x"), size)))
		r.Header.Set("Content-Type", contentType)
		return r
	}
	const scim = "application/scim+json" // base64 in the payload: 4 bytes for 3
	for name, c := range map[string]struct {
		r      *http.Request
		status int
	}{
		"head at the limit":          {head(apigateway.MaxHeaderSize - own), 200},
		"head one over":              {head(apigateway.MaxHeaderSize - own + 1), 431},
		"4 MiB":                      {body(4<<20, scim), 200},
		"payload over Lambda's 6 MB": {body(5<<20, scim), 413},
		"the same as text":           {body(5<<20, "application/json"), 200},
		"body at the limit":          {body(apigateway.MaxBody, "text/plain"), 413}, // Lambda's limit
		"body one over":              {body(apigateway.MaxBody+1, "text/plain"), 413},
	} {
		status, _, text := get(t, c.r)
		if status != c.status {
			t.Errorf("%s: %d %.80s, want %d", name, status, text, c.status)
		}
		if status == 413 && text != `{"message":"Request Entity Too Large"}` {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// An invocation continues after its client has disconnected: net/http cancels
// the context of the request then.
func TestFunctionOutlivesItsClient(t *testing.T) {
	ctx, disconnect := context.WithCancel(t.Context())
	var got error
	function := lambda.Function{Name: "f", Timeout: 5 * time.Second, Handler: handler(func(ctx context.Context, _ []byte) ([]byte, error) {
		disconnect()
		got = ctx.Err()
		return []byte(`{"statusCode":200}`), nil
	})}
	api, err := apigateway.New([]apigateway.Route{{Key: "$default", Function: function}}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest("POST", "/", nil).WithContext(ctx))
	if got != nil || w.Code != http.StatusOK {
		t.Errorf("the function's context ended with its client: %v, status %d", got, w.Code)
	}
}
