package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/internal/gateway"
	"dsync/internal/scim"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// traffic is where the exchanges are that seed the fuzzing.
const traffic = "../../events/entra"

// scan reads every record, strongly consistent.
func (v tenant) scan(t testing.TB) (items []map[string]types.AttributeValue) {
	t.Helper()
	pages := dynamodb.NewScanPaginator(v.api, &dynamodb.ScanInput{TableName: &v.table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, page.Items...)
	}
	return items
}

// records is what the table holds but for notes of requests, in comparable
// form: key → record.
func (v tenant) records(t testing.TB) map[string]string {
	t.Helper()
	records, _ := v.all(t)
	return records
}

// all is what the table holds: records, and notes of requests.
func (v tenant) all(t testing.TB) (records, notes map[string]string) {
	t.Helper()
	records, notes = map[string]string{}, map[string]string{}
	for _, item := range v.scan(t) {
		var plain map[string]any
		if err := attributevalue.UnmarshalMap(item, &plain); err != nil {
			t.Fatal(err)
		}
		record, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		pk, sk, to := plain["pk"].(string), plain["sk"].(string), records
		if strings.HasPrefix(sk, "R#") || strings.HasPrefix(sk, "S#") {
			to = notes
		}
		to[pk+" "+sk] = string(record)
	}
	return records, notes
}

// target is a tenant with two users and a group that one of them is in. A
// request that writes uses it up, so each begins from the same state.
type target struct {
	tenant
	words  *strings.Replacer // stand-ins in requests → ids
	before map[string]string
}

// maxRecords is when a table is given up for a new one: looking at all records
// shall stay quick.
const maxRecords = 100

// fresh readies a target, in the same table while that is small.
func fresh(t testing.TB, used *target) *target {
	var g target
	if used != nil && len(used.before) < maxRecords {
		g.tenant = used.tenant
		g.key, g.secret = g.connect(t)
	} else {
		if used != nil {
			if _, err := used.api.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &used.table}); err != nil {
				t.Fatal(err)
			}
		}
		g.tenant = open(t).still(t)
	}
	user, _ := g.made(t, "/Users", `{"userName":"ada@example.com","externalId":"a-1","title":"Countess","active":true,
		"emails":[{"type":"work","value":"ada@example.com","primary":true}],"name":{"givenName":"Ada"}}`)
	other := g.newUser(t, "eve@example.com")
	group, _ := g.made(t, "/Groups", `{"displayName":"Engineers","externalId":"g-1","members":[{"value":"`+lastSegment(user)+`"}]}`)
	g.words = strings.NewReplacer("{user}", lastSegment(user), "{other}", lastSegment(other), "{group}", lastSegment(group))
	g.before = g.records(t)
	return &g
}

// How a fuzzed request goes over the wire: bits of its first byte.
const (
	toGroups    = 1 << iota // otherwise to the users' function
	toDiscovery             // this before that
	ifNoneMatch             // the condition is If-None-Match, otherwise If-Match
	inBase64                // the body
	unknownToken
)

// throw sends a fuzzed request through the gateway's payload.
func (g *target) throw(t testing.TB, way byte, method, path, query, contentType, condition, body string) (events.APIGatewayV2HTTPResponse, []byte) {
	t.Helper()
	request := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: scim.BasePath + g.key + g.words.Replace(path), RawQueryString: g.words.Replace(query),
		Headers: map[string]string{"host": "dsync.example", "authorization": "Bearer " + g.secret},
		Body:    g.words.Replace(body),
	}
	request.RequestContext.HTTP.Method = method
	request.RequestContext.RequestID = "request-1"
	if contentType != "" {
		request.Headers["content-type"] = contentType
	}
	name := "if-match"
	if way&ifNoneMatch != 0 {
		name = "if-none-match"
	}
	if condition != "" {
		request.Headers[name] = condition
	}
	if way&inBase64 != 0 {
		request.Body, request.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(request.Body)), true
	}
	if way&unknownToken != 0 {
		request.Headers["authorization"] += "x"
	}
	h := g.users
	if way&toDiscovery != 0 {
		h = g.discovery
	} else if way&toGroups != 0 {
		h = g.groups
	}
	payload, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	out, err := gateway.NewHandler(h).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var res events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(out, &res); err != nil {
		t.Fatal(err)
	}
	return res, []byte(res.Body)
}

// Whatever is thrown at the functions, they answer in SCIM, never with a
// failure of their own, and what they refuse or only read writes nothing.
func FuzzHandlers(f *testing.F) {
	seeds(f)
	g := fresh(f, nil) // here, because an input has 10 seconds, and the engine has to start
	f.Fuzz(func(t *testing.T, way byte, method, path, query, contentType, condition, body string) {
		g.log.Reset()
		res, text := g.throw(t, way, method, path, query, contentType, condition, body)
		lawful(t, res, text)
		if t.Failed() {
			t.Logf("log: %s", g.log)
		}
		after := g.records(t)
		same := maps.Equal(g.before, after)
		if !same && (res.StatusCode >= 400 || way&unknownToken != 0 || method == http.MethodGet) {
			t.Errorf("%s %s answers %d %s, but it wrote", method, path, res.StatusCode, text)
			for key, record := range after {
				if g.before[key] != record {
					t.Logf("%s: %s became %s", key, g.before[key], record)
				}
			}
		}
		if !same {
			g.before = after
			g = fresh(t, g)
		}
	})
}

// lawful holds an answer against what is true of every SCIM answer.
func lawful(t testing.TB, res events.APIGatewayV2HTTPResponse, body []byte) {
	t.Helper()
	status := res.StatusCode
	if status < 200 || status >= 500 && status != http.StatusNotImplemented {
		t.Errorf("status %d: %s", status, body)
	}
	if len(body) == 0 {
		if status != http.StatusNoContent && status != http.StatusNotModified {
			t.Errorf("status %d without a body", status)
		}
		return
	}
	if got := res.Headers["Content-Type"]; got != scim.MediaType {
		t.Errorf("Content-Type %q", got)
	}
	var object struct {
		Schemas    []string
		Status     string
		Operations []struct{ Status string }
	}
	if err := json.Unmarshal(body, &object); err != nil || len(object.Schemas) == 0 {
		t.Errorf("status %d with a body that is not SCIM: %s", status, body)
	}
	if refused := slices.Equal(object.Schemas, []string{scim.ErrorURN}); refused != (status >= 400) {
		t.Errorf("status %d: %s", status, body)
	}
	for _, o := range object.Operations {
		if strings.HasPrefix(o.Status, "5") {
			t.Errorf("an operation failed: %s", body)
		}
	}
}

var standIn = regexp.MustCompile(`\{[a-z_]+\}`)

// seeds adds the requests of the recorded traffic, and hostile ones.
func seeds(f *testing.F) {
	type step struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
		Raw          *string
		Save         map[string]string
	}
	added := map[string]bool{}
	add := func(s step, names map[string]string) {
		path, query, _ := strings.Cut(strings.TrimPrefix(s.Path, "{url}"), "?")
		body := string(s.Body)
		if s.Raw != nil {
			body = *s.Raw
		}
		var short bytes.Buffer
		if json.Compact(&short, []byte(body)) == nil {
			body = short.String()
		}
		name := func(text string) string {
			return standIn.ReplaceAllStringFunc(text, func(word string) string {
				if known := names[word]; known != "" {
					return known
				}
				return word
			})
		}
		way := byte(inBase64)
		switch {
		case strings.HasPrefix(path, "/Groups"):
			way |= toGroups
		case !strings.HasPrefix(path, "/Users"):
			way |= toDiscovery
		}
		contentType, condition := "application/scim+json; charset=utf-8", ""
		for header, value := range s.Headers {
			switch strings.ToLower(header) {
			case "content-type":
				contentType = value
			case "if-match":
				condition = value
			case "if-none-match":
				condition, way = value, way|ifNoneMatch
			}
		}
		if key := s.Method + name(path+"?"+query+"\n"+body); !added[key] {
			added[key] = true
			f.Add(way, s.Method, name(path), name(query), contentType, condition, name(body))
		}
	}
	err := filepath.WalkDir(traffic, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var exchange struct {
			Given, Then []step
			Request     step
		}
		if err := json.Unmarshal(text, &exchange); err != nil {
			return err
		}
		names := map[string]string{}
		for _, s := range exchange.Given {
			for saved := range s.Save {
				switch {
				case strings.HasPrefix(s.Path, "/Groups"):
					names["{"+saved+"}"] = "{group}"
				case len(names) == 0:
					names["{"+saved+"}"] = "{user}"
				default:
					names["{"+saved+"}"] = "{other}"
				}
			}
		}
		add(exchange.Request, names)
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range hostile {
		add(step{Method: s[0], Path: s[1], Raw: &s[2]}, nil)
	}
}

// hostile are requests that no honest client sends: method, path and body.
var hostile = [][3]string{
	{"", "", ""},
	{"GET", "/Users/../Groups", ""},
	{"GET", "/Users/\x00", ""},
	{"GET", "/Users/{group}", ""},
	{"GET", "/Users/directory_user_%2e%2e", ""},
	{"GET", "/Users/{user}?attributes=" + strings.Repeat("a,", 2000), ""},
	{"GET", "/Users?startIndex=-9223372036854775808&count=9223372036854775807", ""},
	{"GET", "/Users?startIndex=9223372036854775807&count=-1", ""},
	{"GET", "/Users?count=0&sortBy=userName&sortOrder=sideways", ""},
	{"GET", "/Users?cursor", ""},
	{"GET", "/Users?cursor=AAAA&count=1", ""},
	{"GET", "/Users?cursor&sortBy=emails.value&filter=userName+pr", ""},
	{"GET", "/Users?filter=" + strings.Repeat("(", 9000), ""},
	{"GET", "/Users?filter=groups+eq+%22{group}%22&cursor&count=1", ""},
	{"GET", "/Users?filter=meta.lastModified+gt+%22not+a+date%22", ""},
	{"GET", "/Users?filter=%22\xff%22+eq+userName", ""},
	{"GET", "/Groups?filter=members%5Bvalue+eq+%22{user}%22+and+not+(display+pr)%5D", ""},
	{"GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User?filter=x", ""},
	{"HEAD", "/Users/{user}", ""},
	{"TRACE", "/Users", ""},
	{"POST", "/Users", "null"},
	{"POST", "/Users", `{"userName":"\ud800"}`},
	{"POST", "/Users", `{"userName":"x","USERNAME":"y","userName":"z"}`},
	{"POST", "/Users", `{"userName":"x","name":[],"emails":{"value":{"value":{}}}}`},
	{"POST", "/Users", `{"userName":"x","id":"{user}","meta":{"version":"W/\"9\""},"groups":[{"value":"{group}"}],"active":1e999}`},
	{"POST", "/Users", `{"userName":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`},
	{"POST", "/Groups", `{"displayName":"x","members":[{"value":"{group}"},{"value":"{user}","display":"` + strings.Repeat("x", 600) + `"}]}`},
	{"POST", "/Groups", `{"displayName":"x","members":"{user}"}`},
	{"PUT", "/Users/{user}", `{"userName":"EVE@example.com"}`},
	{"PUT", "/Groups/{group}", `{"displayName":"x","members":[]}`},
	{"PATCH", "/Users/{user}", patchOf(`{"op":"add","value":{"userName":null}}`)},
	{"PATCH", "/Users/{user}", patchOf(`{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"eve@example.com"}},{"op":"remove","path":"userName"}`)},
	{"PATCH", "/Users/{user}", patchOf(`{"op":"remove","path":"emails[value pr]"},{"op":"add","path":"emails","value":[{"primary":true},{"primary":true}]}`)},
	{"PATCH", "/Users/{user}", patchOf(`{"op":"add","path":"urn:x:y:z","value":1}`)},
	{"PATCH", "/Groups/{group}", patchOf(`{"op":"replace","path":"displayName","value":"x"},{"op":"add","path":"members","value":[{"value":""}]}`)},
	{"PATCH", "/Groups/{group}", patchOf(`{"op":"replace","path":"members","value":[{"value":"{group}"}]}`)},
	{"PATCH", "/Groups/{group}", patchOf(`{"op":"remove","path":"members[value eq \"{user}\" or value pr]"}`)},
	{"DELETE", "/Users/{user}", "{}"},
	{"POST", "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"id pr","sortBy":"displayName","count":3}`},
	{"POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"cursor":"","count":-5,"attributes":["userName",7]}`},
	{"POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":1,"Operations":[
		{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"bulk"}},
		{"method":"PATCH","path":"/Groups/{group}","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:a"}]}]}},
		{"method":"DELETE","path":"/Users/bulkId:b"}]}`},
	{"POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Bulk","bulkId":"a","data":{}},{"method":"PUT","path":"/Groups/bulkId:a","bulkId":"a","data":{"members":[{"value":"bulkId:a"}]}}]}`},
	{"GET", "/Me", ""},
	{"POST", "/Me", "{"},
}
