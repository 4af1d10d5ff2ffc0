package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"dsync/infra/local/system"
	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/awslocal/eventbridge"
	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/lambda/runtimeapi"
	"dsync/internal/awslocal/s3"
	"dsync/internal/awslocal/sqs"
	"dsync/internal/awslocal/uuid"
	"dsync/internal/dsynctest"
	"dsync/internal/gateway"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// machine is what the functions work on, with their binaries in dir.
type machine struct {
	dir      string
	values   map[topology.Reference]string
	services runtimeapi.Services
	requests atomic.Int64 // to DynamoDB
	events   chan event   // that left the bus

	db        *dynamodb.Client
	directory system.Connection
}

type event struct {
	DetailType string `json:"detail-type"`
	Detail     struct{ Data struct{ ID string } }
}

func newMachine(t *testing.T, dir string) *machine {
	t.Helper()
	m := &machine{dir: dir, events: make(chan event, 100)}
	db, name := dsynctest.Table(t)
	m.db = db
	m.values = map[topology.Reference]string{topology.TableName: name, topology.EventBusName: "dsync-test"}

	engine, err := url.Parse(*db.Options().BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(engine)
	m.services = runtimeapi.Services{
		Region: "us-east-1", AccessKey: awsconfig.Credentials.AccessKeyID,
		DynamoDB: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.requests.Add(1)
			proxy.ServeHTTP(w, r)
		})),
	}

	rules := topology.Dsync().Rules
	b, err := eventbridge.New(eventbridge.Options{
		Name: "dsync-test", Region: "us-east-1",
		Rules: []eventbridge.Rule{{Name: "every-event", Pattern: rules[0].Pattern, Target: func(text json.RawMessage) error {
			var e event
			err := json.Unmarshal(text, &e)
			m.events <- e
			return err
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.services.EventBridge = serve(t, b)
	queues, err := sqs.Open(sqs.Options{Names: []string{"relay"}, Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	m.services.SQS = serve(t, queues)
	m.values[topology.DeadLetterQueueURL(topology.Dsync().ByRole(topology.RelaysEvents).Name)] = sqs.URL(m.services.SQS, "relay")

	buckets, err := s3.Open(s3.Options{Dir: t.TempDir(), Buckets: []string{"failures"}})
	if err != nil {
		t.Fatal(err)
	}
	m.services.S3 = serve(t, buckets)
	m.values[topology.FailureBucketName], m.values[topology.EraseAfterDays] = "failures", "30"
	m.values[topology.PublicURL] = publicURL
	m.values[topology.OriginSecretHashes] = fmt.Sprintf("%x", sha256.Sum256([]byte(originSecret)))

	m.directory, err = system.Connect(t.Context(), table.New(db, name), "Example", "Entra ID")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// function is a function's binary, with no process yet.
func (m *machine) function(t *testing.T, f topology.Function, services runtimeapi.Services) *runtimeapi.Function {
	t.Helper()
	variables := services.Variables()
	for name, reference := range f.Environment {
		if variables[name] = m.values[reference]; variables[name] != "" {
			continue
		}
		delete(variables, name)
		if reference != topology.SingleSignOn { // which no other test of the binaries needs
			t.Fatalf("%s: this test knows no %s", f.Name, reference)
		}
	}
	function := runtimeapi.New(runtimeapi.Options{
		Name: f.Name, Binary: runtimeapi.Bootstrap(m.dir, f.Name), Variables: variables, MemoryMiB: f.MemoryMiB, Log: t.Output(),
	})
	t.Cleanup(func() {
		if err := function.Close(); err != nil {
			t.Error(err)
		}
	})
	return function
}

// invocable is a function of the topology, as its callers see it.
func (m *machine) invocable(t *testing.T, name string) lambda.Function {
	t.Helper()
	f := topology.Dsync().Function(name)
	return lambda.Function{Name: name, Timeout: f.Timeout, Handler: m.function(t, *f, m.services)}
}

func call(t *testing.T, f lambda.Function, payload string) string {
	t.Helper()
	answer, err := f.Invoke(t.Context(), uuid.New(), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// What a CDN in front of API Gateway sends, and its address.
const (
	originSecret = "the secret of the CDN"
	publicURL    = "https://directory.example.com"
)

// request hands a function what API Gateway makes of a request that came through
// the CDN, and returns its answer: status and body.
func request(t *testing.T, f lambda.Function, method, path, token, body string) (int, string) {
	t.Helper()
	return requestWith(t, f, originSecret, method, path, token, body)
}

func requestWith(t *testing.T, f lambda.Function, secret, method, path, token, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set(gateway.OriginHeader, secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	payload, err := gateway.Payload(r, []byte(body), "$default", uuid.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal([]byte(call(t, f, string(payload))), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Body
}

// consume hands the stream to a function, from its start on, and tells each
// answer.
func (m *machine) consume(t *testing.T, f lambda.Function) (answers <-chan string) {
	t.Helper()
	all := make(chan string, 100)
	stream := topology.Dsync().Function(f.Name).Stream
	dsynctest.Consume(t, m.db, m.values[topology.TableName], dsynctest.Stream{Filter: stream.Filter, BatchSize: stream.BatchSize, Timeout: f.Timeout}, consumer(func(ctx context.Context, batch []byte) ([]byte, error) {
		answer, err := f.Invoke(ctx, uuid.New(), batch)
		if err != nil || strings.Contains(string(answer), "itemIdentifier") {
			t.Errorf("%s answers %s, %v", batch, answer, err)
		}
		all <- string(answer)
		return answer, err
	}))
	return all
}

type consumer func(context.Context, []byte) ([]byte, error)

func (c consumer) Invoke(ctx context.Context, batch []byte) ([]byte, error) { return c(ctx, batch) }

// has fails unless the answer is of that status and has all of these in it.
func has(t *testing.T, status int, body string, wantStatus int, want ...string) {
	t.Helper()
	if status != wantStatus {
		t.Errorf("status %d, want %d: %s", status, wantStatus, body)
	}
	for _, w := range want {
		if !strings.Contains(body, w) {
			t.Errorf("the answer lacks %s: %s", w, body)
		}
	}
}
