package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"

	"dsync/internal/dsynctest"
	"dsync/internal/gateway"
	"dsync/internal/scim"
	"dsync/internal/session"
)

// demand is the request of its kind that makes the most work and is not refused
// before that work. Its answer may be an error.
type demand struct {
	of                       tenant
	kind, method, path, body string
	status                   int
}

// body is a JSON object with as many of the members as fit a request body.
func body(begin string, member func(i int) string, end string) string {
	return dsynctest.Filled(scim.MaxBody, begin, member, end)
}

// list is n elements in JSON.
func list(n int, element func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = element(i)
	}
	return "[" + strings.Join(all, ",") + "]"
}

func same(s string) func(int) string { return func(int) string { return s } }

// spelled is a name in the i-th combination of letter cases.
func spelled(name string, i int) string {
	b := []byte(name)
	for at := range b {
		if i>>at&1 == 1 {
			b[at] -= 'a' - 'A'
		}
	}
	return string(b)
}

const (
	patchBegin = `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[`
	patchEnd   = `]}`
)

// worst are the demands on a directory that they fill with what they need.
func worst(t *testing.T, v, crowd tenant) []demand {
	one, _ := crowd.made(t, "/Users", profile("one"))
	crowd.multiply(t, strings.TrimPrefix(lastSegment(one), "directory_user_"), session.MaxScan-1) // of 2 KB
	large := v
	large.key, large.secret = v.connect(t)
	for i := range 40 { // users of almost 128 KiB
		large.made(t, "/Users", fmt.Sprintf(`{"userName":"large %d","entitlements":%s,"roles":%[2]s,"ims":%[2]s,"phoneNumbers":%[2]s}`, i, list(500, func(i int) string {
			return fmt.Sprintf(`{"value":"%d","display":"%s"}`, i, strings.Repeat("x", 25))
		})))
	}
	names := func(n int) string { return strings.TrimSuffix(strings.Repeat("emails.value,title,", n/2), ",") }
	unknown := func(i int) string { return fmt.Sprintf(`"k%05d":0`, i) }
	address := func(i int) string { return fmt.Sprintf(`{"value":"%d@example.com"}`, i) }
	// 16 KiB of characters that are decomposed, folded and composed again.
	accents := strings.Repeat("Ǘ", 16<<10/len("Ǘ"))
	role := func(i int) string { return fmt.Sprintf(`{"value":"%d","display":"%s"}`, i, accents[:200]) }
	many, _ := v.made(t, "/Users", `{"userName":"many","entitlements":`+list(500, func(i int) string { return fmt.Sprintf(`{"value":"%d"}`, i) })+`}`)
	mails, _ := v.made(t, "/Users", `{"userName":"mails","emails":`+list(40, address)+`}`)
	long, _ := v.made(t, "/Users", fmt.Sprintf(`{"userName":"long","entitlements":%s}`, list(7, func(i int) string { return fmt.Sprintf(`{"value":"%d%s"}`, i, accents[:16_000]) })))
	empty, _ := v.made(t, "/Users", `{"userName":"empty"}`)
	wide, _ := v.made(t, "/Users", `{"userName":"wide","roles":`+list(400, role)+`}`)
	group, _ := v.made(t, "/Groups", `{"displayName":"group"}`)
	for i := range 100 {
		v.made(t, "/Users", fmt.Sprintf(`{"userName":"filler %03d","title":"%s%d","emails":%s}`, i, accents[:16_000], i, list(40, address)))
	}
	brackets := func(n int) string {
		return "[" + strings.Join(strings.Split(strings.Repeat(`value co "x",`, n-1)+`value co "x"`, ","), " or ") + "]"
	}
	or := func(n int, term string) string { return strings.Repeat(term+" or ", n-1) + term }
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	search := func(members string) string { return `{"count":200,` + members + `}` }
	escape := url.QueryEscape
	deep := strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000)
	patchIn := func(path string, i int, operation string) string {
		return fmt.Sprintf(`{"method":"PATCH","path":%q,"data":%s%s%s}`, path, patchBegin, operation, patchEnd)
	}
	all := []demand{
		{v, "POST: unknown attributes", "POST", "/Users", body(`{"userName":"a",`, unknown, `}`), 201},
		{v, "POST: unknown attributes of an extension", "POST", "/Users", body(`{"userName":"b","`+scim.EnterpriseURN+`":{`, unknown, `}}`), 201},
		{v, "POST: one attribute in many spellings", "POST", "/Users", body(`{"userName":"c",`, func(i int) string { return `"` + spelled("entitlements", i) + `":["a"]` }, `}`), 201},
		{v, "POST: lists at their limits", "POST", "/Users", `{"userName":"d","emails":` + list(40, address) + `,"roles":` + list(500, address) + `,"phoneNumbers":` + list(500, address) + `,"ims":` + list(500, address) + `,"entitlements":` + list(500, address) + `}`, 201},
		{v, "POST: large text", "POST", "/Users", `{"userName":"e","title":"` + accents + `","emails":` + list(6, func(i int) string { return fmt.Sprintf(`{"value":"%d%s"}`, i, accents[:16_000]) }) + `}`, 201},
		{v, "POST: many schemas", "POST", "/Users", body(`{"userName":"f","schemas":[`, same(`""`), `]}`), 201},
		{v, "POST: deep nesting", "POST", "/Users", body(`{"userName":"g","x":[`, same(deep), `]}`), 201},
		{v, "POST: members of no user", "POST", "/Groups", body(`{"displayName":"a","members":[`, same(`"x"`), `]}`), 201},
		{v, "POST: more members than allowed", "POST", "/Groups", body(`{"displayName":"b","members":[`, func(i int) string { return fmt.Sprintf(`"%d"`, i) }, `]}`), 413},
		{v, "PUT: 5,000 members of no user", "PUT", group, `{"displayName":"group","members":` + list(5000, func(i int) string { return fmt.Sprintf(`{"value":"%d"}`, i) }) + `}`, 200},
		{v, "PUT: unknown attributes", "PUT", empty, body(`{"userName":"empty",`, unknown, `}`), 200},
		{v, "PATCH: a value of unknown attributes", "PATCH", empty, body(patchBegin+`{"op":"add","value":{`, unknown, `}}`+patchEnd), 200},
		{v, "PATCH: one attribute in many spellings", "PATCH", empty, body(patchBegin+`{"op":"add","value":{`, func(i int) string { return `"` + spelled("entitlements", i) + `":"a"` }, `}}`+patchEnd), 200},
		{v, "PATCH: 5,000 additions to 40 addresses", "PATCH", mails, patchBegin + strings.Repeat(`{"op":"add","path":"emails","value":[{"value":"0@example.com"}]},`, 4999) + `{"op":"add","path":"title","value":"x"}` + patchEnd, 200},
		{v, "PATCH: additions to 500 values", "PATCH", many, body(patchBegin, same(`{"op":"add","path":"entitlements","value":"0"}`), patchEnd), 413},
		{v, "PATCH: 5,000 additions to 500 values", "PATCH", many, patchBegin + list(5000, same(`{"op":"add","path":"entitlements","value":"0"}`))[1:] + `}`, 400},
		{v, "PATCH: 500 additions to 500 values", "PATCH", many, patchBegin + list(500, same(`{"op":"add","path":"entitlements","value":"0"}`))[1:] + `}`, 200},
		{v, "PATCH: additions of lists", "PATCH", empty, body(patchBegin, same(`{"op":"add","path":"entitlements","value":`+list(100, same(`{"value":"a"}`))+`}`), patchEnd), 200},
		{v, "PATCH: removals of listed values", "PATCH", many, body(patchBegin, same(`{"op":"remove","path":"entitlements","value":`+list(50, same(`"x"`))+`}`), patchEnd), 400},
		{v, "PATCH: filters on 500 values", "PATCH", many, patchBegin + list(250, same(`{"op":"remove","path":"entitlements[value co \"x\"]"}`))[1:] + `}`, 200},
		{v, "PATCH: filters of 100 comparisons", "PATCH", many, patchBegin + list(4, same(`{"op":"remove","path":`+quoted("entitlements"+brackets(100))+`}`))[1:] + `}`, 200},
		{v, "PATCH: filters on large text", "PATCH", long, patchBegin + list(1000, same(`{"op":"remove","path":"entitlements[value co \"x\"]"}`))[1:] + `}`, 200},
		{v, "PATCH: long paths", "PATCH", empty, body(patchBegin, same(`{"op":"remove","path":`+quoted("entitlements"+brackets(100))+`}`), patchEnd), 200},
		{v, "PATCH: 5,000 removals of members", "PATCH", group, patchBegin + list(5000, func(i int) string { return fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%d\"]"}`, i) })[1:] + `}`, 204},
		{v, "PATCH: lists of members, again and again", "PATCH", group, body(patchBegin, same(`{"op":"add","path":"members","value":`+list(1000, same(`"x"`))+`}`), patchEnd), 204},
		{v, "GET: a filter of 100 comparisons", "GET", "/Users?count=200&filter=" + escape(or(100, `emails.value co "zz"`)), "", 200},
		{v, "GET: a filter of large text", "GET", "/Users?count=200&filter=" + escape(or(100, `title co "zz"`)), "", 400},
		{v, "GET: a filter of 32 levels", "GET", "/Users?filter=" + escape(strings.Repeat("not (", 31)+`title pr`+strings.Repeat(")", 31)), "", 200},
		{v, "GET: sorted by large text", "GET", "/Users?sortBy=title", "", 200},
		{v, "GET: names with 10 comparisons", "GET", "/Users?count=200&attributes=" + escape(strings.TrimSuffix(strings.Repeat("emails"+brackets(1)+",", 10), ",")), "", 200},
		{v, "GET: 200 names", "GET", "/Users?count=200&attributes=" + names(200) + "&excludedAttributes=" + names(200), "", 200},
		{large, "GET: a page of 4 MB", "GET", "/Users?count=200", "", 200},
		{large, "GET: a page of 4 MB, names with 10 comparisons", "GET", "/Users?count=200&attributes=" + escape(strings.TrimSuffix(strings.Repeat("entitlements"+brackets(1)+",roles,", 10), ",")), "", 200},
		{large, "GET: 100 comparisons with each of 6 million bytes", "GET", "/Users?filter=" + escape(or(100, `entitlements co "zz"`)), "", 400},
		{crowd, "GET: a filter without a key, 10,000 users", "GET", "/Users?filter=" + escape(`title co "zz"`), "", 400},
		{crowd, "GET: 10,000 users in an order", "GET", "/Users?sortBy=displayName", "", 400},
		{v, "GET: wide resource", "GET", wide, "", 200},
		{v, "search: names without end", "POST", "/Users/.search", body(`{"attributes":[`, same(`"id"`), `]}`), 400},
		{v, "search: one text of names without end", "POST", "/Users/.search", `{"attributes":"` + strings.Repeat("id,", 300_000) + `id"}`, 400},
		{v, "search: names with comparisons without end", "POST", "/Users/.search", body(`{"attributes":[`, same(quoted("emails"+brackets(100))), `]}`), 400},
		{v, "search: all types, sorted", "POST", "/.search", search(`"sortBy":"title"`), 200},
		{v, "Bulk: 100 patches with comparisons", "POST", "/Bulk", bulkOf(90, func(i int) string {
			return patchIn(many, i, strings.Trim(list(180, same(`{"op":"remove","path":"entitlements[value eq \"x\"]"}`)), "[]"))
		}), 200},
		{v, "Bulk: a chain of references, last first", "POST", "/Bulk", bulkOf(100, func(i int) string {
			return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":"b%d","data":{"displayName":"g%d","members":[%s],"x":%s}}`, i, i, map[bool]string{true: fmt.Sprintf(`"bulkId:b%d"`, i+1)}[i < 99], list(4_000, same("0")))
		}), 200},
		{v, "Bulk: 100 users with large text", "POST", "/Bulk", bulkOf(100, func(i int) string {
			return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"u%d","data":{"userName":"bulk%d","title":"%s"}}`, i, i, accents[:10_000])
		}), 200},
		{v, "Bulk: unknown attributes", "POST", "/Bulk", body(`{"Operations":[{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"h",`, unknown, `}}]}`), 200},
	}
	return all
}

func bulkOf(n int, operation func(int) string) string {
	return `{"schemas":["` + scim.BulkRequestURN + `"],"Operations":` + list(n, operation) + `}`
}

// With DSYNC_BENCH set, the test prints what the worst accepted request of each kind
// costs in CPU time, the request and response payloads of Lambda included: the table
// of docs/scim.md. ONLY selects kinds.
func TestWorstRequests(t *testing.T) {
	if os.Getenv("DSYNC_BENCH") == "" {
		t.Skip("measures; the limits behind it have tests of their own")
	}
	v := open(t)
	crowd := v
	crowd.key, crowd.secret = v.connect(t)
	demands := worst(t, v, crowd)
	var table strings.Builder
	only := os.Getenv("ONLY")
	for _, d := range demands {
		if !strings.Contains(d.kind, only) {
			continue
		}
		h := v.discovery
		payload := d.of.payload(t, d)
		runtime.GC()
		before := dsynctest.CPU(t)
		out, err := gateway.NewHandler(h).Invoke(t.Context(), payload)
		used := dsynctest.CPU(t) - before
		var a struct {
			StatusCode int
			Body       string
		}
		if err != nil || json.Unmarshal(out, &a) != nil || a.StatusCode != d.status {
			t.Errorf("%s: %d %.300s %v", d.kind, a.StatusCode, a.Body, err)
		}
		fmt.Fprintf(&table, "| %-45s | %d | %4d ms | %7d B |\n", d.kind, a.StatusCode, used.Milliseconds(), len(a.Body))
	}
	fmt.Print(table.String())
}

// payload is a demand as API Gateway hands it over.
func (v tenant) payload(t testing.TB, d demand) []byte {
	t.Helper()
	r := httptest.NewRequest(d.method, "https://dsync.example"+scim.BasePath+v.key+d.path, nil)
	r.Header.Set("Authorization", "Bearer "+v.secret)
	if d.method != http.MethodGet {
		r.Header.Set("Content-Type", scim.MediaType)
	}
	payload, err := gateway.Payload(r, []byte(d.body), "$default", "request-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}
