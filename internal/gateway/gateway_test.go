package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"dsync/internal/gateway"
)

// A payload of API Gateway reaches the handler as the HTTP request.
func TestInvoke(t *testing.T) {
	payload, err := os.ReadFile("testdata/request.json")
	if err != nil {
		t.Fatal(err)
	}
	h := gateway.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for what, got := range map[string][2]string{
			"method":     {r.Method, "PATCH"},
			"path":       {r.URL.Path, "/scim/v2.0/QArgyQQkq4G0MquM/Users/a value"},
			"filter":     {r.URL.Query().Get("filter"), `userName eq "a+b"`},
			"host":       {r.Host, "abcdefghij.execute-api.eu-west-1.amazonaws.com"},
			"scheme":     {r.URL.Scheme, "https"},
			"header":     {r.Header.Get("Content-Type"), "application/scim+json"},
			"body":       {string(body), `{"userName": "ä"}`},
			"request id": {gateway.RequestID(r.Context()), "JKJaXmPLvHcESHA="},
			"address":    {r.RemoteAddr, "203.0.113.1"},
		} {
			if got[0] != got[1] {
				t.Errorf("%s is %q, want %q", what, got[0], got[1])
			}
		}
		w.Header().Set("ETag", `W/"1"`)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "ä")
	}))
	response, err := h.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		StatusCode      int
		Headers         map[string]string
		Body            string
		IsBase64Encoded bool
	}
	if err := json.Unmarshal(response, &got); err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != 201 || got.Headers["Etag"] != `W/"1"` || got.Body != "ä" || got.IsBase64Encoded {
		t.Errorf("response %s", response)
	}
	for _, broken := range []string{``, `[]`, `{"isBase64Encoded":true,"body":"*"}`} {
		if _, err := h.Invoke(t.Context(), []byte(broken)); err == nil {
			t.Errorf("%q is accepted as a payload", broken)
		}
	}
}

// Handler understands the payloads of Payload, and Write those of Handler.
func TestRoundTrip(t *testing.T) {
	echo := gateway.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Path", r.URL.Path)
		w.Header().Set("X-Query", r.URL.RawQuery)
		w.Header().Set("X-Agent", r.UserAgent())
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(body)
	}))
	latin1 := httptest.NewRequest(http.MethodPost, "http://localhost/", nil)
	latin1.Header.Set("Content-Type", "application/json")
	payload, err := gateway.Payload(latin1, []byte("\"Ren\xe9\""), "$default", "id", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := echo.Invoke(t.Context(), payload); err != nil || !strings.Contains(string(payload), `"isBase64Encoded":true`) {
		t.Errorf("text that is not UTF-8: %s, %s, %v", payload, response, err)
	}
	for _, contentType := range []string{"application/scim+json; charset=utf-8", "application/json", "text/plain", ""} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/a%20b/?x=%2B&y", nil)
		r.Header.Set("Content-Type", contentType)
		body := "{\"ä\": \"\x00\"}"
		payload, err := gateway.Payload(r, []byte(body), "$default", "id", nil)
		if err != nil {
			t.Fatal(err)
		}
		if encoded := strings.Contains(string(payload), `"isBase64Encoded":true`); encoded != !(strings.HasPrefix(contentType, "text/") || contentType == "application/json") {
			t.Errorf("%q: base64 is %v", contentType, encoded)
		}
		response, err := echo.Invoke(t.Context(), payload)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if err := gateway.Write(w, response); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusAccepted || w.Body.String() != body || w.Header().Get("X-Path") != "/a b/" || w.Header().Get("X-Query") != "x=%2B&y" {
			t.Errorf("%q: %d %q %v", contentType, w.Code, w.Body, w.Header())
		}
	}
}

func BenchmarkInvoke(b *testing.B) {
	payload, err := os.ReadFile("testdata/request.json")
	if err != nil {
		b.Fatal(err)
	}
	h := gateway.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
	}
}
