package replay

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/infra/local/system"
	"dsync/internal/management"
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
	log *delivered
}

// newMachine starts a machine that runs until the test and its parts end.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{log: newDelivered()}
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
	m.awaitUpgrades(t)
	return m
}

// awaitUpgrades waits until the first sweep has created the jobs of the table, which
// count directories and complete records: else they would come between the snapshots
// of a fixture.
func (m *machine) awaitUpgrades(t *testing.T) {
	t.Helper()
	counts, _ := table.StartCountsKey()
	deadline, ticker := time.After(patience), time.NewTicker(100*time.Millisecond)
	defer ticker.Stop()
	for {
		started, jobs := false, 0
		for key := range m.items(t) {
			started = started || strings.HasPrefix(key, counts)
			if strings.HasPrefix(key, "J#") {
				jobs++
			}
		}
		if started && jobs >= 2 {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%d jobs of the table were created", jobs)
		}
	}
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
func (m *machine) connect(t *testing.T, name string, of directory) tenant {
	t.Helper()
	s := management.Bootstrap(table.New(m.DynamoDB(), m.TableName()), time.Now, rand.Reader)
	o, err := s.CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	d, _, secret, err := s.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: o.ID, Name: name, Type: of.Type, Settings: of.Settings})
	if err != nil {
		t.Fatal(err)
	}
	c := system.Connection{OrganizationID: o.ID, DirectoryID: d.ID, ExternalKey: d.ExternalKey, Token: secret}
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
		FilterExpression: aws.String("NOT begins_with(pk, :log) AND NOT begins_with(pk, :events) AND NOT begins_with(sk, :request) AND NOT begins_with(sk, :day)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":log":     &types.AttributeValueMemberS{Value: "L"}, // of directories
			":events":  &types.AttributeValueMemberS{Value: "E"}, // and the log of the environment
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

// sequence is the position of the event in its directory.
func (e event) sequence() int {
	where, _ := e.Detail["context"].(map[string]any)
	n, _ := where["sequence"].(float64)
	return int(n)
}

// directory is the id of the event's directory, which may be its subject.
func (e event) directory() string {
	if id := member(e.Detail, "data", "directory_id"); id != "" {
		return id
	}
	return member(e.Detail, "data", "id")
}

// resource is the id of what the event is about: of a membership, those of its
// user and its group.
func (e event) resource() string {
	return member(e.Detail, "data", "id") + member(e.Detail, "data", "user", "id") + member(e.Detail, "data", "group", "id")
}

// member is the text at a path in an object, or "".
func member(object map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		object, _ = object[name].(map[string]any)
	}
	s, _ := object[path[len(path)-1]].(string)
	return s
}

// delivered has the events that the bus delivered.
type delivered struct {
	mu     sync.Mutex
	events map[string][]event // by directory, without repetitions
	failed error
	added  chan struct{} // closed with the next event
}

func newDelivered() *delivered {
	return &delivered{events: map[string][]event{}, added: make(chan struct{})}
}

func (d *delivered) add(line json.RawMessage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		d.failed = fmt.Errorf("event %s: %w", line, err)
		return
	}
	of := d.events[e.directory()]
	if slices.ContainsFunc(of, func(other event) bool { return other.id() == e.id() }) {
		return
	}
	d.events[e.directory()] = append(of, e)
	close(d.added)
	d.added = make(chan struct{})
}

// of returns the events of a directory, in the order of their sequences, and a
// channel that is closed with the next event.
func (d *delivered) of(t *testing.T, directory string) ([]event, chan struct{}) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		t.Fatal(d.failed)
	}
	return slices.SortedStableFunc(slices.Values(d.events[directory]), func(a, b event) int { return a.sequence() - b.sequence() }), d.added
}

// until waits until the events of a directory meet a condition, for at most
// patience, and returns them.
func (d *delivered) until(t *testing.T, directory string, met func([]event) bool) []event {
	t.Helper()
	timeout := time.After(patience)
	for {
		events, added := d.of(t, directory)
		if met(events) {
			return events
		}
		select {
		case <-added:
		case <-timeout:
			return events
		}
	}
}

// ownEvents are the events of a directory itself. No exchange is about them.
var ownEvents = map[string]bool{"dsync.activated": true, "dsync.token.created": true, "dsync.deleted": true}
