package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/scim"
)

// exchange replays one fixture in a directory of its own.
type exchange struct {
	*testing.T
	m        *machine
	own      tenant
	headers  map[string]string // of the client, beside the usual ones
	names    map[string]string // what {name} stands for
	requests []string          // ids, in their order
}

// usual are the headers of Entra: no User-Agent, not even Go's.
var usual = map[string]string{"User-Agent": "", "Content-Type": scim.MediaType, "Authorization": "Bearer {token}"}

// send makes a request and takes its answer apart.
func (x *exchange) send(s step) answer {
	x.Helper()
	r, err := http.NewRequestWithContext(x.Context(), s.Method, x.url(s.Path), bytes.NewReader(x.body(s)))
	if err != nil {
		x.Fatal(err)
	}
	for _, headers := range []map[string]string{usual, x.headers, s.Headers} {
		for name, value := range headers {
			if r.Header.Set(name, x.fill(value)); value == "" && name != "User-Agent" {
				r.Header.Del(name)
			}
		}
	}
	if r.ContentLength == 0 && s.Raw == nil {
		r.Header.Del("Content-Type")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		x.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{T: x.T, what: s.Method + " " + s.Path, status: response.StatusCode, header: response.Header}
	if a.text, err = io.ReadAll(response.Body); err != nil {
		x.Fatal(err)
	}
	if len(a.text) > 0 {
		if err := json.Unmarshal(a.text, &a.body); err != nil {
			x.Errorf("%s: the answer is no JSON object: %s", a.what, a.text)
		}
	}
	a.requestID = a.header.Get("apigw-requestid")
	x.requests = append(x.requests, a.requestID)
	for name, path := range s.Save {
		value := member(a.body, strings.Split(path, ".")...)
		if value == "" {
			x.Fatalf("%s: the answer has no %s: %d %s", a.what, path, a.status, a.text)
		}
		x.names[name] = value
	}
	return a
}

// do makes a request and checks its answer. One that expects nothing of its
// own is to succeed.
func (x *exchange) do(s step) {
	x.Helper()
	if s.Eventually {
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
			if len(x.differences(s.Expect, x.send(s))) == 0 {
				break
			}
		}
	}
	a := x.send(s)
	a.lawful()
	if s.Expect == nil {
		if a.status/100 != 2 {
			x.Fatalf("%s: %d %s", a.what, a.status, a.text)
		}
		return
	}
	for _, difference := range x.differences(s.Expect, a) {
		x.Errorf("%s: %s", a.what, difference)
	}
}

func (x *exchange) differences(want *expectation, a answer) []string {
	x.Helper()
	var wrong []string
	if a.status != want.Status {
		wrong = append(wrong, fmt.Sprintf("status %d, expected %d: %s", a.status, want.Status, a.text))
	}
	for name, value := range want.Headers {
		if got := a.header.Get(name); !matchText(x.fill(value), got) || got == "" {
			wrong = append(wrong, fmt.Sprintf("%s: %q, expected %q", name, got, x.fill(value)))
		}
	}
	if want.Body != nil && a.status == want.Status {
		wrong = append(wrong, match(x.fillAll(want.Body), any(a.body))...)
	}
	return wrong
}

func (x *exchange) url(path string) string {
	if strings.HasPrefix(path, "/") {
		path = "{url}" + path
	}
	return x.fill(path)
}

func (x *exchange) body(s step) []byte {
	x.Helper()
	if s.Raw != nil {
		return []byte(*s.Raw)
	}
	if s.Body == nil {
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, s.Body); err != nil {
		x.Fatal(err)
	}
	body := placeholder.ReplaceAllStringFunc(compact.String(), func(name string) string {
		text := show(x.fill(name))
		return text[1 : len(text)-1] // the quotes are there already
	})
	if s.PadTo > 0 {
		head, tail := strings.TrimSuffix(body, "}")+`,"padding":"`, `"}`
		body = head + strings.Repeat("x", s.PadTo-len(head)-len(tail)) + tail
	}
	return []byte(body)
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// fill puts values in the place of names.
func (x *exchange) fill(s string) string {
	x.Helper()
	return placeholder.ReplaceAllStringFunc(s, func(name string) string {
		value, ok := x.names[name[1:len(name)-1]]
		if !ok {
			x.Fatalf("nothing is known as %s", name)
		}
		return value
	})
}

func (x *exchange) fillAll(v any) any {
	x.Helper()
	switch v := v.(type) {
	case string:
		return x.fill(v)
	case []any:
		filled := make([]any, len(v))
		for i := range v {
			filled[i] = x.fillAll(v[i])
		}
		return filled
	case map[string]any:
		filled := make(map[string]any, len(v))
		for name := range v {
			filled[name] = x.fillAll(v[name])
		}
		return filled
	}
	return v
}

func show(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// answer is what came back.
type answer struct {
	*testing.T
	what      string
	status    int
	header    http.Header
	text      []byte
	body      map[string]any
	requestID string
}

// lawful checks what holds of every SCIM answer.
func (a answer) lawful() {
	a.Helper()
	if a.requestID == "" {
		a.Errorf("%s: the answer has no request id", a.what)
	}
	mediaType := a.header.Get("Content-Type")
	if a.status == http.StatusNoContent {
		if len(a.text) > 0 || mediaType != scim.MediaType {
			a.Errorf("%s: 204 with Content-Type %q and the body %q", a.what, mediaType, a.text)
		}
		return
	}
	if mediaType != scim.MediaType {
		a.Errorf("%s: Content-Type: %q, expected %q", a.what, mediaType, scim.MediaType)
	}
	if found := nulls("", any(a.body)); len(found) > 0 {
		a.Errorf("%s: null in the answer: %s", a.what, strings.Join(found, ", "))
	}
	schemas, _ := a.body["schemas"].([]any)
	if len(schemas) == 0 {
		a.Errorf("%s: the answer has no schemas", a.what)
	}
	if location := member(a.body, "meta", "location"); location != "" && a.header.Get("Location") != "" && location != a.header.Get("Location") {
		a.Errorf("%s: Location: %s, meta.location: %s", a.what, a.header.Get("Location"), location)
	}
	if version := member(a.body, "meta", "version"); version != "" && version != a.header.Get("ETag") {
		a.Errorf("%s: ETag: %s, meta.version: %s", a.what, a.header.Get("ETag"), version)
	}
	if a.status == http.StatusCreated && a.header.Get("Location") == "" {
		a.Errorf("%s: 201 without a Location", a.what)
	}
	if isError := slices.Equal(schemas, []any{scim.ErrorURN}); isError != (a.status >= 400) {
		a.Errorf("%s: status %d with the schemas %s", a.what, a.status, show(schemas))
	}
	if a.status >= 400 {
		if a.body["status"] != fmt.Sprint(a.status) {
			a.Errorf("%s: status %d, in the body %s", a.what, a.status, show(a.body["status"]))
		}
		if t := member(a.body, "scimType"); strings.Contains(string(a.text), `"scimType"`) && t == "" {
			a.Errorf("%s: an empty scimType", a.what)
		}
	}
}
