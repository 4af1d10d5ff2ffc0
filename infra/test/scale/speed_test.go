package scale

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/provider"
	"dsync/internal/table"
)

const (
	concurrency = 8
	rounds      = 3
)

// speed is an operation whose speed is measured.
type speed struct {
	name string
	rest bool
	// request is the n-th request, and the status of its response.
	request func(w *world, n int) (status int, method, path, body string)
	// prepare makes records for a number of operations. Only as many are measured
	// in each round.
	prepare func(w *world, n int)
	most    int
	// grows says why the operation costs more in a larger table; "" if it does not.
	grows string
}

func get(name, path string) speed {
	return speed{name: "SCIM GET " + name, request: func(*world, int) (int, string, string, string) { return 200, "GET", path, "" }}
}

func restGet(name, path string) speed {
	return speed{name: "REST GET " + name, rest: true, request: func(*world, int) (int, string, string, string) { return 200, "GET", path, "" }}
}

func (s speed) growing(why string) speed { s.grows = why; return s }

var speeds = []speed{
	get("/Users, userName eq", "/Users"+filter(`userName eq "{name}"`)),
	get("/Users/{id}", "/Users/{user}"),
	get("/Users?count=1", "/Users?count=1").growing("the keys of up to 2,000 users are read to count them"),
	get("/Users?count=100", "/Users?count=100").growing("as above"),
	get("/Users?cursor&count=100", "/Users?cursor&count=100"),
	get("/Groups/{id}, up to 10,000 members", "/Groups/{crowd}").growing("a record for each member is read"),
	restGet("/directory_users, page of 100", "/directory_users?directory={dir}&limit=100"),
	restGet("/directory_users/{id}", "/directory_users/{first}"),
	{name: "REST GET /directory_users/{unknown}", rest: true, request: func(w *world, n int) (int, string, string, string) {
		return 404, "GET", "/directory_users/directory_user_01ARZ3NDEKTSV4RRFFQ69G5FAV", ""
	}},
	restGet("/events?directory, page of 100", "/events?directory={dir}&limit=100"),
	restGet("/events?directory, newest 100", "/events?directory={dir}&limit=100&order=desc"),
	restGet("/directories, page of 100", "/directories?limit=100").growing("the small table has 10 directories"),
	restGet("/directories?search, one found", "/directories?search=Entra&limit=1").growing("the names of 1,000 directories are read at most, then it goes on with a cursor"),
	restGet("/organizations?search, one found", "/organizations?search=Acme&limit=1"),
	{name: "SCIM POST /Users", most: 600, request: func(w *world, n int) (int, string, string, string) {
		return 201, "POST", "/Users", person(fmt.Sprint("speed", 10_000_000+n))
	}},
	{name: "SCIM PATCH /Users/{id}, title", most: 600, request: func(w *world, n int) (int, string, string, string) {
		return 200, "PATCH", "/Users/" + w.users[n%len(w.users)], patch(fmt.Sprintf(`{"op":"Replace","path":"title","value":"title %d"}`, n))
	}},
	{name: "SCIM PATCH /Groups/{id}, add 1,000", most: 16, prepare: func(w *world, n int) {
		for len(w.empty) < n {
			w.empty = append(w.empty, w.scim(201, "POST", "/Groups", fmt.Sprintf(`{"displayName":"empty %d"}`, len(w.empty))).id)
		}
	}, request: func(w *world, n int) (int, string, string, string) {
		return 204, "PATCH", "/Groups/" + w.empty[n], patch(w.thousand)
	}},
	{name: "SCIM DELETE /Users/{id}, in 10 groups", most: 200, prepare: func(w *world, n int) { w.leave(n) }, request: func(w *world, n int) (int, string, string, string) {
		return 204, "DELETE", "/Users/" + w.leavers[n], ""
	}},
}

// arena is a world whose speed is measured.
func arena(t testing.TB, users int) *world {
	t.Helper()
	w := open(t, shape{max(users/100, 10), users})
	w.thousandOf(w.users[:1_000])
	w.crowd(w.users[:min(users, 10_000)])
	w.log(users)
	for len(w.keys) < 300 { // each key has a limit of its own
		_, key, err := management.Bootstrap(w.table, time.Now, rand.Reader).CreateAPIKey(t.Context(), management.NewAPIKey{Name: "key", Scope: "read"})
		if err != nil {
			t.Fatal(err)
		}
		w.keys = append(w.keys, key)
	}
	w.scimHandler = provider.Options{Table: w.table, Now: time.Now, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler)}.Discovery()
	w.restHandler = api.New(api.Options{Table: w.table, Events: eventlog.New(w.table, time.Now), Now: time.Now, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), SCIMBase: "/scim/v2.0/"})
	return w
}

func (w *world) thousandOf(users []string) {
	var members []map[string]string
	for _, user := range users {
		members = append(members, map[string]string{"value": user})
	}
	b, _ := json.Marshal(map[string]any{"op": "Add", "path": "members", "value": members})
	w.thousand = string(b)
}

// crowd makes a group of users.
func (w *world) crowd(users []string) {
	w.names["{crowd}"] = w.scim(201, "POST", "/Groups", `{"displayName":"crowd"}`).id
	members := make([]table.Membership, len(users))
	for i, user := range users {
		members[i] = table.Membership{DirectoryID: w.dir.ID, OrganizationID: w.dir.OrganizationID, GroupID: w.names["{crowd}"], UserID: user, At: time.Now()}
	}
	if err := w.table.PutMemberships(w.Context(), members); err != nil {
		w.Fatal(err)
	}
}

// leave adds users who are in ten groups, until there are n.
func (w *world) leave(n int) {
	for len(w.tenGroups) < 10 {
		w.tenGroups = append(w.tenGroups, w.scim(201, "POST", "/Groups", fmt.Sprintf(`{"displayName":"one of ten %d"}`, len(w.tenGroups))).id)
	}
	var members []table.Membership
	for len(w.leavers) < n {
		user := w.seed.user(w.dir.ID, id.ULID(w.tenGroups[0]))
		for _, group := range w.tenGroups[1:] {
			members = append(members, table.Membership{DirectoryID: w.dir.ID, OrganizationID: w.dir.OrganizationID, GroupID: group, UserID: user, At: time.Now()})
		}
		w.leavers = append(w.leavers, user)
		w.leaverNames = append(w.leaverNames, fmt.Sprint("person", w.seed.people))
	}
	w.seed.done()
	if err := w.table.PutMemberships(w.Context(), members); err != nil {
		w.Fatal(err)
	}
}

// log appends events of the directory.
func (w *world) log(n int) {
	w.Helper()
	appender := eventlog.New(w.table, time.Now).Appender()
	for done := 0; done < n; {
		heads, err := w.table.LogHeads(w.Context(), []string{w.dir.ID})
		if err != nil {
			w.Fatal(err)
		}
		var ops []eventlog.Op
		for len(ops) < 1_000 && done+len(ops) < n {
			at := time.Now()
			eventID, err := dsync.EventID(at, "speed", fmt.Sprint(done+len(ops)))
			if err != nil {
				w.Fatal(err)
			}
			e := &eventlog.Entry{ID: eventID, Name: dsync.UserUpdated, DirectoryID: w.dir.ID, OrganizationID: w.dir.OrganizationID}
			e.JSON = func(sequence int64) []byte {
				return fmt.Appendf(nil, `{"object":"event","id":%q,"event":%q,"created_at":"2026-01-01T00:00:00.000Z","context":{"sequence":%d},"data":%s}`, eventID, dsync.UserUpdated, sequence, person(fmt.Sprint("event", sequence)))
			}
			ops = append(ops, eventlog.Op{Event: e})
		}
		if _, err := appender.Append(w.Context(), heads[w.dir.ID], w.dir.OrganizationID, ops); err != nil {
			w.Fatal(err)
		}
		done += len(ops)
	}
}

// do sends the n-th request of an operation.
func (w *world) do(ctx context.Context, s speed, n int) {
	status, method, path, body := s.request(w, n)
	handler, secret, base := w.scimHandler, w.secret, "/scim/v2.0/"+w.dir.ExternalKey
	if s.rest {
		handler, secret, base = w.restHandler, w.keys[n%len(w.keys)], ""
	}
	r := httptest.NewRequestWithContext(ctx, method, "https://dsync.example"+base+w.fill(path), strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Content-Type", "application/json")
	out := httptest.NewRecorder()
	handler.ServeHTTP(out, r)
	if out.Code != status {
		w.Errorf("%s: %d %.300s", s.name, out.Code, out.Body)
	}
}

// parallel does something n times, or for some time, and returns how often, and how
// long it took.
func parallel(n int, atMost time.Duration, do func(n int)) (int, time.Duration) {
	var next, done atomic.Int64
	var workers sync.WaitGroup
	start := time.Now()
	for range concurrency {
		workers.Go(func() {
			for time.Since(start) < atMost {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
				done.Add(1)
			}
		})
	}
	workers.Wait()
	return int(done.Load()), time.Since(start)
}

// figures are what was measured of an operation.
type figures struct {
	perSecond, ratio float64 // the median of the rounds; the ratio is to the bare client
	least, most      float64 // of the ratios
	cost             cost
	allocations      float64 // of a request, those of the SDK included
	// cpu is the time of the processor that a request takes in this process, bare that
	// of the bare client for its calls: the least of the rounds. Other programs
	// disturb these less than the rest.
	cpu, bare time.Duration
}

func (f figures) String() string {
	share := "-" // no call
	if f.cost.trips > 0 {
		share = fmt.Sprintf("%.2f (%.2f to %.2f)", f.ratio, f.least, f.most)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%.3g | %s | %.2f | %.2f | %d | %.4g | %.4g | %.0f", f.perSecond, share, ms(f.cpu), ms(f.bare), f.cost.trips, f.cost.read, f.cost.write, f.allocations)
}

// measure measures an operation in rounds: the operation, then the same calls by
// the bare client.
func (w *world) measure(s speed, length time.Duration) (f figures) {
	w.Helper()
	most := s.most
	if most == 0 {
		most = 2_000
	}
	n := 0
	if s.prepare != nil {
		s.prepare(w, 2+rounds*2*most)
	}
	warm := 1
	if s.rest {
		warm = len(w.keys)
	}
	for ; n < warm; n++ {
		w.do(w.Context(), s, n)
	}
	r := &recording{}
	ctx, meter := table.WithMeter(context.WithValue(w.Context(), recordingKey{}, r))
	w.do(ctx, s, n)
	n++
	f.cost = cost{trips: meter.RoundTrips, read: meter.ReadUnits, write: meter.WriteUnits}
	var perSecond, ratios []float64
	for range rounds {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		used := cpu()
		done, took := parallel(most, length, func(i int) { w.do(w.Context(), s, n+i) })
		f.cpu = least(f.cpu, (cpu()-used)/time.Duration(done))
		runtime.ReadMemStats(&after)
		n += most
		f.allocations = float64(after.Mallocs-before.Mallocs) / float64(done)
		calls := make([][]any, done)
		for i := range calls {
			calls[i] = r.bare(w.others(s, n+i))
		}
		n += most
		runtime.GC()
		used = cpu()
		again, bare := parallel(done, 4*length, func(i int) {
			if err := replay(w.Context(), w.seed.db, calls[i]); err != nil {
				w.Errorf("%s, bare: %v", s.name, err)
			}
		})
		f.bare = least(f.bare, (cpu()-used)/time.Duration(max(again, 1)))
		rate := float64(done) / took.Seconds()
		perSecond, ratios = append(perSecond, rate), append(ratios, rate/max(float64(again)/bare.Seconds(), 1))
	}
	slices.Sort(perSecond)
	slices.Sort(ratios)
	f.perSecond, f.ratio, f.least, f.most = perSecond[rounds/2], ratios[rounds/2], ratios[0], ratios[rounds-1]
	return f
}

// cpu is the time of the processor that this process has used.
func cpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// least is the smaller of two times, of which the first may be none yet.
func least(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// others maps what a recorded call names to what the n-th request of the bare
// client names: another user who leaves, or new ids and names.
func (w *world) others(s speed, n int) func(string) string {
	if s.most == 0 {
		return func(text string) string { return text }
	}
	fresh := map[string]string{id.ULID(w.dir.ID): "", id.ULID(w.dir.OrganizationID): ""}
	for _, group := range w.tenGroups {
		fresh[id.ULID(group)] = ""
	}
	own := ""
	if len(w.leavers) > n {
		fresh[id.ULID(w.leavers[1])], own = id.ULID(w.leavers[n]), w.leaverNames[n]
	}
	if len(w.empty) > n {
		fresh[id.ULID(w.empty[1])] = id.ULID(w.empty[n])
	}
	for i, user := range w.users[:1_000] {
		if fresh[id.ULID(user)] = ""; s.prepare == nil {
			fresh[id.ULID(user)] = id.ULID(w.users[(i+n)%len(w.users)])
		}
	}
	return func(text string) string {
		text = strings.ReplaceAll(text, "speed10000001", fmt.Sprint("speed", 10_000_000+n))
		if own != "" {
			text = strings.ReplaceAll(text, w.leaverNames[1], own)
		}
		return anyULID.ReplaceAllStringFunc(text, func(u string) string {
			to, known := fresh[u]
			if !known {
				made, err := id.New(id.User, time.Now(), rand.Reader)
				if err != nil {
					panic(err)
				}
				to = id.ULID(made)
				fresh[u] = to
			}
			if to == "" {
				return u
			}
			return to
		})
	}
}

// TestSpeed prints how fast each operation is, beside a bare client of the engine
// that makes the same calls. It measures, so it runs with DSYNC_BENCH set; else it
// does each operation once, so that it stays right.
func TestSpeed(t *testing.T) {
	sizes, length := []int{1_000}, time.Millisecond
	if os.Getenv("DSYNC_BENCH") != "" {
		sizes, length = []int{1_000, 10_000, 100_000}, time.Second
	}
	if size, err := strconv.Atoi(os.Getenv("USERS")); err == nil {
		sizes = []int{size}
	}
	only := os.Getenv("OPERATION") // a part of the name of an operation
	line := t.Log
	if os.Getenv("DSYNC_BENCH") != "" {
		line = func(of ...any) { fmt.Println(of...) }
	}
	line("| operation | users | requests/s | share of the bare client (spread) | CPU, ms | CPU of the bare client, ms | round trips | read units | write units | allocations |")
	line("|---|---|---|---|---|---|---|---|---|---|")
	first := map[string]cost{}
	for _, size := range sizes {
		w := arena(t, size)
		for _, s := range speeds {
			if !strings.Contains(s.name, only) {
				continue
			}
			f := w.measure(s, length)
			line(fmt.Sprintf("| %s | %d | %s |", s.name, size, f))
			before, known := first[s.name]
			if !known {
				first[s.name] = f.cost
			} else if !before.same(f.cost) && s.grows == "" {
				t.Errorf("%s costs %+v, and with more users %+v", s.name, before, f.cost)
			}
		}
	}
}
