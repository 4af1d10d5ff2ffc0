package lambdaenv

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// The variables PUBLIC_URL and ORIGIN_SECRET_HASHES reach the handler of the
// function. A wrong one stops the function when it starts.
func TestServe(t *testing.T) {
	const sum = "8fdd0fccd3ba1fa83a9e6da8d6ab1ab9e3f7f2d09f7d4e2de2b7f7dd4d1bba5a"
	for _, row := range []struct {
		name, publicURL, hashes string
		url                     string // that the handler sees; "" if it is not reached
		wrong                   bool
	}{
		{"neither", "", "", "https://abc.example/x", false},
		{"a public URL", "https://scim.example.com", "", "https://scim.example.com/x", false},
		{"a secret that the request lacks", "https://scim.example.com", sum, "", false},
		{"a wrong public URL", "scim.example.com", "", "", true},
		{"a wrong hash", "", sum + "0", "", true},
	} {
		e := Environment{getenv: func(name string) string {
			return map[string]string{"PUBLIC_URL": row.publicURL, "ORIGIN_SECRET_HASHES": row.hashes}[name]
		}}
		url := ""
		h, err := e.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { url = r.URL.String() }))
		if row.wrong {
			if err == nil || !strings.Contains(err.Error(), "PUBLIC_URL") {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		out, err := h.Invoke(t.Context(), []byte(`{"rawPath":"/x","headers":{"host":"evil.example"},"requestContext":{"domainName":"abc.example"}}`))
		var response struct{ StatusCode int }
		if err != nil || json.Unmarshal(out, &response) != nil {
			t.Fatalf("%s, %v", out, err)
		}
		want := map[bool]int{true: 200, false: 403}[row.url != ""]
		if url != row.url || response.StatusCode != want {
			t.Errorf("%s: %d, the handler sees %q", row.name, response.StatusCode, url)
		}
	}
}
