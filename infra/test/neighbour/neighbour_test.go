package neighbour

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/internal/awslocal/dynamodb"
)

// The load. A machine of two cores serves the clients, the processes, the engine and
// the stream together, so the victims send less than the 25 requests a second that
// Entra may: together they leave half of such a machine idle.
const (
	victims       = 20
	perSecond     = 2 // requests of a victim
	environments  = 8 // processes of each function
	attackers     = 24
	measuredFor   = time.Minute
	warmUp        = 10 * time.Second
	mostTimes     = 2 // the 95th percentile with the attacker, over that without
	slowestEvents = 5 * time.Second
)

// directory is one customer.
type directory struct{ tenantURL, token, id string }

func (d directory) send(ctx context.Context, method, path, body string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, d.tenantURL+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set("Content-Type", "application/scim+json")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	_, err = io.Copy(io.Discard, a.Body)
	return a.StatusCode, err
}

// entra sends the requests of an initial cycle at a steady rate: it looks a user up
// and creates it.
func (d directory) entra(ctx context.Context, begin time.Duration, measured func(status int, took time.Duration)) {
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		name := fmt.Sprintf("u%d-%d@example.com", begin, n/2)
		method, path, body := "GET", "/Users?filter="+url.QueryEscape(`userName eq "`+name+`"`), ""
		if n%2 == 1 {
			method, path = "POST", "/Users"
			body = `{"userName":"` + name + `","active":true,"emails":[{"type":"work","primary":true,"value":"` + name + `"}]}`
		}
		start := time.Now()
		status, err := d.send(ctx, method, path, body)
		if ctx.Err() == nil {
			if err != nil {
				status = 0
			}
			measured(status, time.Since(start))
		}
	}
}

// attack sends what costs most, as fast as it is answered, and ignores Retry-After.
func (d directory) attack(ctx context.Context, name string, answered func(status int)) {
	bulk := func(n int) string {
		operations := make([]string, 100)
		for i := range operations {
			operations[i] = fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"%s-%d-%d"}}`, i, name, n, i)
		}
		return `{"Operations":[` + strings.Join(operations, ",") + `]}`
	}
	unknown := `{"userName":"x","y":"` + strings.Repeat("x", 500<<10) + `"}`
	for n := 0; ctx.Err() == nil; n++ {
		method, path, body := "GET", "/Users?filter="+url.QueryEscape(`userName eq "x"`), ""
		switch n % 5 {
		case 1:
			method, path, body = "POST", "/Bulk", bulk(n)
		case 2:
			path = "/Users?count=200&filter=" + url.QueryEscape(`title co "x"`)
		case 3:
			method, path, body = "POST", "/Users", unknown
		case 4:
			method, path, body = "POST", "/Groups", fmt.Sprintf(`{"displayName":"%s-%d"}`, name, n)
		}
		if status, err := d.send(ctx, method, path, body); err == nil {
			answered(status)
		}
	}
}

// result is what the clients of one run noticed.
type result struct {
	mu       sync.Mutex
	times    []time.Duration
	statuses map[int]int // of the victims
	attack   map[int]int
}

func (r *result) percentile(p float64) time.Duration {
	slices.Sort(r.times)
	return r.times[int(float64(len(r.times)-1)*p)].Round(100 * time.Microsecond)
}

// run lets the victims work, with or without the attacker.
func run(ctx context.Context, all []directory, attacker *directory) *result {
	r := &result{statuses: map[int]int{}, attack: map[int]int{}}
	ctx, cancel := context.WithTimeout(ctx, warmUp+measuredFor)
	defer cancel()
	began := time.Now()
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() {
			d.entra(ctx, time.Duration(began.Unix()), func(status int, took time.Duration) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.statuses[status]++
				if time.Since(began) > warmUp {
					r.times = append(r.times, took)
				}
			})
		})
	}
	if attacker != nil {
		for n := range attackers {
			wg.Go(func() {
				timer := time.NewTimer(warmUp)
				defer timer.Stop()
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
				attacker.attack(ctx, fmt.Sprint("a", n, "-", began.Unix()), func(status int) {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.attack[status]++
				})
			})
		}
	}
	wg.Wait()
	return r
}

// A directory that floods the system, with one token and at full speed, slows down
// no other one by more than a factor of two, and causes no error and no late event.
// The test measures, so it runs with DSYNC_BENCH set, on a machine that has nothing
// else to do.
func TestNoisyNeighbour(t *testing.T) {
	if os.Getenv("DSYNC_BENCH") == "" {
		t.Skip("measures")
	}
	dir := filepath.Join(t.TempDir(), "local")
	var late atomic.Int64
	s, err := system.Start(t.Context(), system.Options{
		DataDir: dir, Processes: true, Environments: environments, Log: t.Output(), DynamoDBEndpoint: os.Getenv(dynamodb.EndpointVariable),
		OnEvent: func(e json.RawMessage) {
			var event struct {
				Detail struct {
					CreatedAt time.Time `json:"created_at"`
				}
			}
			if json.Unmarshal(e, &event) == nil && !event.Detail.CreatedAt.IsZero() {
				after := time.Since(event.Detail.CreatedAt).Milliseconds()
				for known := late.Load(); after > known && !late.CompareAndSwap(known, after); known = late.Load() {
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	connect := func(name string) directory {
		c, err := api.Connect(t.Context(), name, "")
		if err != nil {
			t.Fatal(err)
		}
		return directory{c.TenantURL, c.Token, c.DirectoryID}
	}
	var all []directory
	for n := range victims {
		all = append(all, connect(fmt.Sprint("victim ", n)))
	}
	attacker := connect("attacker")
	alone := run(t.Context(), all, nil)
	lateAlone := late.Swap(0)
	beside := run(t.Context(), all, &attacker)
	for name, r := range map[string]*result{"without the attacker": alone, "with the attacker": beside} {
		t.Logf("victims %s: %d requests, p50 %v, p95 %v, p99 %v; statuses %v", name, len(r.times), r.percentile(0.5), r.percentile(0.95), r.percentile(0.99), r.statuses)
		for status, n := range r.statuses {
			if status < 200 || status > 299 {
				t.Errorf("%s: %d requests of victims were answered with %d", name, n, status)
			}
		}
	}
	t.Logf("the attacker's requests by status: %v", beside.attack)
	t.Logf("the latest event: %d ms without the attacker, %d ms with it", lateAlone, late.Load())
	for status, n := range beside.attack {
		if status >= 500 {
			t.Errorf("%d requests of the attacker were answered with %d", n, status)
		}
	}
	if a, b := alone.percentile(0.95), beside.percentile(0.95); b > mostTimes*a {
		t.Errorf("the 95th percentile is %v, more than %d times %v", b, mostTimes, a)
	}
	if after := time.Duration(late.Load()) * time.Millisecond; after > slowestEvents {
		t.Errorf("an event came after %v", after)
	}
	units, served := unitsOf(t, filepath.Join(dir, "functions.log"))
	t.Logf("the attacker: %.0f units of DynamoDB in requests; each victim: %.0f", units[attacker.id], units[all[0].id])
	t.Logf("requests in the log: %d of the attacker", served[attacker.id])
}

// unitsOf sums the units of DynamoDB, and counts the requests, that the log of the
// functions has of each directory.
func unitsOf(t *testing.T, log string) (units map[string]float64, requests map[string]int) {
	t.Helper()
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	units, requests = map[string]float64{}, map[string]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			DirectoryID string  `json:"directory_id"`
			Units       float64 `json:"units"`
			Message     string  `json:"msg"`
		}
		if at := strings.IndexByte(lines.Text(), '{'); at >= 0 && json.Unmarshal([]byte(lines.Text()[at:]), &line) == nil && line.DirectoryID != "" {
			units[line.DirectoryID] += line.Units
			requests[line.DirectoryID]++
		}
	}
	return units, requests
}
