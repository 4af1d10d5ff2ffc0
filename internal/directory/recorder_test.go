package directory_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/directory"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// desk is a service with a clock that is put forward, and its recorder.
type desk struct {
	world
	ahead    atomic.Int64
	start    time.Time
	recorder *directory.Recorder
}

func openDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{world: open(t), start: time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)}
	d.Service = directory.New(d.table, d.now, rand.Reader, slog.New(slog.DiscardHandler))
	d.recorder = directory.NewRecorder(d.Service)
	return d
}

func (d *desk) now() time.Time                      { return d.start.Add(time.Duration(d.ahead.Load())) }
func (d *desk) forward(t time.Duration)             { d.ahead.Add(int64(t)) }
func (d *desk) visit(t testing.TB) *directory.Visit { return d.let(t).Visit() }

func (d *desk) let(t testing.TB) *directory.Session {
	t.Helper()
	s, err := d.Authenticate(t.Context(), d.directory.ExternalKey, d.secret, "request-1")
	if err != nil {
		t.Fatal(err)
	}
	return s
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
	return days
}

var (
	fine    = directory.Answer{Method: "GET", Route: "/Users", Status: 200}
	refused = directory.Answer{Method: "PATCH", Route: "/Users/{id}", Status: 400, Took: 7 * time.Millisecond,
		Refusal: &scim.Error{Status: 400, Type: scim.InvalidPath, Detail: "ada@example.com", Path: "shoeSize", Operation: 2}}
)

func TestRecord(t *testing.T) {
	d := openDesk(t)
	d.recorder.Conclude(t.Context(), d.visit(t), fine)
	d.recorder.Conclude(t.Context(), d.visit(t), refused)
	tolerant := directory.Answer{Method: "POST", Route: "/Groups", Status: 201, Bulk: 3, Tolerated: []directory.Tolerated{{What: directory.UnknownMember, Count: 2, Path: "members"}}}
	d.forward(time.Second)
	d.recorder.Conclude(t.Context(), d.visit(t), tolerant, fine)
	actor := table.Actor{RequestID: "request-1", TokenID: d.directory.Tokens[0].ID}
	ttl := func(at time.Time) int64 { return at.Add(table.RequestRetention).Unix() }
	want := []table.Request{
		{DirectoryID: d.directory.ID, At: d.now(), Method: "POST", Route: "/Groups", Status: 201, Bulk: 3, Tolerated: tolerant.Tolerated, Actor: actor, TTL: ttl(d.now())},
		{DirectoryID: d.directory.ID, At: d.start, Method: "PATCH", Route: "/Users/{id}", Status: 400, ScimType: "invalidPath", Path: "shoeSize", Operation: 2, Milliseconds: 7, Actor: actor, TTL: ttl(d.start)},
	}
	if diff := cmp.Diff(want, d.recorded(t), cmpopts.IgnoreFields(table.Request{}, "ID")); diff != "" {
		t.Error(diff)
	}
}

// A healthy sync costs one write a minute, whatever it does, and its counts
// come together from several functions.
func TestCountsOfTheDay(t *testing.T) {
	d := openDesk(t)
	other := directory.NewRecorder(d.Service)
	ctx, meter := table.WithMeter(t.Context())
	for range 300 { // five minutes
		d.recorder.Conclude(ctx, d.visit(t), fine)
		d.forward(time.Second)
	}
	if meter.RoundTrips != 5+1 { // and the day on which the token was used
		t.Errorf("%d round trips in five minutes", meter.RoundTrips)
	}
	s := d.let(t)
	if _, err := s.Create(t.Context(), directory.Users, map[string]any{"userName": "ada"}, nil); err != nil {
		t.Fatal(err)
	}
	other.Conclude(t.Context(), s.Visit(), directory.Answer{Method: "POST", Status: 201})
	last := d.now()
	want := []table.Day{{Date: last.Format(time.DateOnly), Requests: 1 + 4*60 + 1, Writes: 1, Last: last}}
	if diff := cmp.Diff(want, d.days(t)); diff != "" {
		t.Errorf("what is not older than a minute is not counted yet: %s", diff)
	}
	d.recorder.Conclude(t.Context(), d.visit(t), refused)
	want[0].Requests, want[0].Refused, want[0].Last = 302, 1, d.now()
	if diff := cmp.Diff(want, d.days(t)); diff != "" {
		t.Error(diff)
	}
	d.forward(24 * time.Hour)
	d.recorder.Conclude(t.Context(), d.visit(t), fine)
	if days := d.days(t); len(days) != 2 || days[0].Requests != 1 || days[0].Refused != 0 || !days[0].Last.Equal(d.now()) {
		t.Errorf("%+v", days)
	}
}

// What changes nothing is no write.
func TestWritesOfTheDay(t *testing.T) {
	d := openDesk(t)
	user, group := d.user(t, "ada").Meta.ID, d.group(t, "g").Meta.ID
	title := operations(t, `{"op":"replace","path":"title","value":"x"}`)
	member := operations(t, add(user))
	writes := int64(0)
	for _, row := range []struct {
		name  string
		wrote bool
		do    func(s *directory.Session) error
	}{
		{"a change", true, func(s *directory.Session) error {
			_, err := s.Patch(t.Context(), directory.Users, user, title, "")
			return err
		}},
		{"the same", false, func(s *directory.Session) error {
			_, err := s.Patch(t.Context(), directory.Users, user, title, "")
			return err
		}},
		{"a member", true, func(s *directory.Session) error {
			_, err := s.Patch(t.Context(), directory.Groups, group, member, "")
			return err
		}},
		{"the same member", false, func(s *directory.Session) error {
			_, err := s.Patch(t.Context(), directory.Groups, group, member, "")
			return err
		}},
		{"a reading", false, func(s *directory.Session) error { _, err := s.Get(t.Context(), directory.Users, user); return err }},
		{"a deletion", true, func(s *directory.Session) error { return s.Delete(t.Context(), directory.Users, user, "") }},
	} {
		s := d.let(t)
		if err := row.do(s); err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		d.recorder.Conclude(t.Context(), s.Visit(), fine)
		d.forward(time.Minute)
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
	d.recorder.Conclude(t.Context(), d.visit(t), refused)
	for range 500 {
		d.recorder.Conclude(t.Context(), d.visit(t), refused)
	}
	calm := len(d.recorded(t))
	if calm < 10 || calm > 50 {
		t.Errorf("%d records in one minute", calm)
	}
	ctx, meter := table.WithMeter(t.Context())
	d.recorder.Conclude(ctx, d.visit(t), refused, refused, refused)
	if meter.RoundTrips != 0 {
		t.Errorf("%d round trips for what is not recorded", meter.RoundTrips)
	}
	d.forward(time.Minute)
	d.recorder.Conclude(t.Context(), d.visit(t), refused)
	all := d.recorded(t)
	if len(all) != calm+1 || all[0].Unrecorded != 501+3-calm {
		t.Errorf("%d records, %d before the last one", len(all), all[0].Unrecorded)
	}
}

// A request to a paused directory is noted, although nobody gets in.
func TestPausedVisit(t *testing.T) {
	d := openDesk(t)
	_, key, err := d.CreateAPIKey(t.Context(), directory.NewAPIKey{Name: "test", Scope: directory.Manage})
	if err != nil {
		t.Fatal(err)
	}
	o, err := d.Operator(t.Context(), key, "")
	if err == nil {
		_, err = o.PauseDirectory(t.Context(), d.directory.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	session, err := d.Authenticate(t.Context(), d.directory.ExternalKey, d.secret, "request-1")
	v := directory.VisitOf(err)
	if session != nil || v == nil || v.DirectoryID() != d.directory.ID || problem(err) != "403 " {
		t.Fatalf("%v %v %v", session, v, err)
	}
	d.recorder.Conclude(t.Context(), v, directory.Answer{Method: "GET", Status: 403})
	if all := d.recorded(t); len(all) != 1 || all[0].Status != 403 || all[0].TokenID != v.TokenID() {
		t.Errorf("%+v", all)
	}
	_, err = d.Authenticate(t.Context(), d.directory.ExternalKey, d.secret+"x", "")
	if v := directory.VisitOf(err); v != nil || err == nil {
		t.Errorf("whoever has no token is known as %v", v)
	}
}

// The day on which a token was used last is noted once.
func TestTokenUse(t *testing.T) {
	d := openDesk(t)
	for day, want := range []string{d.now().Format(time.DateOnly), d.now().Add(24 * time.Hour).Format(time.DateOnly)} {
		if day > 0 {
			d.forward(24 * time.Hour)
		}
		writes := 0
		for range 3 {
			ctx, meter := table.WithMeter(t.Context())
			d.recorder.Conclude(ctx, d.visit(t), fine)
			writes += meter.RoundTrips
			d.forward(10 * time.Second) // the token is read anew
		}
		if writes != 2 {
			t.Errorf("%d writes, want one for the token and one for the counts", writes)
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

// When the engine does not answer, the client does not wait for a note, and
// the function keeps the time to hand the answer out.
func TestConcludeIsBounded(t *testing.T) {
	for name, row := range map[string]struct {
		left, want time.Duration
	}{
		"plenty of time": {time.Minute, 500 * time.Millisecond},
		"little":         {800 * time.Millisecond, 300 * time.Millisecond},
		"none":           {400 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := openDesk(t)
			visit := d.visit(t)
			synctest.Test(t, func(t *testing.T) {
				db := dynamodb.New(dynamodb.Options{
					Region: "us-east-1", BaseEndpoint: aws.String("http://engine.invalid"), HTTPClient: silent{},
					Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
				})
				var log bytes.Buffer
				r := directory.NewRecorder(directory.New(table.New(db, "table"), time.Now, rand.Reader, slog.New(slog.NewTextHandler(&log, nil))))
				ctx, cancel := context.WithTimeout(t.Context(), row.left)
				defer cancel()
				start := time.Now()
				r.Conclude(ctx, visit, refused)
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
