package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	contentType = "application/scim+json"
	// requestTimeout limits a request that is not cut off deliberately.
	requestTimeout = 30 * time.Second
	// maxConnections allows a separate connection for every concurrent add.
	maxConnections = 64
)

// request is one SCIM call.
type request struct {
	method  string
	path    string // "/Users", "/Groups/{id}"
	filter  string // unencoded
	query   string // other parameters, encoded
	body    any
	dialect dialect
}

// kind returns the name of the request in the report, without ids.
func (q request) kind() string {
	parts := strings.Split(q.path, "/")
	switch {
	case len(parts) > 2:
		return q.method + " /" + parts[1] + "/{id}"
	case q.filter != "":
		return q.method + " /" + parts[1] + "?filter="
	}
	return q.method + " /" + parts[1]
}

// answer is the response to a request. at is the time at which it was complete.
type answer struct {
	status int
	header http.Header
	body   map[string]any // nil if there is no body
	broken error          // the error if the body is not a JSON object
	at     time.Time
}

// exchange is the record of one request for the report.
type exchange struct {
	kind    string
	dialect dialect
	status  int // 0: cut off
	took    time.Duration
}

// client sends requests as Entra does and logs them. It is safe for concurrent
// use.
type client struct {
	base, token string
	http        *http.Client
	filters     atomic.Uint64

	mu  sync.Mutex
	log []exchange
}

func newClient(base, token string) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxConnections
	return &client{base: base, token: token, http: &http.Client{Transport: transport}}
}

// tooFast is the delay before a request that was answered 429 is repeated.
const tooFast = time.Second

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// do sends q and reads the answer. It returns an error if there is no answer.
func (c *client) do(ctx context.Context, q request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	started := time.Now()
	a, err := c.send(ctx, q)
	for err == nil && a.status == http.StatusTooManyRequests { // Entra repeats it, too
		if err = sleep(ctx, tooFast); err == nil {
			a, err = c.send(ctx, q)
		}
	}
	if err != nil {
		return answer{}, err
	}
	c.record(exchange{q.kind(), q.dialect, a.status, a.at.Sub(started)})
	return a, nil
}

// cut is the moment at which the client aborts a request.
type cut string

const (
	cutWritten cut = "cut once written"    // the server may or may not have read it
	cutMidway  cut = "cut while processed" // the server may or may not have finished
	cutAnswer  cut = "answer lost"         // the server has finished
)

var cuts = []cut{cutWritten, cutMidway, cutAnswer}

// giveUp sends q and aborts it at the moment given by how. after is the delay
// of cutMidway. It returns an error if q was never sent.
func (c *client) giveUp(ctx context.Context, q request, how cut, after time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var written atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(w httptrace.WroteRequestInfo) {
			written.Store(w.Err == nil)
			switch how {
			case cutWritten:
				cancel()
			case cutMidway:
				time.AfterFunc(after, cancel)
			}
		},
	})
	_, err := c.send(traced, q)
	if err != nil && !written.Load() {
		return err
	}
	c.record(exchange{kind: q.kind(), dialect: q.dialect})
	return nil
}

func (c *client) send(ctx context.Context, q request) (answer, error) {
	var body io.Reader
	if q.body != nil {
		b, err := json.Marshal(q.body)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(b)
	}
	target := c.base + q.path
	if query := c.encode(q); query != "" {
		target += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, body)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", "") // net/http then sends no User-Agent
	if q.dialect == oktaDialect {
		req.Header.Set("User-Agent", oktaAgent)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", contentType)
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, at: time.Now()}
	if len(raw) > 0 {
		a.broken = json.Unmarshal(raw, &a.body)
	}
	return a, nil
}

// encode builds the query string. It encodes the spaces of a filter as "+" and
// as "%20" alternately: both occur in traces of Entra. The flag of the dialect
// is a key without a value.
func (c *client) encode(q request) string {
	var parts []string
	if q.query != "" {
		parts = append(parts, q.query)
	}
	if q.filter != "" {
		f := url.QueryEscape(q.filter)
		if c.filters.Add(1)%2 == 0 {
			f = strings.ReplaceAll(f, "+", "%20") // a literal plus is already %2B
		}
		parts = append(parts, "filter="+f)
	}
	if q.dialect == optDialect {
		parts = append(parts, string(optDialect))
	}
	return strings.Join(parts, "&")
}

func (c *client) record(x exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, x)
}

func (c *client) sent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.log)
}

func (c *client) exchanges() []exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]exchange(nil), c.log...)
}
