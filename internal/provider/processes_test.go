package provider_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dsync/internal/provider"
	"dsync/internal/ratelimit"
	"dsync/internal/table"
)

// fleet is several processes of the functions on one table, whose clocks agree.
func fleet(t *testing.T, n int, limits ratelimit.Limits) (processes []tenant, now *time.Time) {
	t.Helper()
	v, at := open(t), time.Now()
	for range n {
		processes = append(processes, v.serving(provider.Options{Log: slog.New(slog.NewJSONHandler(v.log, nil)), Limits: limits, Now: func() time.Time { return at }}))
	}
	return processes, &at
}

const lookUp = "/Users?filter=userName+eq+%22x%22"

// A directory has one limit over all processes, however its requests are spread,
// once it has exceeded its free share of one of them. Another directory has its own.
func TestLimitOverProcesses(t *testing.T) {
	limits := ratelimit.Limits{PerSecond: 10, Burst: 100, FreePerSecond: 1, FreeBurst: 5}
	processes, now := fleet(t, 4, limits)
	other := processes[3]
	other.key, other.secret = other.connect(t)
	for range limits.FreeBurst + 1 { // too much for one process
		processes[0].ask(t, 200, "GET", lookUp, "")
	}
	*now = now.Add(6 * time.Second) // the others read the token again
	served := 0
	for range 60 {
		for _, p := range processes {
			if a := p.send(p.users, "GET", lookUp, ""); a.Code == 200 {
				served++
			} else if a.Code != 429 || a.Header().Get("Retry-After") == "" || !strings.Contains(a.Body.String(), `"status":"429"`) {
				t.Fatalf("%d %v %s", a.Code, a.Header(), a.Body)
			}
		}
	}
	// The burst is full again; the process that was first has units of its lease left.
	if most := limits.Burst + 24; served > most || served < limits.Burst-24 {
		t.Errorf("%d of 240 requests were served, want about %d", served, limits.Burst)
	}
	other.ask(t, 200, "GET", lookUp, "")
	if !strings.Contains(processes[0].log.String(), "uses more than its share") {
		t.Error("the log does not name the directory")
	}
}

// Entra's 25 requests a second cost no round trip more than without limits: not in
// an initial cycle of an hour that one process serves alone.
func TestEntraIsFree(t *testing.T) {
	const entra = 25
	total := map[string]int{}
	for name, limits := range map[string]ratelimit.Limits{"without": {}, "with": provider.DefaultLimits} {
		processes, now := fleet(t, 1, limits)
		p := processes[0]
		p.ask(t, 200, "GET", lookUp, "") // reads the token, and counts the day
		trips := 0
		for second := range 40 {
			for range entra {
				ctx, meter := table.WithMeter(t.Context())
				a := p.within(ctx, p.users, "GET", lookUp, "")
				if a.Code != 200 {
					t.Fatalf("%s: second %d: %d %s", name, second, a.Code, a.Body)
				}
				trips += meter.RoundTrips
				*now = now.Add(time.Second / entra)
			}
		}
		total[name] = trips
	}
	if total["with"] != total["without"] {
		t.Errorf("round trips: %v", total)
	}
}

// What a request uses counts: the operations of a bulk request, what it reads and
// writes, and its size.
func TestWorkOfRequests(t *testing.T) {
	limits := ratelimit.Limits{PerSecond: 1, Burst: 50}
	for name, row := range map[string]struct {
		method, path, body string
		units              time.Duration // at least
	}{
		"a look-up":      {"GET", lookUp, "", 1},
		"a bulk request": {"POST", "/Bulk", bulkOf(40, same(`{"method":"DELETE","path":"/Users/x"}`)), 40},
		"many new users": {"POST", "/Bulk", bulkOf(20, func(i int) string {
			return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"u%d"}}`, i, i)
		}), 24}, // the writes of each are a quarter of a unit
		"a large body":              {"POST", "/Users", `{"userName":"u","x":"` + strings.Repeat("x", 800<<10) + `"}`, 50},
		"a large resource, written": {"POST", "/Users", `{"userName":"u","roles":` + list(7, same(`{"display":"`+strings.Repeat("x", 16_000)+`"}`)) + `}`, 7},
	} {
		t.Run(name, func(t *testing.T) {
			processes, _ := fleet(t, 1, limits)
			p := processes[0]
			if a := p.send(p.discovery, row.method, row.path, row.body); a.Code >= 300 {
				t.Fatalf("%d %s", a.Code, a.Body)
			}
			served := 0
			for p.send(p.discovery, "GET", "/Schemas", "").Code == 200 {
				served++
			}
			if most := limits.Burst - int(row.units); served > most || served < most-25 {
				t.Errorf("%d more requests were served, want %d", served, most)
			}
		})
	}
}
