package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/topology"
	"dsync/internal/api"
	"dsync/internal/awslocal/eventbridge/pattern"
	"dsync/internal/dsynctest"
	"dsync/internal/gateway"
	"dsync/internal/management"
	"dsync/internal/provider"
	"dsync/internal/relay"
	"dsync/internal/table"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// strictly decodes a sample. The type must have every field of the sample, and
// encoding the value again must lose nothing.
func strictly(t testing.TB, file string, into any) {
	t.Helper()
	text := readFile(t, file)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	again, err := json.Marshal(into)
	if err != nil {
		t.Fatal(err)
	}
	if lost := missing("", plain(t, text), plain(t, again)); len(lost) > 0 {
		t.Errorf("%s: decoding loses %v", file, lost)
	}
}

func plain(t testing.TB, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// missing returns the paths at which got lacks a value of want.
func missing(path string, want, got any) (places []string) {
	switch want := want.(type) {
	case map[string]any:
		object, _ := got.(map[string]any)
		for name, v := range want {
			places = append(places, missing(path+"/"+name, v, object[name])...)
		}
		return places
	case []any:
		list, _ := got.([]any)
		if len(list) != len(want) {
			return []string{path}
		}
		for i, v := range want {
			places = append(places, missing(fmt.Sprint(path, "/", i), v, list[i])...)
		}
		return places
	}
	if fmt.Sprint(want) != fmt.Sprint(got) { // 5 and 5.0 are equal
		return []string{path}
	}
	return nil
}

// invoked returns the names of the functions of that kind, sorted.
func invoked(kind func(topology.Function) bool) (list []string) {
	for _, f := range topology.Dsync().Functions {
		if kind(f) {
			list = append(list, f.Name)
		}
	}
	slices.Sort(list)
	return list
}

// tenant is a directory with fixed ids, external key and token.
type tenant struct {
	options     provider.Options
	db          *dynamodb.Client
	table       string
	key, secret string
}

func newTenant(t testing.TB) tenant {
	t.Helper()
	v := tenant{}
	v.db, v.table = dsynctest.Table(t)
	v.options = provider.Options{
		Table: table.New(v.db, v.table), Now: func() time.Time { return created }, Entropy: rand.NewChaCha8([32]byte{}), Log: slog.New(slog.DiscardHandler),
	}
	s := management.Bootstrap(v.options.Table, v.options.Now, v.options.Entropy)
	name := "Foo Corp"
	o, err := s.CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	d, _, secret, err := s.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: o.ID, Name: "Foo Corp's Entra ID"})
	if err != nil {
		t.Fatal(err)
	}
	v.key, v.secret = d.ExternalKey, secret
	return v
}

// invoke invokes a SCIM function with a payload, for the tenant. It returns the
// id in the response.
func (v tenant) invoke(t testing.TB, function string, payload []byte, status int) (id string) {
	t.Helper()
	payload = bytes.ReplaceAll(bytes.ReplaceAll(payload, []byte("UWuccu6o1E0GqkYs"), []byte(v.key)), []byte("SCIM_TOKEN"), []byte(v.secret))
	var h gateway.Handler
	switch function {
	case "users":
		h = gateway.NewHandler(v.options.Users())
	case "groups":
		h = gateway.NewHandler(v.options.Groups())
	default:
		h = gateway.NewHandler(v.options.Discovery())
	}
	out, err := h.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var answer lambdaevents.APIGatewayV2HTTPResponse
	var body struct{ ID string }
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != status {
		t.Fatalf("%s: %d %s", function, answer.StatusCode, answer.Body)
	}
	_ = json.Unmarshal([]byte(answer.Body), &body) // 204 has none
	return body.ID
}

// The requests have the form that API Gateway sends, and the functions serve
// them.
func TestRequests(t *testing.T) {
	functions := invoked(func(f topology.Function) bool { return len(f.Routes) > 0 })
	if got := names(t, "samples/requests"); !slices.Equal(got, functions) {
		t.Errorf("requests to %v, want %v", got, functions)
	}
	v := newTenant(t)
	for _, function := range functions {
		file := filepath.Join("samples/requests", function+".json")
		var e lambdaevents.APIGatewayV2HTTPRequest
		strictly(t, file, &e)
		if routes := topology.Dsync().Function(function).Routes; !slices.Contains(routes, e.RouteKey) || e.RequestContext.RouteKey != e.RouteKey {
			t.Errorf("%s: the route %q is not one of %q", file, e.RouteKey, routes)
		}
		if e.RequestContext.HTTP.Path != e.RawPath || e.Version != "2.0" || e.RequestContext.Stage != "$default" {
			t.Errorf("%s does not come from the gateway of the topology", file)
		}
		for name, value := range e.PathParameters {
			if !strings.Contains(strings.ReplaceAll(e.RouteKey, "+}", "}"), "{"+name+"}") || !strings.Contains(e.RawPath, "/"+value) {
				t.Errorf("%s: %s is %s", file, name, value)
			}
		}
		if status, ok := map[string]int{"users": 201, "groups": 201, "discovery": 200}[function]; ok {
			v.invoke(t, function, readFile(t, file), status)
		}
	}
}

// request returns a copy of a sample with another method, path and body.
func request(t testing.TB, sample, method, path, body string) []byte {
	t.Helper()
	var e lambdaevents.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(readFile(t, filepath.Join("samples/requests", sample+".json")), &e); err != nil {
		t.Fatal(err)
	}
	e.RequestContext.HTTP.Method = method
	e.RawPath += path
	e.Body, e.IsBase64Encoded = body, false
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The stream records are those that Lambda passes to the functions after these
// requests, with fixed values for what DynamoDB chooses.
func TestStreams(t *testing.T) {
	functions := invoked(func(f topology.Function) bool { return f.Stream != nil })
	if got := names(t, "samples/stream"); !slices.Equal(got, functions) && !*update {
		t.Errorf("streams to %v, want %v", got, functions)
	}
	v := newTenant(t)
	user := v.invoke(t, "users", readFile(t, "samples/requests/users.json"), 201)
	group := v.invoke(t, "groups", readFile(t, "samples/requests/groups.json"), 201)
	v.invoke(t, "groups", request(t, "groups", "PATCH", "/"+group,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"members","value":[{"value":"`+user+`"}]}]}`), 204)
	v.invoke(t, "users", request(t, "users", "PATCH", "/"+user,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`), 200)
	v.invoke(t, "users", request(t, "users", "DELETE", "/"+user, ""), 204)
	for _, function := range functions {
		batch := lambdaevents.DynamoDBEvent{Records: v.records(t, function)}
		if len(batch.Records) == 0 {
			t.Errorf("%s receives no record", function)
		}
		file := filepath.Join("samples/stream", function+".json")
		same(t, file, batch)
		var sample lambdaevents.DynamoDBEvent
		strictly(t, file, &sample)
		filter, err := pattern.Compile(topology.Dsync().Function(function).Stream.Filter.Pattern())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range sample.Records {
			record, err := json.Marshal(r)
			if err != nil || !filter.Match(record) {
				t.Errorf("the filter of %s rejects the record %s, %v", function, record, err)
			}
		}
	}
}

// records returns the stream records that the function has received up to now,
// with fixed values for what DynamoDB chooses.
func (v tenant) records(t testing.TB, function string) []lambdaevents.DynamoDBEventRecord {
	t.Helper()
	last := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "J#end"}, "sk": &types.AttributeValueMemberS{Value: "U#end"}}
	if _, err := v.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &v.table, Item: last}); err != nil {
		t.Fatal(err)
	}
	seen := make(chan lambdaevents.DynamoDBEventRecord, 1000)
	f := topology.Dsync().Function(function)
	dsynctest.Consume(t, v.db, v.table, dsynctest.Stream{Filter: f.Stream.Filter, BatchSize: f.Stream.BatchSize, Timeout: f.Timeout}, lambda.NewHandler(func(_ context.Context, batch lambdaevents.DynamoDBEvent) error {
		for _, r := range batch.Records {
			seen <- r
		}
		return nil
	}))
	var all []lambdaevents.DynamoDBEventRecord
	for r := range seen {
		if r.Change.Keys["pk"].String() == "J#end" {
			break
		}
		n := len(all) + 1
		r.EventID = fmt.Sprintf("%032x", n)
		r.AWSRegion = "eu-west-1"
		r.EventSourceArn = "arn:aws:dynamodb:eu-west-1:123456789012:table/dsync-dev/stream/2026-11-23T11:00:00.000"
		r.Change.SequenceNumber = fmt.Sprintf("4421584500000000017450439%03d", n)
		r.Change.ApproximateCreationDateTime.Time = created.Truncate(time.Second)
		all = append(all, r)
	}
	return all
}

// The functions accept the samples of an operator's invocations.
func TestOperator(t *testing.T) {
	functions := invoked(func(f topology.Function) bool { return f.Output != "" })
	for _, name := range names(t, "samples/operator") {
		function, _, _ := strings.Cut(name, "-")
		if !slices.Contains(functions, function) {
			t.Errorf("no operator invokes %s", function)
		}
	}
	var deadLetters, byRange relay.Request
	strictly(t, "samples/operator/redrive-dead-letters.json", &deadLetters)
	strictly(t, "samples/operator/redrive-range.json", &byRange)
	if !deadLetters.DeadLetters || byRange.DeadLetters || !byRange.RangeEnd.After(byRange.RangeStart) {
		t.Errorf("%+v, %+v", deadLetters, byRange)
	}
	tenant := newTenant(t).options
	keyOptions := api.Options{Table: tenant.Table, Now: tenant.Now, Entropy: tenant.Entropy}
	made, err := api.KeyMaker(keyOptions)(t.Context(), readFile(t, "samples/operator/apikey.json"))
	if err != nil || made["value"] == "" || made["scope"] != "manage" {
		t.Errorf("%v, %v", made, err)
	}
}
