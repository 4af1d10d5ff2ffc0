package binaries

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/lambda/runtimeapi"

	"github.com/aws/aws-lambda-go/events"
)

// starts is how often a binary is started to see how long that takes.
const starts = 9

const (
	user  = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com","active":true}`
	group = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[{"value":%q}]}`
)

// samples feed a function what it is there for, and check what it does.
var samples = map[string]func(t *testing.T, m *machine, f lambda.Function){
	"users": func(t *testing.T, m *machine, f lambda.Function) {
		status, body := request(t, f, "POST", m.scim("/Users"), m.directory.Token, user)
		has(t, status, body, 201, `"userName":"ada@example.com"`, `"location":"`+publicURL+m.scim("/Users/"))
		status, body = requestWith(t, f, "another", "GET", m.scim("/Users"), m.directory.Token, "")
		has(t, status, body, 403, `{"message":"Forbidden"}`)
		status, body = request(t, f, "GET", m.scim("/Users")+"?filter=userName+eq+%22nobody%22", "wrong", "")
		has(t, status, body, 401, `"status":"401"`)
	},
	"groups": func(t *testing.T, m *machine, f lambda.Function) {
		status, body := request(t, f, "POST", m.scim("/Groups"), m.directory.Token, fmt.Sprintf(group, "Engineers", "unknown"))
		has(t, status, body, 201, `"displayName":"Engineers"`)
		status, body = request(t, f, "GET", m.scim("/Groups")+"?filter=displayName+eq+%22Engineers%22&excludedAttributes=members", m.directory.Token, "")
		has(t, status, body, 200, `"totalResults":1`)
	},
	"discovery": func(t *testing.T, m *machine, f lambda.Function) {
		status, body := request(t, f, "GET", m.scim("/ServiceProviderConfig"), m.directory.Token, "")
		has(t, status, body, 200, `"patch":{"supported":true}`)
	},
	"relay": func(t *testing.T, m *machine, f lambda.Function) {
		// The first request of a directory activates it.
		status, body := request(t, m.invocable(t, "users"), "GET", m.scim("/Users"), m.directory.Token, "")
		has(t, status, body, 200)
		m.consume(t, f)
		late := time.After(time.Minute)
		for {
			select {
			case e := <-m.events:
				if e.DetailType == "dsync.activated" && e.Detail.Data.ID == m.directory.DirectoryID {
					return
				}
			case <-late:
				t.Fatal("the event did not come")
			}
		}
	},
	"jobs": func(t *testing.T, m *machine, f lambda.Function) {
		// A group that is deleted leaves its memberships to a job.
		users, groups := m.invocable(t, "users"), m.invocable(t, "groups")
		_, body := request(t, users, "POST", m.scim("/Users"), m.directory.Token, strings.Replace(user, "ada", "grace", 1))
		_, body = request(t, groups, "POST", m.scim("/Groups"), m.directory.Token, fmt.Sprintf(group, "Authors", id(t, body)))
		status, body := request(t, groups, "DELETE", m.scim("/Groups/"+id(t, body)), m.directory.Token, "")
		has(t, status, body, 204)
		steps := m.consume(t, f)
		<-steps
		<-steps // the first one wrote the record that starts the second
	},
	"apikey": func(t *testing.T, _ *machine, f lambda.Function) {
		has(t, 0, call(t, f, `{"name":"a test","scope":"read"}`), 0, `"object":"api_key"`, `"scope":"read"`, `"value":"dsync_api_`)
		if answer, err := f.Invoke(t.Context(), "r", []byte(`{"name":"a test","scope":"anything"}`)); err == nil {
			t.Errorf("a scope that there is not: %s", answer)
		}
	},
	"api": func(t *testing.T, m *machine, f lambda.Function) {
		var key struct{ Value string }
		if err := json.Unmarshal([]byte(call(t, m.invocable(t, "apikey"), `{"name":"another test","scope":"read"}`)), &key); err != nil {
			t.Fatal(err)
		}
		status, body := request(t, f, "GET", "/directories", key.Value, "")
		has(t, status, body, 200, `"object":"list"`, m.directory.DirectoryID)
		status, body = request(t, f, "GET", "/directories", "wrong", "")
		has(t, status, body, 401)
	},
	"console": func(t *testing.T, _ *machine, f lambda.Function) {
		has(t, 0, call(t, f, `{"person":"Ada","role":"admin"}`), 0, `"path":"/console/sign-in?link=dsync_link_`)
		if answer, err := f.Invoke(t.Context(), "r", []byte(`{"person":"Ada","role":"king"}`)); err == nil {
			t.Errorf("a role that there is not: %s", answer)
		}
		status, body := request(t, f, "GET", "/console", "", "")
		has(t, status, body, 401, "make console")
	},
	"setup": func(t *testing.T, m *machine, f lambda.Function) {
		status, body := request(t, f, "GET", "/setup/", "", "")
		has(t, status, body, 401, "<html", "setup link")
	},
	"redrive": func(t *testing.T, _ *machine, f lambda.Function) {
		has(t, 0, call(t, f, `{"dead_letters":true}`), 0, `"published":0`)
		if answer, err := f.Invoke(t.Context(), "r", []byte(`{}`)); err == nil {
			t.Errorf("an order that says nothing: %s", answer)
		}
	},
}

// consumesEvents feeds a function that consumes the bus one event of each type,
// as the event source mapping of its queue does.
func consumesEvents(t *testing.T, _ *machine, f lambda.Function) {
	files, err := filepath.Glob("../../../events/samples/dsync.*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples of events: %v", err)
	}
	var batch events.SQSEvent
	for n, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		batch.Records = append(batch.Records, events.SQSMessage{MessageId: fmt.Sprint(n), Body: string(text), EventSource: "aws:sqs"})
	}
	payload, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	var response events.SQSEventResponse
	if answer := call(t, f, string(payload)); answer != "" { // a handler may return an error alone
		if err := json.Unmarshal([]byte(answer), &response); err != nil {
			t.Fatal(err)
		}
	}
	for _, failed := range response.BatchItemFailures {
		t.Errorf("it reports message %s as failed", failed.ItemIdentifier)
	}
}

func (m *machine) scim(path string) string { return "/scim/v2.0/" + m.directory.ExternalKey + path }

func id(t *testing.T, body string) string {
	t.Helper()
	var resource struct{ ID string }
	if err := json.Unmarshal([]byte(body), &resource); err != nil || resource.ID == "" {
		t.Fatalf("no id in %s", body)
	}
	return resource.ID
}

func TestBinaries(t *testing.T) {
	system := topology.Dsync()
	dir := t.TempDir()
	if err := runtimeapi.Build(t.Context(), dir, "", names(system)...); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, dir)
	silent, refusing := services(t, m)
	for _, f := range system.Functions {
		t.Run(f.Name, func(t *testing.T) {
			sample, ok := samples[f.Name]
			if !ok && f.Queue != nil {
				sample, ok = consumesEvents, true
			}
			if !ok {
				t.Fatal("there is no sample for it")
			}
			before := m.requests.Load()
			var took []time.Duration
			for range starts {
				took = append(took, warm(t, m.function(t, f, m.services)))
			}
			slices.Sort(took)
			if n := m.requests.Load() - before; reads(f) && n < starts {
				t.Errorf("it asks for work before it has a connection to DynamoDB: %d of %d", n, starts)
			}

			function := lambda.Function{Name: f.Name, Timeout: f.Timeout, Handler: m.function(t, f, m.services)}
			sample(t, m, function)
			t.Logf("start to first poll: p50 %v, of %d from %v to %v; memory at most %s",
				took[starts/2], starts, took[0], took[starts-1], memory(runtimeapi.Bootstrap(dir, f.Name)))

			t.Logf("start to first poll: %v when DynamoDB does not answer, %v when it is not there",
				warm(t, m.function(t, f, silent)), warm(t, m.function(t, f, refusing)))
		})
	}
}

// reads tells whether a function may read a record, as it does to prime its
// connection.
func reads(f topology.Function) bool {
	return slices.ContainsFunc(f.Grants, func(g topology.Grant) bool {
		return g.Resource == topology.TheTable && slices.Contains(g.Actions, "dynamodb:GetItem")
	})
}

func names(s topology.System) (all []string) {
	for _, f := range s.Functions {
		all = append(all, f.Name)
	}
	return all
}

// warm starts a process and says how long it took until it asked for work. It
// fails when that does not come within what Lambda allows.
func warm(t *testing.T, f *runtimeapi.Function) time.Duration {
	t.Helper()
	began := time.Now()
	if err := f.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// services are those of m without DynamoDB: it takes connections and says
// nothing, or it takes none.
func services(t *testing.T, m *machine) (silent, refusing runtimeapi.Services) {
	t.Helper()
	silent, refusing = m.services, m.services
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	silent.DynamoDB = "http://" + listener.Addr().String()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.DynamoDB = "http://" + closed.Addr().String()
	_ = closed.Close()
	return silent, refusing
}

// memory is the most that a process of that program has had in memory, where
// the system tells it.
func memory(program string) string {
	found, _ := filepath.Glob("/proc/[0-9]*/exe")
	most := 0
	for _, exe := range found {
		if target, err := os.Readlink(exe); err != nil || target != program {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(exe), "status"))
		for line := range strings.Lines(string(status)) {
			var kib int
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
				most = max(most, kib)
			}
		}
	}
	if most == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.1f MiB", float64(most)/1024)
}
