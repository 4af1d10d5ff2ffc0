package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dsync/internal/gateway"
	"dsync/internal/provider"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// rig is a tenant behind the functions as Lambda calls them. Its clock stands
// still, so its token stays cached.
type rig struct {
	tenant
	b *testing.B
}

func newRig(b *testing.B) rig {
	v, now, log := open(b).still(b), time.Now(), slog.New(slog.NewJSONHandler(io.Discard, nil))
	v = v.serving(provider.Options{Log: log, Now: func() time.Time { return now }})
	return rig{v, b}
}

// still turns the table's stream off: the engine keeps what a stream held, and
// slows down for every table that is created after it.
func (v tenant) still(t testing.TB) tenant {
	t.Helper()
	off := &types.StreamSpecification{StreamEnabled: aws.Bool(false)}
	if _, err := v.api.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: &v.table, StreamSpecification: off}); err != nil {
		t.Fatal(err)
	}
	return v
}

// request is a request to a function, as API Gateway hands it over.
func (r rig) request(method, path, body string) []byte {
	o := httptest.NewRequest(method, "https://dsync.example"+scim.BasePath+r.key+path, nil)
	o.Header.Set("Authorization", "Bearer "+r.secret)
	o.Header.Set("Accept", "application/scim+json")
	if body != "" {
		o.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	payload, err := gateway.Payload(o, []byte(body), "ANY "+scim.BasePath+"{external_key}", "request-1", nil)
	if err != nil {
		r.b.Error(err)
	}
	return payload
}

// call calls a function, which must answer with the status.
func (r rig) call(ctx context.Context, h http.Handler, payload []byte, status int) events.APIGatewayV2HTTPResponse {
	var res events.APIGatewayV2HTTPResponse
	out, err := gateway.NewHandler(h).Invoke(ctx, payload)
	if err != nil {
		r.b.Error(err)
		return res
	}
	if err := json.Unmarshal(out, &res); err != nil || res.StatusCode != status {
		r.b.Errorf("status %d, not %d: %.200s %v", res.StatusCode, status, res.Body, err)
	}
	return res
}

// profile is a user of 2 KB, as Entra's default mapping fills it.
func profile(name string) string {
	return fmt.Sprintf(`{"userName":%q,"externalId":"id of %[1]s","active":true,"displayName":"Ada Lovelace",
		"name":{"formatted":"Ada Lovelace","givenName":"Ada","familyName":"Lovelace"},"title":"Engineer",
		"emails":[{"type":"work","primary":true,"value":%[1]q}],"nickName":%[2]q}`, name, strings.Repeat("x", 1300))
}

// population creates users and returns their names and paths.
func (r rig) population(n int) (names, paths []string) {
	names, paths = make([]string, n), make([]string, n)
	r.each(n, 4, func(i int) {
		names[i] = fmt.Sprintf("user-%d@example.com", i)
		res := r.call(r.b.Context(), r.users, r.request("POST", "/Users", profile(names[i])), 201)
		paths[i] = res.Headers["Location"][strings.Index(res.Headers["Location"], "/Users/"):]
	})
	return names, paths
}

// each does n things, some at a time.
func (r rig) each(n, atATime int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range atATime {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// contest measures several kinds of calls in turns, round by round, so that
// whatever else the machine does meets all of them.
type contest struct {
	round, atATime int
	entries        []*entry
}

type entry struct {
	name, of string // of is the entry whose share it gets, "" for none
	call     func(i int)
	spent    time.Duration
}

func (c *contest) add(name, of string, call func(i int)) {
	c.entries = append(c.entries, &entry{name: name, of: of, call: call})
}

// run reports the throughput of each kind of call.
func (c *contest) run(r rig) {
	done := 0
	for r.b.Loop() {
		for _, e := range c.entries {
			start := time.Now()
			r.each(c.round, c.atATime, func(i int) { e.call(done + i) })
			e.spent += time.Since(start)
		}
		done += c.round
	}
	r.b.ReportMetric(0, "ns/op")
	for _, e := range c.entries {
		r.b.ReportMetric(float64(done)/e.spent.Seconds(), e.name+"/s")
		for _, other := range c.entries {
			if other.name == e.of {
				r.b.ReportMetric(100*other.spent.Seconds()/e.spent.Seconds(), e.name+"-%-of-"+e.of)
			}
		}
	}
}

// Reads through the whole handler, beside a bare GetItem: the engine's ceiling.
func BenchmarkReads(b *testing.B) {
	for _, atATime := range []int{1, 4} {
		b.Run(fmt.Sprintf("%d-at-a-time", atATime), func(b *testing.B) {
			r, c := newRig(b), &contest{round: 100, atATime: atATime}
			names, paths := r.population(c.round)
			byID, byName := make([][]byte, c.round), make([][]byte, c.round)
			for i := range names {
				byID[i] = r.request("GET", paths[i], "")
				byName[i] = r.request("GET", "/Users?filter="+url.QueryEscape(`userName eq "`+names[i]+`"`), "")
			}
			missing := r.request("GET", "/Users?filter="+url.QueryEscape(`userName eq "nobody"`), "")
			c.add("GET-by-id", "bare-GetItem", func(i int) { r.call(b.Context(), r.users, byID[i%c.round], 200) })
			c.add("filter", "GET-by-id", func(i int) {
				if a := r.call(b.Context(), r.users, byName[i%c.round], 200); !strings.Contains(a.Body, `"totalResults":1`) {
					b.Error("not found")
				}
			})
			c.add("filter-of-none", "GET-by-id", func(i int) { r.call(b.Context(), r.users, missing, 200) })
			var keys []map[string]types.AttributeValue
			for _, item := range r.scan(b) {
				if _, user := item["doc"]; user {
					keys = append(keys, map[string]types.AttributeValue{"pk": item["pk"], "sk": item["sk"]})
				}
			}
			c.add("bare-GetItem", "", func(i int) {
				in := &dynamodb.GetItemInput{TableName: &r.table, Key: keys[i%len(keys)], ConsistentRead: aws.Bool(true)}
				if out, err := r.api.GetItem(b.Context(), in); err != nil || out.Item == nil {
					b.Error(err)
				}
			})
			c.run(r)
		})
	}
}

// Writes through the whole handler, beside bare ones.
func BenchmarkWrites(b *testing.B) {
	r, c := newRig(b), &contest{round: 40, atATime: 4}
	_, paths := r.population(c.round)
	put := func(i, part int) *types.Put {
		text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
		return &types.Put{TableName: &r.table, Item: map[string]types.AttributeValue{
			"pk": text("bare"), "sk": text(fmt.Sprint(i, "#", part)), "doc": text(strings.Repeat("x", 500)),
		}}
	}
	c.add("bare-transaction-of-4", "", func(i int) {
		in := &dynamodb.TransactWriteItemsInput{}
		for part := range 4 {
			in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: put(i, part)})
		}
		if _, err := r.api.TransactWriteItems(b.Context(), in); err != nil {
			b.Error(err)
		}
	})
	c.add("bare-PutItem", "", func(i int) {
		if _, err := r.api.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: &r.table, Item: put(i, 4).Item}); err != nil {
			b.Error(err)
		}
	})
	c.add("POST-user", "bare-transaction-of-4", func(i int) {
		r.call(b.Context(), r.users, r.request("POST", "/Users", profile(fmt.Sprintf("new-%d@example.com", i))), 201)
	})
	c.add("PATCH-user", "bare-PutItem", func(i int) {
		o := patchOf(fmt.Sprintf(`{"op":"Replace","path":"title","value":"title %d"}`, i))
		r.call(b.Context(), r.users, r.request("PATCH", paths[i%c.round], o), 200)
	})
	c.add("PATCH-without-change", "", func(i int) {
		r.call(b.Context(), r.users, r.request("PATCH", paths[i%c.round], patchOf(`{"op":"Replace","path":"active","value":"True"}`)), 200)
	})
	c.run(r)
}

// Adapter, middleware, routing and the answer: the CPU of a request that reads
// nothing. The design's budget is 100 µs.
func BenchmarkMiddleware(b *testing.B) {
	r := newRig(b)
	payload, h := r.request("GET", "/ServiceProviderConfig", ""), gateway.NewHandler(r.discovery)
	r.call(b.Context(), r.discovery, payload, 200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
	}
}

// The parts of a PATCH of members, in groups of 1,000 and 100,000 in turns.
func BenchmarkMembers(b *testing.B) {
	r := newRig(b)
	_, paths := r.population(1000)
	ids := make([]string, len(paths))
	for i := range paths {
		ids[i] = lastSegment(paths[i])
	}
	directoryID := r.directoryID(b)
	sizes := []int{1_000, 100_000}
	groups := make([]string, len(sizes))
	for g, size := range sizes {
		groups[g] = r.newGroup(b, fmt.Sprint("group of ", size))
		members := make([]table.Membership, size)
		for i := range members {
			members[i] = table.Membership{DirectoryID: directoryID, GroupID: lastSegment(groups[g]),
				UserID: fmt.Sprintf("directory_user_01%024d", i), At: time.Now()}
		}
		if err := table.New(r.api, r.table).PutMemberships(b.Context(), members); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{1, len(ids)} {
		named := ids[:n]
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r.b = b
			var spent [2][2][]time.Duration // by operation and size
			var meters [2][2]*table.Meter
			for turn := 0; b.Loop(); turn++ {
				for o, op := range []string{"Add", "Remove"} {
					for k := range sizes {
						g := (k + turn) % len(sizes)
						payload := r.request("PATCH", groups[g], membersPatch(op, named...))
						ctx, meter := table.WithMeter(b.Context())
						start := time.Now()
						r.call(ctx, r.groups, payload, 204)
						spent[o][g], meters[o][g] = append(spent[o][g], time.Since(start)), meter
					}
				}
			}
			for o, op := range []string{"add", "remove"} {
				small, large := meters[o][0], meters[o][1]
				if small.RoundTrips != large.RoundTrips || small.WriteUnits != large.WriteUnits || small.ReadUnits != large.ReadUnits {
					b.Errorf("%s costs %d, %v, %v in the small group and %d, %v, %v in the large one", op, small.RoundTrips,
						small.WriteUnits, small.ReadUnits, large.RoundTrips, large.WriteUnits, large.ReadUnits)
				}
				slices.Sort(spent[o][0])
				slices.Sort(spent[o][1])
				a, z := spent[o][0][len(spent[o][0])/2], spent[o][1][len(spent[o][1])/2]
				b.ReportMetric(float64(a.Microseconds())/1000, op+"-ms-at-1000")
				b.ReportMetric(float64(z.Microseconds())/1000, op+"-ms-at-100000")
				b.ReportMetric(float64(z)/float64(a), op+"-ratio")
				b.ReportMetric(float64(large.RoundTrips), op+"-trips")
				b.ReportMetric(large.WriteUnits/float64(len(named)), op+"-WCU/member")
				b.ReportMetric(large.ReadUnits/float64(len(named)), op+"-RCU/member")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func membersPatch(op string, users ...string) string {
	values := make([]map[string]any, len(users))
	for i, user := range users {
		values[i] = map[string]any{"$ref": nil, "value": user}
	}
	o, _ := json.Marshal(map[string]any{"op": op, "path": "members", "value": values})
	return patchOf(string(o))
}

// newUser and newGroup create a resource and return its path.
func (v tenant) newUser(t testing.TB, name string) string {
	t.Helper()
	path, _ := v.made(t, "/Users", fmt.Sprintf(`{"userName":%q}`, name))
	return path
}

func (v tenant) newGroup(t testing.TB, name string) string {
	t.Helper()
	path, _ := v.made(t, "/Groups", fmt.Sprintf(`{"displayName":%q}`, name))
	return path
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
