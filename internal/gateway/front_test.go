package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"dsync/internal/gateway"

	"github.com/aws/aws-lambda-go/events"
)

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// invoke sends a request with these headers, by the domain name of API Gateway.
func invoke(t *testing.T, h gateway.Handler, headers map[string]string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	var e events.APIGatewayV2HTTPRequest
	e.Headers = headers
	e.RawPath = "/x"
	e.RequestContext.DomainName = "abc.execute-api.us-east-1.amazonaws.com"
	e.RequestContext.HTTP.Method = "GET"
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(out, &response); err != nil {
		t.Fatal(err)
	}
	return response
}

func front(t *testing.T, publicURL, hashes string) gateway.Front {
	t.Helper()
	f, err := gateway.ParseFront(publicURL, hashes)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// No header that a client can send changes the scheme and host of a request.
func TestAddressOfRequests(t *testing.T) {
	for publicURL, want := range map[string]string{
		"":                         "https://abc.execute-api.us-east-1.amazonaws.com",
		"https://scim.example.com": "https://scim.example.com",
		"http://localhost:8080":    "http://localhost:8080",
	} {
		for _, headers := range []map[string]string{nil, {
			"host": "evil.example", "x-forwarded-proto": "gopher", "x-forwarded-host": "evil.example", "x-forwarded-port": "1",
			"forwarded": "host=evil.example;proto=gopher", "x-original-host": "evil.example", "x-forwarded-for": "evil.example",
		}} {
			got := ""
			h := front(t, publicURL, "").NewHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = r.URL.Scheme + "://" + r.Host
				if r.URL.Host != r.Host {
					t.Errorf("%s and %s", r.URL.Host, r.Host)
				}
			}))
			invoke(t, h, headers)
			if got != want {
				t.Errorf("public URL %q, headers %v: %s, want %s", publicURL, headers, got, want)
			}
		}
	}
}

// With origin secrets, a request without one of them does not reach the handler,
// and no request brings its secret there.
func TestOriginSecret(t *testing.T) {
	for _, row := range []struct {
		name, hashes string
		header       map[string]string
		status       int
	}{
		{"none is needed", "", nil, 204},
		{"none is needed, one is sent", "", map[string]string{"x-origin-secret": "s"}, 204},
		{"the secret", hash("s"), map[string]string{"x-origin-secret": "s"}, 204},
		{"no header", hash("s"), nil, 403},
		{"empty", hash("s"), map[string]string{"x-origin-secret": ""}, 403},
		{"another", hash("s"), map[string]string{"x-origin-secret": "t"}, 403},
		{"the hash", hash("s"), map[string]string{"x-origin-secret": hash("s")}, 403},
		{"in another header", hash("s"), map[string]string{"x-origin-secrets": "s", "authorization": "Bearer s"}, 403},
		{"twice, which API Gateway joins", hash("s"), map[string]string{"x-origin-secret": "t,s"}, 403},
		{"the old one of two", hash("old") + "," + hash("new"), map[string]string{"x-origin-secret": "old"}, 204},
		{"the new one of two", hash("old") + "," + hash("new"), map[string]string{"x-origin-secret": "new"}, 204},
		{"neither of two", hash("old") + "," + hash("new"), map[string]string{"x-origin-secret": "old,new"}, 403},
	} {
		reached := false
		h := front(t, "https://scim.example.com", row.hashes).NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached = true
			if r.Header.Get(gateway.OriginHeader) != "" {
				t.Errorf("%s: the handler sees the secret", row.name)
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		response := invoke(t, h, row.header)
		if response.StatusCode != row.status || reached != (row.status == 204) {
			t.Errorf("%s: %d, handler reached: %v", row.name, response.StatusCode, reached)
		}
		if response.StatusCode == 403 && (response.Body != `{"message":"Forbidden"}` || response.Headers["X-Content-Type-Options"] != "nosniff") {
			t.Errorf("%s: %+v", row.name, response)
		}
	}
}

// Every response has the headers that protect it.
func TestProtectedResponses(t *testing.T) {
	for _, publicURL := range []string{"", "https://scim.example.com", "http://localhost:8080"} {
		want := map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
		if !strings.HasPrefix(publicURL, "http:") {
			want["Strict-Transport-Security"] = "max-age=31536000"
		}
		h := front(t, publicURL, "").NewHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }))
		if got := invoke(t, h, nil).Headers; !maps.Equal(got, want) {
			t.Errorf("public URL %q: %v, want %v", publicURL, got, want)
		}
	}
	public := gateway.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "public, max-age=3600") }))
	if got := invoke(t, public, nil).Headers["Cache-Control"]; got != "public, max-age=3600" {
		t.Errorf("a response that may be cached: %s", got)
	}
}

func TestWrongFront(t *testing.T) {
	for _, row := range [][2]string{
		{"scim.example.com", ""}, {"ftp://scim.example.com", ""}, {"https://", ""}, {"https://scim.example.com/", ""},
		{"https://scim.example.com/path", ""}, {"https://user@scim.example.com", ""}, {"https://scim.example.com?x", ""}, {"https://a b", ""},
		{"", "passphrase"}, {"", hash("s")[1:]}, {"", hash("s") + "0"}, {"", strings.ToUpper(hash("s"))}, {"", ","}, {"", hash("s") + ","},
		{"", hash("a") + "," + hash("b") + "," + hash("c")},
	} {
		_, err := gateway.ParseFront(row[0], row[1])
		if err == nil {
			t.Errorf("%q is accepted", row)
		} else if len(row[1]) > 3 && strings.Contains(err.Error(), row[1]) {
			t.Errorf("%v quotes the value", err)
		}
	}
}

// Only methods that are known are logged as they are.
func TestLoggedMethod(t *testing.T) {
	for method, want := range map[string]string{
		"GET": "GET", "PATCH": "PATCH", "get": "OTHER", "": "OTHER", "PROPFIND": "OTHER", strings.Repeat("X", 8_000): "OTHER", "ada@example.com": "OTHER",
	} {
		if got := gateway.LoggedMethod(method); got != want {
			t.Errorf("%.20q is logged as %.20q", method, got)
		}
	}
}
