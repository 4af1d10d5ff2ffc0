package eventbridge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/awslocal/awsconfig"
	localeventbridge "dsync/internal/awslocal/eventbridge"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// fixture is an event bus with the SDK's client.
type fixture struct {
	*eventbridge.Client
	mu        sync.Mutex
	delivered []string
	fail      error
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{}
	b, err := localeventbridge.New(localeventbridge.Options{
		Name:   "dsync-local",
		Region: "eu-west-1",
		Rules: []localeventbridge.Rule{{Name: "every-event", Pattern: map[string]any{"source": []any{"dsync"}, "detail-type": []any{map[string]any{"prefix": "dsync."}}}, Target: func(event json.RawMessage) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.fail != nil {
				return f.fail
			}
			f.delivered = append(f.delivered, string(event))
			return nil
		}}},
		Now: func() time.Time { return time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC) },
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	f.Client = eventbridge.NewFromConfig(awsconfig.Config("eu-west-1", server.URL))
	return f
}

func entry(detailType, detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{
		EventBusName: aws.String("dsync-local"),
		Source:       aws.String("dsync"),
		DetailType:   aws.String(detailType),
		Detail:       aws.String(detail),
	}
}

func (f *fixture) put(t *testing.T, entries ...types.PutEventsRequestEntry) *eventbridge.PutEventsOutput {
	t.Helper()
	out, err := f.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestEventFormat(t *testing.T) {
	f := start(t)
	e := entry("dsync.user.created", "{\n \"id\": \"event_1\", \"data\": {\"name\": \"<Ünal & Co>\"}}")
	e.Resources = []string{"arn:one"}
	e.Time = aws.Time(time.Date(2026, 11, 23, 14, 59, 58, 0, time.UTC))
	out := f.put(t, e, entry("dsync.user.deleted", `{}`))

	id := aws.ToString(out.Entries[0].EventId)
	if !uuid.MatchString(id) || out.FailedEntryCount != 0 || len(out.Entries) != 2 {
		t.Fatalf("response %+v", out)
	}
	want := []string{
		`{"version":"0","id":"` + id + `","detail-type":"dsync.user.created","source":"dsync","account":"000000000000","time":"2026-11-23T14:59:58Z","region":"eu-west-1","resources":["arn:one"],"detail":{"id":"event_1","data":{"name":"<Ünal & Co>"}}}`,
		`{"version":"0","id":"` + aws.ToString(out.Entries[1].EventId) + `","detail-type":"dsync.user.deleted","source":"dsync","account":"000000000000","time":"2026-11-23T15:00:00Z","region":"eu-west-1","resources":[],"detail":{}}`,
	}
	if diff := cmp.Diff(want, f.delivered); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyMatchingEventsAreDelivered(t *testing.T) {
	f := start(t)
	other := entry("dsync.user.created", `{}`)
	other.Source = aws.String("somebody.else")
	unknown := entry("dsync.user.created", `{}`)
	unknown.EventBusName = aws.String("no-such-bus")
	def := entry("dsync.user.created", `{}`)
	def.EventBusName = nil
	byARN := entry("dsync.user.created", `{"n":1}`)
	byARN.EventBusName = aws.String("arn:aws:events:eu-west-1:000000000000:event-bus/dsync-local")
	out := f.put(t, other, entry("unrelated", `{}`), unknown, def, byARN)
	if out.FailedEntryCount != 0 {
		t.Errorf("%d failed: AWS accepts them all", out.FailedEntryCount)
	}
	if len(f.delivered) != 1 || !strings.Contains(f.delivered[0], `{"n":1}`) {
		t.Errorf("delivered %v", f.delivered)
	}
}

func TestEntryErrors(t *testing.T) {
	f := start(t)
	noSource, noType, noDetail, aws1 := entry("a", `{}`), entry("a", `{}`), entry("a", `{}`), entry("a", `{}`)
	noSource.Source, noType.DetailType, noDetail.Detail, aws1.Source = nil, aws.String(""), nil, aws.String("aws.ec2")
	out := f.put(t, noSource, noType, noDetail, aws1,
		entry("dsync.a", `{`), entry("dsync.a", `[]`), entry("dsync.a", `"text"`), entry("dsync.a", `null`),
		entry("dsync.good", `{}`))
	var codes []string
	for _, e := range out.Entries {
		codes = append(codes, aws.ToString(e.ErrorCode))
		if (e.EventId == nil) == (e.ErrorCode == nil) {
			t.Errorf("an entry has either an id or an error: %+v", e)
		}
	}
	want := []string{"InvalidArgument", "InvalidArgument", "InvalidArgument", "NotAuthorizedForSource",
		"MalformedDetail", "MalformedDetail", "MalformedDetail", "MalformedDetail", ""}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Error(diff)
	}
	if out.FailedEntryCount != 8 || len(f.delivered) != 1 {
		t.Errorf("%d failed, %d delivered", out.FailedEntryCount, len(f.delivered))
	}
	if got := aws.ToString(out.Entries[0].ErrorMessage); got != "Parameter Source is not valid. Reason: Source is a required argument." {
		t.Error(got)
	}
}

func TestRequestLimits(t *testing.T) {
	f := start(t)
	many := func(n int) (entries []types.PutEventsRequestEntry) {
		for range n {
			entries = append(entries, entry("dsync.a", `{}`))
		}
		return entries
	}
	// Two entries with a time each, of exactly size bytes by AWS's formula.
	sized := func(size int) []types.PutEventsRequestEntry {
		const rest = 2 * (14 + len("dsync") + len("dsync.a") + len("ä") + len(`{"x":""}`))
		entries := make([]types.PutEventsRequestEntry, 2)
		for i, n := range []int{(size - rest) / 2, size - rest - (size-rest)/2} {
			entries[i] = entry("dsync.a", `{"x":"`+strings.Repeat("x", n)+`"}`)
			entries[i].Resources = []string{"ä"}
			entries[i].Time = aws.Time(time.Unix(1, 0))
		}
		return entries
	}
	for name, c := range map[string]struct {
		entries []types.PutEventsRequestEntry
		ok      bool
	}{
		"no entry":   {[]types.PutEventsRequestEntry{}, false},
		"10 entries": {many(localeventbridge.MaxEntries), true},
		"11 entries": {many(localeventbridge.MaxEntries + 1), false},
		"1 MiB":      {sized(localeventbridge.MaxSize), true},
		"1 MiB + 1":  {sized(localeventbridge.MaxSize + 1), false},
		"12 MiB":     {sized(12 * localeventbridge.MaxSize), false},
	} {
		before := len(f.delivered)
		_, err := f.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: c.entries})
		var refused smithy.APIError
		switch {
		case c.ok && err != nil:
			t.Errorf("%s: %v", name, err)
		case !c.ok && (!errors.As(err, &refused) || refused.ErrorCode() != "ValidationException"):
			t.Errorf("%s: error %v, want a ValidationException", name, err)
		case !c.ok && len(f.delivered) != before:
			t.Errorf("%s: rejected and delivered", name)
		}
	}
}

// An entry that cannot be delivered gets no event id, so that its sender
// retries it. Other entries are not affected.
func TestFailedDeliveryFailsTheEntry(t *testing.T) {
	f := start(t)
	f.fail = errors.New("disk full")
	out := f.put(t, entry("dsync.a", `{}`), entry("unmatched", `{}`))
	if out.FailedEntryCount != 1 || aws.ToString(out.Entries[0].ErrorCode) != "InternalFailure" || out.Entries[1].EventId == nil {
		t.Errorf("answer %+v", out)
	}
}

func TestOneOrderOfDelivery(t *testing.T) {
	f := start(t)
	var wg sync.WaitGroup
	for sender := range 8 {
		wg.Go(func() {
			for n := range 5 {
				f.put(t, entry("dsync.a", fmt.Sprintf(`{"s":%d,"n":%d}`, sender, 2*n)), entry("dsync.a", fmt.Sprintf(`{"s":%d,"n":%d}`, sender, 2*n+1)))
			}
		})
	}
	wg.Wait()
	next := map[int]int{}
	for i, line := range f.delivered {
		var event struct{ Detail struct{ S, N int } }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		s, n := event.Detail.S, event.Detail.N
		if n != next[s] {
			t.Errorf("sender %d: delivered event %d, want %d", s, n, next[s])
		}
		next[s]++
		if n%2 == 1 && !strings.Contains(f.delivered[i-1], fmt.Sprintf(`"s":%d,"n":%d`, s, n-1)) {
			t.Error("the entries of one request were not delivered together")
		}
	}
}

func TestOnlyPutEvents(t *testing.T) {
	f := start(t)
	_, err := f.ListRules(t.Context(), &eventbridge.ListRulesInput{})
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "UnknownOperationException" {
		t.Error(err)
	}
}

func TestNewRejectsInvalidRules(t *testing.T) {
	target := func(json.RawMessage) error { return nil }
	for name, rule := range map[string]localeventbridge.Rule{
		"an unknown operator": {Name: "r", Pattern: map[string]any{"a": []any{map[string]any{"suffix": "x"}}}, Target: target},
		"no target":           {Name: "r", Pattern: map[string]any{"a": []any{"x"}}},
	} {
		if _, err := localeventbridge.New(localeventbridge.Options{Rules: []localeventbridge.Rule{rule}}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
