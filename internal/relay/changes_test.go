package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/metric"
	"dsync/internal/table"
	"dsync/internal/table/journal"
	"dsync/internal/table/stream"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// A change whose facts cannot be read now is left for a retry: it is neither
// parked nor published without them.
func TestTemporaryFailure(t *testing.T) {
	s := &shelf{organization: errors.New("throttled")}
	r, bus := relayOn(s)
	old := table.Directory{ID: modelDirectory, OrganizationID: modelOrganization, State: table.Validating, Version: 1, Created: modelTime, Modified: modelTime}
	old.Pending = true
	linked := old
	linked.Pending, linked.State, linked.Version = false, table.Linked, 2
	batch := []events.DynamoDBEventRecord{recordOf("1", "D", old, linked)}
	result, err := r.relay(t.Context(), batch, false, parkNothing(t))
	if err != nil || result.failed != 0 || len(s.appends) != 0 || len(bus.sent) != 0 {
		t.Errorf("%+v, %v; %d appends, %d sent", result, err, len(s.appends), len(bus.sent))
	}
	s.organization = table.ErrNotFound // deleted since: there are no domains
	if result, err := r.relay(t.Context(), batch, false, parkNothing(t)); err != nil || result.failed >= 0 || len(bus.sent) != 1 {
		t.Errorf("%+v, %v; %d sent", result, err, len(bus.sent))
	}
}

// A record that can neither be relayed nor parked is left for a retry.
func TestParkingFails(t *testing.T) {
	r, _ := relayOn(&shelf{})
	bad := person(1)
	bad.Document = "{"
	result, err := r.relay(t.Context(), []events.DynamoDBEventRecord{recordOf("1", "U#1", nil, bad)}, false,
		func(context.Context, events.DynamoDBEventRecord, error) error { return errors.New("no queue") })
	if err != nil || result.failed != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

// A membership waits for the creation of its user and group, and behind an
// earlier change of it. After the deletion of either it has no event. What the
// stream has forgotten is not waited for.
func TestPlaceOfAMembership(t *testing.T) {
	const waits, logged, dropped = "waits", "logged", "dropped"
	about := subjects{user: modelUser, group: modelGroup}
	for name, row := range map[string]struct {
		logged  []string // keys
		before  bool     // another change of the membership waits
		began   time.Time
		deleted bool // among the operations
		want    string
	}{
		"both exist":                         {logged: []string{"uc", "gc"}, began: modelTime, want: logged},
		"no user yet":                        {logged: []string{"gc"}, began: modelTime, want: waits},
		"no group yet":                       {logged: []string{"uc"}, began: modelTime, want: waits},
		"behind an earlier change":           {logged: []string{"uc", "gc"}, before: true, began: modelTime, want: waits},
		"the user is deleted":                {logged: []string{"uc", "gc", "ud"}, began: modelTime, want: dropped},
		"the group is deleted":               {logged: []string{"uc", "gc", "gd"}, began: modelTime, want: dropped},
		"the user is deleted in the batch":   {logged: []string{"uc", "gc"}, deleted: true, began: modelTime, want: dropped},
		"the creation is 25 hours ago":       {began: modelTime.Add(-25 * time.Hour), want: waits},
		"the creation is longer ago than it": {began: modelTime.Add(-25*time.Hour - time.Millisecond), want: logged},
	} {
		r, _ := relayOn(&shelf{})
		f := &facts{head: table.LogHead{Sequence: 1}, logged: map[string]bool{}}
		for _, key := range row.logged {
			f.logged[key] = true
		}
		d := &derivation{relay: r, work: &work{}, facts: f, created: map[string]bool{}, deleted: map[string]bool{"ud": row.deleted}, known: map[string]bool{}, waits: map[subjects]bool{about: row.before}}
		m := belonging()
		d.place(change{Change: stream.Change{NewMembership: &m}}, &entry{about: about, life: life{row.began, row.began, "uc", "gc", "ud", "gd"}})
		got := dropped
		switch {
		case len(d.operations) == 1 && d.operations[0].entry != nil:
			got = logged
		case len(d.waiting) == 1:
			got = waits
		}
		if got != row.want {
			t.Errorf("%s: it is %s, want %s", name, got, row.want)
		}
	}
}

// A change that waits is kept as long as an event.
func TestExpiryOfDeferrals(t *testing.T) {
	s := &shelf{head: table.LogHead{DirectoryID: modelDirectory, Head: journal.Head{Version: 1}}, subjects: map[string]table.Resource{modelUser: person(1), modelGroup: team()}}
	r, _ := relayOn(s)
	if _, err := r.relay(t.Context(), []events.DynamoDBEventRecord{recordOf("1", "M#1#2", nil, belonging())}, false, parkNothing(t)); err != nil {
		t.Fatal(err)
	}
	if len(s.appends) != 1 || len(s.appends[0].Deferred) != 1 {
		t.Fatalf("%+v", s.appends)
	}
	if got, want := s.appends[0].Deferred[0].TTL, modelTime.Add(90*24*time.Hour).Unix(); got != want {
		t.Errorf("the change expires at %d, want %d", got, want)
	}
}

// A deferred change that cannot be read is parked once, and the others go on.
func TestUnreadableDeferral(t *testing.T) {
	s := &shelf{head: table.LogHead{DirectoryID: modelDirectory, Head: journal.Head{Version: 1}, Deferred: 1}, deferrals: []table.Deferral{{Record: []byte("no gzip")}}}
	r, bus := relayOn(s)
	parked := 0
	result, err := r.relay(t.Context(), []events.DynamoDBEventRecord{recordOf("1", "U#1", nil, person(1))}, false,
		func(context.Context, events.DynamoDBEventRecord, error) error { parked++; return nil })
	if err != nil || result.failed >= 0 || parked != 1 || s.released != 1 || len(bus.sent) != 1 {
		t.Errorf("%+v, %v; %d parked, %d released, %d sent", result, err, parked, s.released, len(bus.sent))
	}
}

// When another relay has appended in between, the events are derived again.
func TestHeadHasMoved(t *testing.T) {
	s := &shelf{conflicts: []error{&table.LogConflict{Head: true}}}
	r, bus := relayOn(s)
	result, err := r.relay(t.Context(), []events.DynamoDBEventRecord{recordOf("1", "U#1", nil, person(1))}, false, parkNothing(t))
	if err != nil || result.failed >= 0 || len(bus.sent) != 1 {
		t.Errorf("%+v, %v; %d sent", result, err, len(bus.sent))
	}
}

// A change that has no event now, but had one when it was relayed before, is
// published again: the process may have ended before it published it.
func TestDroppedButLogged(t *testing.T) {
	record := recordOf("1", "M#1#2", nil, belonging())
	id, err := dsync.EventID(modelTime, "record", record.EventID)
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{logged: map[string]table.LoggedEvent{table.EventKey(id): loggedEvent(t, id, dsync.GroupUserAdded)}}
	r, bus := relayOn(s)
	if result, err := r.relay(t.Context(), []events.DynamoDBEventRecord{record}, false, parkNothing(t)); err != nil || result.failed >= 0 || len(bus.sent) != 1 || bus.sent[0].ID != id {
		t.Errorf("%+v, %v; sent %+v", result, err, bus.sent)
	}
}

// A membership whose user or group is deleted is removed, and one that consumers
// do not know in the user's generation is announced.
func TestRepair(t *testing.T) {
	deleted, hidden, second := person(2), person(1), person(1)
	deleted.Deleted, hidden.Hidden, second.Generation = true, true, 1
	gone := team()
	gone.Deleted = true
	late := belonging()
	late.Hidden = true
	current := belonging()
	current.Generation = 1
	for name, row := range map[string]struct {
		user, group        table.Resource
		member             table.Membership
		removed, announced int
	}{
		"as it should be":             {person(1), team(), belonging(), 0, 0},
		"the user is deleted":         {deleted, team(), belonging(), 1, 0},
		"the group is deleted":        {person(1), gone, belonging(), 1, 0},
		"hidden, the user is not":     {person(1), team(), late, 0, 1},
		"hidden, as the user is":      {hidden, team(), late, 0, 0},
		"of an earlier generation":    {second, team(), belonging(), 0, 1},
		"of the present generation":   {second, team(), current, 0, 0},
		"hidden, of the user deleted": {deleted, team(), late, 1, 0},
	} {
		s := &shelf{}
		r, _ := relayOn(s)
		w := &work{changes: []change{{Change: stream.Change{NewMembership: &row.member}}}}
		f := &facts{subjects: map[string]table.Resource{modelUser: row.user, modelGroup: row.group}}
		if err := r.repair(t.Context(), w, f); err != nil || len(s.removed) != row.removed || len(s.announced) != row.announced {
			t.Errorf("%s: %d removed, %d announced, %v", name, len(s.removed), len(s.announced), err)
		}
	}
}

// A change that is redriven has the event of what is there now. One that was
// undone since has none. The identity stays that of the change.
func TestRefresh(t *testing.T) {
	newer := person(3)
	newer.Document, newer.Generation = `{"userName":"eve"}`, 7
	m := belonging()
	undone := belonging().SoftDelete()
	for name, row := range map[string]struct {
		change  stream.Change
		user    *table.Resource
		member  *table.Membership
		omitted bool
		want    string
	}{
		"the same":           {stream.Change{NewResource: new(person(3))}, new(person(3)), nil, false, `{"userName":"ada"}`},
		"changed since":      {stream.Change{NewResource: new(person(2))}, &newer, nil, false, `{"userName":"eve"}`},
		"deleted since":      {stream.Change{NewResource: new(person(2))}, nil, nil, true, ""},
		"is a member":        {stream.Change{NewMembership: &m}, nil, &m, false, ""},
		"is no member now":   {stream.Change{NewMembership: &m}, nil, &undone, true, ""},
		"is a member again":  {stream.Change{NewMembership: &undone}, nil, &m, true, ""},
		"the removal stands": {stream.Change{NewMembership: &undone}, nil, nil, false, ""},
	} {
		s := &shelf{membership: row.member, current: map[string]table.Resource{}}
		if row.user != nil {
			s.current[modelUser] = *row.user
		}
		r, _ := relayOn(s)
		version := int64(0)
		if row.change.NewResource != nil {
			version = row.change.NewResource.Version
		}
		w := &work{directoryID: modelDirectory, changes: []change{{Change: row.change}}}
		if err := r.refresh(t.Context(), w, table.LogHead{Head: journal.Head{Version: 1}}); err != nil {
			t.Fatal(err)
		}
		c := w.changes[0]
		if omitted := c.NewResource == nil && c.NewMembership == nil; omitted != row.omitted {
			t.Errorf("%s: omitted %v", name, omitted)
		}
		if c.NewResource != nil && (c.NewResource.Document != row.want || c.NewResource.Version != version || c.NewResource.Generation != 0) {
			t.Errorf("%s: %+v", name, c.NewResource)
		}
	}
}

// A directory has 4 MB of a batch, and one record whatever its size is. Small
// directories come first.
func TestSort(t *testing.T) {
	sized := func(directory string, size int64) events.DynamoDBEventRecord {
		p := person(1)
		p.DirectoryID = directory
		r := recordOf("1", "U#1", nil, p)
		r.Change.SizeBytes = size
		return r
	}
	for name, row := range map[string]struct {
		sizes  []int64
		excess int
	}{
		"4 MB":               {[]int64{2 << 20, 2 << 20}, -1},
		"4 MB and a byte":    {[]int64{2 << 20, 2<<20 + 1}, 1},
		"one larger than it": {[]int64{5 << 20}, -1},
		"then another":       {[]int64{5 << 20, 1}, 1},
	} {
		r, _ := relayOn(&shelf{})
		var batch []events.DynamoDBEventRecord
		for _, size := range row.sizes {
			batch = append(batch, sized("d1", size))
		}
		works := r.sort(t.Context(), append(batch, sized("d2", 1)), parkNothing(t))
		if len(works) != 2 || works[0].directoryID != "d2" || works[1].excess != row.excess {
			t.Errorf("%s: %d works, first %s, excess %d, want %d", name, len(works), works[0].directoryID, works[len(works)-1].excess, row.excess)
		}
	}
}

// The events of a directory in a batch have a bound, too.
func TestShareOfEvents(t *testing.T) {
	r, _ := relayOn(&shelf{})
	var w work
	for n := range 3 {
		p := person(1)
		p.ID = fmt.Sprintf("directory_user_01%024d", n)
		c := changeOf(t, recordOf("1", "U#1", nil, p))
		c.index = n
		w.changes = append(w.changes, c)
	}
	d := &derivation{relay: r, work: &w, facts: &facts{}, created: map[string]bool{}, deleted: map[string]bool{}, known: map[string]bool{}, waits: map[subjects]bool{}, bytes: maxWorkBytes}
	if err := d.run(t.Context()); err != nil || !d.full || len(d.operations) != 1 {
		t.Errorf("at the limit: %d operations, full %v, %v", len(d.operations), d.full, err)
	}
}

// dsync.deleted ends the log.
func TestEndOfTheLog(t *testing.T) {
	s := &shelf{}
	r, _ := relayOn(s)
	old := table.Directory{ID: modelDirectory, OrganizationID: modelOrganization, State: table.Linked, Version: 1, Created: modelTime, Modified: modelTime}
	deleted := old
	deleted.State, deleted.Version = table.Deleting, 2
	if _, err := r.relay(t.Context(), []events.DynamoDBEventRecord{recordOf("1", "D", old, deleted)}, false, parkNothing(t)); err != nil || len(s.appends) != 1 || !s.appends[0].Head.End {
		t.Errorf("%v, %+v", err, s.appends)
	}
}

// Of the failures of a batch, the first record counts: Lambda repeats from there.
func TestFirstFailure(t *testing.T) {
	result := result{failed: -1}
	for _, index := range []int{5, 2, 9} {
		result.fail(index, fmt.Errorf("%d", index))
	}
	if result.failed != 2 || result.reason.Error() != "2" {
		t.Errorf("%+v", result)
	}
}

// The value of a panic is not in its error: it may be personal.
func TestPanicIsRedacted(t *testing.T) {
	err := func() (err error) {
		defer recovered(&err)
		panic("ada@example.com")
	}()
	if err == nil || strings.Contains(err.Error(), "ada") {
		t.Error(err)
	}
}

// queueOf is a dead-letter queue with these messages. It records the calls, with
// their action.
func queueOf(t *testing.T, bodies ...string) (*DeadLetters, *[]map[string]any) {
	var calls []map[string]any
	client := sqs.NewFromConfig(awsconfig.Config("us-east-1", "http://sqs.invalid"), func(o *sqs.Options) {
		o.DisableMessageChecksumValidation = true
		o.HTTPClient = roundTrip(func(r *http.Request) *http.Response {
			in := map[string]any{}
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				t.Error(err)
			}
			in["action"] = r.Header.Get("X-Amz-Target")
			calls = append(calls, in)
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "ReceiveMessage") && len(bodies) > 0 {
				body := bodies[0]
				bodies = bodies[1:]
				return answer(http.StatusOK, map[string]any{"Messages": []any{map[string]any{"MessageId": "1", "ReceiptHandle": "r", "Body": body}}})
			}
			return answer(http.StatusOK, map[string]any{"MessageId": "1", "Attributes": map[string]any{"ApproximateNumberOfMessagesNotVisible": "3"}})
		})
	})
	return NewDeadLetters(client, "http://sqs.invalid/1/relay", nil, ""), &calls
}

// A message is invisible to another redrive while this one may take.
func TestMessageIsInvisible(t *testing.T) {
	letters, calls := queueOf(t)
	r := &Relay{deadLetters: letters}
	if empty, err := r.redriveQueue(t.Context(), &replayed{}); err != nil || !empty {
		t.Fatal(empty, err)
	}
	if got := (*calls)[0]["VisibilityTimeout"]; got != 900.0 {
		t.Errorf("it is invisible for %v seconds, want 900", got)
	}
}

// A message that fails stays in the queue, and the others go on.
func TestFailedMessageStays(t *testing.T) {
	letters, calls := queueOf(t, "no JSON", `{"reason":"r"}`)
	r := &Relay{deadLetters: letters, log: slog.New(slog.DiscardHandler)}
	result := &replayed{failed: map[string]bool{}}
	if empty, err := r.redriveQueue(t.Context(), result); err != nil || !empty || result.report.Remaining != 2 {
		t.Errorf("%+v, %v, %v", result.report, empty, err)
	}
	var after []string // the last receive, which found nothing
	for _, call := range *calls {
		if action := call["action"].(string); !strings.HasSuffix(action, "ReceiveMessage") {
			after = append(after, strings.TrimPrefix(action, "AmazonSQS."))
		}
	}
	// Both are visible again, and messages of other requests are in flight.
	if want := []string{"ChangeMessageVisibility", "ChangeMessageVisibility", "GetQueueAttributes"}; !slices.Equal(after, want) || result.report.InFlight != 3 {
		t.Errorf("the calls %q, %+v", after, result.report)
	}
}

// Until the time is over, a message that fails is received once: it stays
// invisible for the request that continues.
func TestFailedMessageStaysInvisibleUntilTheEnd(t *testing.T) {
	letters, calls := queueOf(t, "no JSON")
	r := &Relay{deadLetters: letters, log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(answerTime/2))
	defer cancel()
	if empty, err := r.redriveQueue(ctx, &replayed{failed: map[string]bool{}}); err != nil || empty || len(*calls) != 0 {
		t.Errorf("%v, %v, %d calls", empty, err, len(*calls))
	}
}

// What is parked is counted: an alarm looks at that.
func TestParkedIsCounted(t *testing.T) {
	letters, calls := queueOf(t)
	var out bytes.Buffer
	r := &Relay{deadLetters: letters, log: slog.New(slog.DiscardHandler), metrics: metric.New(&out, "relay", modelNow)}
	if err := r.park(t.Context(), recordOf("1", "U#1", nil, person(1)), errors.New("no")); err != nil {
		t.Fatal(err)
	}
	if err := r.parkEvent(t.Context(), entry{Entry: eventlog.Entry{ID: "event_1"}}, errors.New("no")); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), `"EventsParked":1`); n != 2 || len(*calls) != 2 {
		t.Errorf("%d counted, %d calls: %s", n, len(*calls), out.String())
	}
}

// A message names only an object that the relay has parked.
func TestOnlyParkedObjects(t *testing.T) {
	r := &Relay{}
	body, err := json.Marshal(Message{Object: "aws/lambda/secret"})
	if err != nil {
		t.Fatal(err)
	}
	if sent, err := r.redriveMessage(t.Context(), body, &replayed{failed: map[string]bool{}}); err == nil || sent != 0 || !strings.Contains(err.Error(), "not a parked record") {
		t.Errorf("%d sent, %v", sent, err)
	}
}
