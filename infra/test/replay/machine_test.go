package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/infra/local/system"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// patience is how long an event may take on a busy machine.
const patience = time.Minute

// machine is the one machine of all exchanges, and what left its bus.
type machine struct {
	*system.System
	log delivered
}

// newMachine starts a machine that runs until the test and its parts end.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{log: delivered{waiting: map[string]chan struct{}{}}}
	var err error
	m.System, err = system.Start(t.Context(), system.Options{Log: onlyErrors{os.Stderr}, OnEvent: m.log.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// onlyErrors drops what functions log of their daily work.
type onlyErrors struct{ w io.Writer }

func (o onlyErrors) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`"level":"INFO"`)) {
		return len(line), nil
	}
	return o.w.Write(line)
}

// tenant is a directory as Entra knows it.
type tenant struct {
	system.Connection
	url string
}

// connect makes a directory of an organization of its own.
func (m *machine) connect(t *testing.T, name string) tenant {
	t.Helper()
	c, err := system.Connect(t.Context(), table.New(m.DynamoDB(), m.TableName()), name, name)
	if err != nil {
		t.Fatal(err)
	}
	return tenant{c, m.APIURL + "/scim/v2.0/" + c.ExternalKey}
}

// items reads the whole table: key → record. The log of events is left out,
// because the relay writes it behind the requests, and so are the log of
// requests and the counts of a day; of a job only the key is read, because
// jobs go on by themselves.
func (m *machine) items(t *testing.T) map[string]string {
	t.Helper()
	name, consistent := m.TableName(), true
	all := map[string]string{}
	pages := dynamodb.NewScanPaginator(m.DynamoDB(), &dynamodb.ScanInput{
		TableName: &name, ConsistentRead: &consistent,
		FilterExpression: aws.String("NOT begins_with(pk, :log) AND NOT begins_with(sk, :request) AND NOT begins_with(sk, :day)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":log":     &types.AttributeValueMemberS{Value: "L"},
			":request": &types.AttributeValueMemberS{Value: "R#"},
			":day":     &types.AttributeValueMemberS{Value: "S#"},
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			pk, sk := text(item["pk"]), text(item["sk"])
			record := ""
			if !strings.HasPrefix(pk, "J#") {
				record = fmt.Sprint(flat(item))
			}
			all[pk+" "+sk] = record
		}
	}
	return all
}

func text(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// flat makes an item comparable: fmt sorts the keys of a map.
func flat(item map[string]types.AttributeValue) map[string]any {
	values := make(map[string]any, len(item))
	for name, v := range item {
		values[name] = plain(v)
	}
	return values
}

func plain(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberM:
		return flat(v.Value)
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i := range v.Value {
			list[i] = plain(v.Value[i])
		}
		return list
	}
	return fmt.Sprintf("%#v", v)
}

// event is what a rule hands to a target.
type event struct {
	Source     string         `json:"source"`
	DetailType string         `json:"detail-type"`
	Detail     map[string]any `json:"detail"`
}

func (e event) id() string        { return member(e.Detail, "id") }
func (e event) requestID() string { return member(e.Detail, "context", "request_id") }
func (e event) directory() string { return member(e.Detail, "data", "directory_id") }

// member is the text at a path in an object, or "".
func member(object map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		object, _ = object[name].(map[string]any)
	}
	s, _ := object[path[len(path)-1]].(string)
	return s
}

// delivered is the events that left the bus, in their order.
type delivered struct {
	mu      sync.Mutex
	events  []event
	failed  error
	waiting map[string]chan struct{} // request id → its event has come
}

func (d *delivered) add(line json.RawMessage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		d.failed = fmt.Errorf("event %s: %w", line, err)
		return
	}
	d.events = append(d.events, e)
	if came, ok := d.waiting[e.requestID()]; ok {
		close(came)
		delete(d.waiting, e.requestID())
	}
}

// until waits for an event that a request caused.
func (d *delivered) until(t *testing.T, requestID string) {
	t.Helper()
	d.mu.Lock()
	came := make(chan struct{})
	d.waiting[requestID] = came
	for _, e := range d.events {
		if e.requestID() == requestID {
			delete(d.waiting, requestID)
			close(came)
			break
		}
	}
	d.mu.Unlock()
	select {
	case <-came:
	case <-time.After(patience):
		t.Fatal("the event of the last user did not come")
	}
}

// birth is the events of a directory's own beginning: no exchange is about them.
var birth = map[string]bool{"dsync.activated": true, "dsync.token.created": true}

// of lists the events of a directory. The bus may deliver one twice, under its
// one id: then the first counts.
func (d *delivered) of(t *testing.T, directory string) []event {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		t.Fatal(d.failed)
	}
	var list []event
	seen := map[string]bool{}
	for _, e := range d.events {
		if e.directory() == directory && !birth[e.DetailType] && !seen[e.id()] {
			seen[e.id()] = true
			list = append(list, e)
		}
	}
	return list
}
