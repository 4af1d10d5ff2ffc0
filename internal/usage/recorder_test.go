package usage_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/scim/patch"
	"dsync/internal/session"
	"dsync/internal/table"
	"dsync/internal/usage"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// desk is one directory on a table of its own, with a clock that can be put
// forward, and a recorder.
type desk struct {
	table     *table.Table
	directory table.Directory
	secret    string
	ahead     atomic.Int64
	start     time.Time
	functions *session.Authenticator
	recorder  *usage.Recorder
}

func openDesk(t testing.TB) *desk {
	t.Helper()
	api, name := dsynctest.Table(t)
	d := &desk{table: table.New(api, name), start: time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)}
	d.directory, d.secret = dsynctest.Connect(t, d.table)
	_, trace, err := session.NewAuthenticator(d.table, time.Now, rand.Reader).Authenticate(t.Context(), d.directory.ExternalKey, d.secret, "request-1")
	if err != nil || trace == nil {
		t.Fatal(err) // it was the first request
	}
	d.functions = session.NewAuthenticator(d.table, d.now, rand.Reader)
	d.recorder = d.newRecorder()
	return d
}

func (d *desk) newRecorder() *usage.Recorder {
	return usage.NewRecorder(d.table, d.now, rand.Reader, slog.New(slog.DiscardHandler))
}

func (d *desk) now() time.Time          { return d.start.Add(time.Duration(d.ahead.Load())) }
func (d *desk) forward(t time.Duration) { d.ahead.Add(int64(t)) }

func (d *desk) trace(t testing.TB) *usage.Trace {
	t.Helper()
	_, trace := d.open(t)
	return trace
}

func (d *desk) open(t testing.TB) (*session.Session, *usage.Trace) {
	t.Helper()
	s, trace, err := d.functions.Authenticate(t.Context(), d.directory.ExternalKey, d.secret, "request-1")
	if err != nil {
		t.Fatal(err)
	}
	return s, trace
}

// create creates a resource with a name, and returns its id.
func (d *desk) create(t testing.TB, of session.Type, attribute, name string) string {
	t.Helper()
	s, _ := d.open(t)
	r, err := s.Create(t.Context(), of, map[string]any{attribute: name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Meta.ID
}

func (d *desk) recorded(t testing.TB) []table.Request {
	t.Helper()
	s, err := table.Requests(d.directory.ID).Read(t.Context(), d.table, "", true, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var all []table.Request
	for _, e := range s.Entries {
		all = append(all, e.Record)
	}
	return all
}

func (d *desk) days(t testing.TB) []table.Day {
	t.Helper()
	days, err := d.table.Days(t.Context(), d.directory.ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, day := range days {
		sum := int64(0)
		for _, n := range day.Hours {
			sum += n
		}
		if sum != day.Requests {
			t.Errorf("the hours of %s have %d requests of %d", day.Date, sum, day.Requests)
		}
		days[i].Hours = [24]int64{}
	}
	return days
}

var (
	fine    = usage.Outcome{Request: usage.Request{Method: "GET", Route: "/Users", Status: 200}}
	refused = usage.Outcome{Refused: true, Request: usage.Request{
		Method: "PATCH", Route: "/Users/{id}", Status: 400, Milliseconds: 7, ScimType: "invalidPath", Path: "shoeSize", Operation: 2,
	}}
)

func TestRecord(t *testing.T) {
	d := openDesk(t)
	d.recorder.Record(t.Context(), d.trace(t), fine)
	d.recorder.Record(t.Context(), d.trace(t), refused)
	tolerant := usage.Outcome{Request: usage.Request{
		Method: "POST", Route: "/Groups", Status: 201, Bulk: 3, Tolerated: []usage.Tolerated{{What: usage.UnknownMember, Count: 2, Path: "members"}},
	}}
	d.forward(time.Second)
	d.recorder.Record(t.Context(), d.trace(t), tolerant, fine)
	actor := table.Actor{RequestID: "request-1", TokenID: d.directory.Tokens[0].ID}
	ttl := func(at time.Time) int64 { return at.Add(table.RequestRetention).Unix() }
	want := []table.Request{
		{DirectoryID: d.directory.ID, At: d.now(), Method: "POST", Route: "/Groups", Status: 201, Bulk: 3, Tolerated: tolerant.Request.Tolerated, Actor: actor, TTL: ttl(d.now())},
		{DirectoryID: d.directory.ID, At: d.start, Method: "PATCH", Route: "/Users/{id}", Status: 400, ScimType: "invalidPath", Path: "shoeSize", Operation: 2, Milliseconds: 7, Actor: actor, TTL: ttl(d.start)},
	}
	if diff := cmp.Diff(want, d.recorded(t), cmpopts.IgnoreFields(table.Request{}, "ID")); diff != "" {
		t.Error(diff)
	}
}

// A directory costs one write of counts in a quarter of an hour, over all processes,
// and their counts come together. A process that has counted a hundred requests
// writes them at once.
func TestCountsOfTheDay(t *testing.T) {
	d := openDesk(t)
	d.recorder.Record(t.Context(), d.trace(t), fine) // the use of the token
	d.forward(time.Hour)
	processes := []*usage.Recorder{d.recorder, d.newRecorder(), d.newRecorder(), d.newRecorder()}
	ctx, meter := table.WithMeter(t.Context())
	const hours, every = 6, 40 * time.Second // 22 requests in a quarter of an hour, 540 in all
	requests := 0
	for end := d.now().Add(hours * time.Hour); d.now().Before(end); d.forward(every) {
		processes[requests%len(processes)].Record(ctx, d.trace(t), fine)
		requests++
	}
	if meter.WriteUnits != 4*hours || meter.RoundTrips > 4*hours+4*hours*len(processes) {
		t.Errorf("%v write units and %d round trips in %d hours", meter.WriteUnits, meter.RoundTrips, hours)
	}
	days := d.days(t)
	if got := days[0].Requests; got < int64(requests)*8/10 || got > int64(requests)+1 {
		t.Errorf("%d of %d requests are counted", got, requests)
	}
	ctx, meter = table.WithMeter(t.Context())
	for range 250 {
		d.newRecorder().Record(ctx, d.trace(t), fine) // a process for each request: the quarter is taken
	}
	if meter.WriteUnits > 1 {
		t.Errorf("%v write units in a quarter of an hour", meter.WriteUnits)
	}
	ctx, meter = table.WithMeter(t.Context())
	busy := d.newRecorder()
	for range 250 {
		busy.Record(ctx, d.trace(t), fine)
	}
	if meter.WriteUnits != 2 {
		t.Errorf("%v write units for 250 requests", meter.WriteUnits)
	}

	// What changed something and what was refused counts, too, and the next day has
	// counts of its own.
	d.forward(24 * time.Hour)
	s, trace := d.open(t)
	if _, err := s.Create(t.Context(), session.Users, map[string]any{"userName": "ada"}, nil); err != nil {
		t.Fatal(err)
	}
	fresh := d.newRecorder()
	fresh.Record(t.Context(), trace, usage.Outcome{Request: usage.Request{Method: "POST", Status: 201}})
	d.forward(15 * time.Minute)
	fresh.Record(t.Context(), d.trace(t), refused)
	last := d.now()
	want := table.Day{Date: last.Format(time.DateOnly), Requests: 2, Refused: 1, Writes: 1, Last: last, Quarter: table.Quarter(last)}
	if diff := cmp.Diff(want, d.days(t)[0]); diff != "" {
		t.Error(diff)
	}
}

// Of processes that count at the same moment, one writes. The others keep their
// counts.
func TestCountsAtTheSameMoment(t *testing.T) {
	d := openDesk(t)
	at := d.now()
	day := table.Day{Date: at.Format(time.DateOnly), Requests: 1, Last: at, Quarter: table.Quarter(at)}
	var written atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := d.table.CountDay(t.Context(), d.directory.ID, day, false); {
			case err == nil:
				written.Add(1)
			case !errors.Is(err, table.ErrStale):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := d.days(t); written.Load() != 1 || got[0].Requests != 1 {
		t.Errorf("%d writes, %+v", written.Load(), got)
	}
}

// What changes nothing is no write.
func TestWritesOfTheDay(t *testing.T) {
	d := openDesk(t)
	user, group := d.create(t, session.Users, "userName", "ada"), d.create(t, session.Groups, "displayName", "g")
	title := []patch.Operation{{Op: "replace", Path: "title", Value: "x", HasValue: true}}
	member := []patch.Operation{{Op: "add", Path: "members", Value: []any{map[string]any{"value": user}}, HasValue: true}}
	writes := int64(0)
	for _, row := range []struct {
		name  string
		wrote bool
		do    func(s *session.Session) error
	}{
		{"a change", true, func(s *session.Session) error {
			_, err := s.Patch(t.Context(), session.Users, user, title, session.Condition{})
			return err
		}},
		{"the same", false, func(s *session.Session) error {
			_, err := s.Patch(t.Context(), session.Users, user, title, session.Condition{})
			return err
		}},
		{"a member", true, func(s *session.Session) error {
			_, err := s.Patch(t.Context(), session.Groups, group, member, session.Condition{})
			return err
		}},
		{"the same member", false, func(s *session.Session) error {
			_, err := s.Patch(t.Context(), session.Groups, group, member, session.Condition{})
			return err
		}},
		{"a reading", false, func(s *session.Session) error { _, err := s.Get(t.Context(), session.Users, user); return err }},
		{"a deletion", true, func(s *session.Session) error { return s.Delete(t.Context(), session.Users, user, session.Condition{}) }},
	} {
		s, trace := d.open(t)
		if err := row.do(s); err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		d.recorder.Record(t.Context(), trace, fine)
		d.forward(15 * time.Minute)
		if row.wrote {
			writes++
		}
		if got := d.days(t)[0].Writes; got != writes {
			t.Errorf("%s: %d writes, want %d", row.name, got, writes)
		}
	}
}

// A storm of errors is no storm of writes, and the next record tells of it.
func TestStorm(t *testing.T) {
	d := openDesk(t)
	d.recorder.Record(t.Context(), d.trace(t), refused)
	for range 500 {
		d.recorder.Record(t.Context(), d.trace(t), refused)
	}
	calm := len(d.recorded(t))
	if calm < 10 || calm > 50 {
		t.Errorf("%d records in one minute", calm)
	}
	ctx, meter := table.WithMeter(t.Context())
	d.recorder.Record(ctx, d.trace(t), refused, refused, refused)
	if meter.RoundTrips != 0 {
		t.Errorf("%d round trips for what is not recorded", meter.RoundTrips)
	}
	d.forward(time.Minute)
	d.recorder.Record(t.Context(), d.trace(t), refused)
	all := d.recorded(t)
	if len(all) != calm+1 || all[0].Unrecorded != 501+3-calm {
		t.Errorf("%d records, %d before the last one", len(all), all[0].Unrecorded)
	}
}

// A request to a paused directory is noted, although nobody gets in.
func TestPausedDirectory(t *testing.T) {
	d := openDesk(t)
	if _, err := management.Bootstrap(d.table, d.now, rand.Reader).PauseDirectory(t.Context(), d.directory.ID); err != nil {
		t.Fatal(err)
	}
	opened, trace, err := d.functions.Authenticate(t.Context(), d.directory.ExternalKey, d.secret, "request-1")
	if opened != nil || trace == nil || trace.DirectoryID() != d.directory.ID || fault.KindOf(err) != fault.Paused {
		t.Fatalf("%v %v %v", opened, trace, err)
	}
	d.recorder.Record(t.Context(), trace, usage.Outcome{Refused: true, Request: usage.Request{Method: "GET", Status: 403}})
	if all := d.recorded(t); len(all) != 1 || all[0].Status != 403 || all[0].TokenID != trace.TokenID() {
		t.Errorf("%+v", all)
	}
	_, trace, err = d.functions.Authenticate(t.Context(), d.directory.ExternalKey, d.secret+"x", "")
	if trace != nil || err == nil {
		t.Errorf("a request without a token has the trace %v", trace)
	}
}

// The day on which a token was used last is noted once.
func TestTokenUse(t *testing.T) {
	d := openDesk(t)
	for day, want := range []string{d.now().Format(time.DateOnly), d.now().Add(24 * time.Hour).Format(time.DateOnly)} {
		if day > 0 {
			d.forward(24 * time.Hour)
		}
		writes := 0.0
		for range 3 {
			ctx, meter := table.WithMeter(t.Context())
			d.recorder.Record(ctx, d.trace(t), fine)
			writes += meter.WriteUnits
			d.forward(10 * time.Second) // the token is read anew
		}
		if writes != 2 {
			t.Errorf("%v writes, want one for the token and one for the counts", writes)
		}
		token, err := table.Tokens(d.directory.ID).Find(t.Context(), d.table, d.directory.Tokens[0].ID)
		if err != nil || token.LastUsed != want {
			t.Errorf("last used %s, want %s, %v", token.LastUsed, want, err)
		}
	}
}

// silent is an engine that never answers.
type silent struct{}

func (silent) Do(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// When the engine does not answer, the client does not wait for a note, and the
// request has no more time than before.
func TestRecordIsBounded(t *testing.T) {
	for name, row := range map[string]struct {
		left, want time.Duration
	}{
		"plenty of time": {time.Minute, 500 * time.Millisecond},
		"little":         {300 * time.Millisecond, 300 * time.Millisecond},
		"none":           {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := openDesk(t)
			trace := d.trace(t)
			synctest.Test(t, func(t *testing.T) {
				db := dynamodb.New(dynamodb.Options{
					Region: "us-east-1", BaseEndpoint: aws.String("http://engine.invalid"), HTTPClient: silent{},
					Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
				})
				var log bytes.Buffer
				r := usage.NewRecorder(table.New(db, "table"), time.Now, rand.Reader, slog.New(slog.NewTextHandler(&log, nil)))
				ctx, cancel := context.WithTimeout(t.Context(), row.left)
				defer cancel()
				start := time.Now()
				r.Record(ctx, trace, refused)
				if took := time.Since(start); took != row.want {
					t.Errorf("it took %v, want %v", took, row.want)
				}
				if !strings.Contains(log.String(), "not recorded") || strings.Contains(log.String(), "ada") {
					t.Errorf("log %s", log.String())
				}
			})
		})
	}
}
