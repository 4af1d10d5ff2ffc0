package credential_test

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"dsync/internal/credential"
	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/table"
	"dsync/internal/table/apikey"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// opened is the kind of no failure.
const opened = fault.Kind(-1)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// gate is a table with one directory, and a clock.
type gate struct {
	t         *testing.T
	table     *table.Table
	directory table.Directory
	secret    string
	at        time.Time
	tokens    *credential.Tokens
	before    func(r *http.Request) // a call of DynamoDB
}

func (g *gate) Do(r *http.Request) (*http.Response, error) {
	if g.before != nil {
		g.before(r)
	}
	return http.DefaultClient.Do(r)
}

func openGate(t *testing.T) *gate {
	api, name := dsynctest.Table(t)
	g := &gate{t: t, at: time.Now().UTC().Truncate(time.Millisecond)}
	o := api.Options()
	o.HTTPClient = g
	g.table = table.New(dynamodb.New(o), name)
	g.directory, g.secret = dsynctest.Connect(t, g.table)
	g.tokens = credential.NewTokens(g.table, g.now)
	return g
}

func (g *gate) now() time.Time { return g.at }

// request authenticates with the directory's token, and counts the calls.
func (g *gate) request() (credential.Token, int, fault.Kind) {
	ctx, meter := table.WithMeter(g.t.Context())
	token, err := g.tokens.Authenticate(ctx, g.directory.ExternalKey, g.secret, "request-1")
	kind := opened
	if err != nil {
		kind = fault.KindOf(err)
	}
	return token, meter.RoundTrips, kind
}

func (g *gate) change(edit func(*table.Directory)) {
	g.t.Helper()
	old, err := g.table.Directory(g.t.Context(), g.directory.ID)
	if err != nil {
		g.t.Fatal(err)
	}
	next := old
	next.Version++
	edit(&next)
	if err := g.table.ReplaceDirectory(g.t.Context(), old, next, nil); err != nil {
		g.t.Fatal(err)
	}
}

// A token is read, then trusted for 5 seconds, and read again from then on. The
// first request activates the directory, the others do not.
func TestTokenIsTrusted(t *testing.T) {
	g := openGate(t)
	for _, row := range []struct {
		name  string
		after time.Duration
		calls int
		fresh bool
	}{
		{"the first, which activates", 0, 2, true},
		{"at once", 0, 0, false},
		{"shortly before 5 seconds", 5*time.Second - time.Millisecond, 0, false},
		{"after 5 seconds", time.Millisecond, 1, true},
	} {
		g.at = g.at.Add(row.after)
		token, calls, kind := g.request()
		if kind != opened || calls != row.calls || token.Fresh != row.fresh || token.Record.Pending {
			t.Errorf("%s: %d calls, want %d; fresh %v, pending %v, %v", row.name, calls, row.calls, token.Fresh, token.Record.Pending, kind)
		}
	}
	if d, err := g.table.Directory(t.Context(), g.directory.ID); err != nil || d.State != table.Linked || d.Version != 2 {
		t.Errorf("the directory is %+v, %v", d, err)
	}
}

// What a token may not do is refused with the same words, whatever is wrong with
// it. What happened to it counts when it is read again.
func TestTokenIsRefused(t *testing.T) {
	other, err := credential.NewSecret(credential.TokenPrefix, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		change func(*table.Directory)
		edit   func(g *gate)
		now    fault.Kind // while the token is trusted
		later  fault.Kind
	}{
		"active":                       {nil, nil, opened, opened},
		"unknown":                      {nil, func(g *gate) { g.secret = other.Value }, fault.Unauthorized, fault.Unauthorized},
		"malformed":                    {nil, func(g *gate) { g.secret += "A" }, fault.Unauthorized, fault.Unauthorized},
		"the key of another directory": {nil, func(g *gate) { g.directory.ExternalKey = "0123456789abcdef" }, fault.Unauthorized, fault.Unauthorized},
		"revoked":                      {func(d *table.Directory) { d.Tokens = nil }, nil, opened, fault.Unauthorized},
		"paused":                       {func(d *table.Directory) { d.Paused = true }, nil, opened, fault.Paused},
	} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t)
			if _, _, kind := g.request(); kind != opened {
				t.Fatal(kind)
			}
			if row.change != nil {
				g.change(row.change)
			}
			if row.edit != nil {
				row.edit(g)
			}
			if _, _, kind := g.request(); kind != row.now {
				t.Errorf("at once: %v, want %v", kind, row.now)
			}
			g.at = g.at.Add(5 * time.Second)
			if _, _, kind := g.request(); kind != row.later {
				t.Errorf("after 5 seconds: %v, want %v", kind, row.later)
			}
		})
	}
}

// A token that is purged between its read and the activation is refused.
func TestPurgedBeforeTheActivation(t *testing.T) {
	g := openGate(t)
	g.before = func(r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "TransactWriteItems") {
			return
		}
		g.before = nil
		if err := g.table.RemoveDirectory(t.Context(), g.directory); err != nil {
			t.Error(err)
		}
	}
	if _, _, kind := g.request(); kind != fault.Unauthorized {
		t.Errorf("%v", kind)
	}
}

// The leniency of a directory is that of its users and groups, and of no other
// directory.
func TestLenience(t *testing.T) {
	g := openGate(t)
	g.change(func(d *table.Directory) { d.Settings = `{"lenient_patch":true}` })
	token, _, kind := g.request()
	if kind != opened || !token.Users.Lenient || !token.Groups.Lenient || scim.Users.Lenient || scim.Groups.Lenient {
		t.Errorf("%v: users %v, groups %v", kind, token.Users.Lenient, token.Groups.Lenient)
	}
}

// An API key is read, then trusted for 5 seconds. Its use is recorded once a day.
// It ends at its expiry, though it is trusted, and when it is revoked, once it is
// read again.
func TestKeys(t *testing.T) {
	g := openGate(t)
	s := management.Bootstrap(g.table, g.now, rand.Reader)
	expires := g.at.Add(12 * time.Second)
	k, value, err := s.CreateAPIKey(t.Context(), management.NewAPIKey{Name: "n", Scope: management.Read, Expires: expires})
	if err != nil {
		t.Fatal(err)
	}
	_, revoked, err := s.CreateAPIKey(t.Context(), management.NewAPIKey{Name: "n", Scope: management.Read})
	if err != nil {
		t.Fatal(err)
	}
	keys := credential.NewKeys(g.table, g.now, slog.New(slog.DiscardHandler))
	for _, row := range []struct {
		name  string
		after time.Duration
		calls int
		want  fault.Kind
	}{
		{"the first, with its use", 0, 2, opened},
		{"at once", 0, 0, opened},
		{"shortly before 5 seconds", 5*time.Second - time.Millisecond, 0, opened},
		{"after 5 seconds", time.Millisecond, 1, opened},
		{"read again", 5 * time.Second, 1, opened},
		{"shortly before the expiry", 2*time.Second - time.Millisecond, 0, opened},
		{"at the expiry", time.Millisecond, 0, fault.Unauthorized},
	} {
		g.at = g.at.Add(row.after)
		if g.at.Format(time.DateOnly) != k.Created.Format(time.DateOnly) {
			t.Skip("the day has ended")
		}
		ctx, meter := table.WithMeter(t.Context())
		got, err := keys.Authenticate(ctx, value)
		kind := opened
		if err != nil {
			kind = fault.KindOf(err)
		}
		if kind != row.want || meter.RoundTrips != row.calls || row.want == opened && got.ID != k.ID {
			t.Errorf("%s: %v, want %v; %d calls, want %d", row.name, kind, row.want, meter.RoundTrips, row.calls)
		}
	}
	if _, err := keys.Authenticate(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	if err := apikey.Revoke(t.Context(), g.table, apikey.Key{Hash: credential.Hash(revoked)}, g.at); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Authenticate(t.Context(), revoked); err != nil {
		t.Errorf("a trusted key: %v", err)
	}
	g.at = g.at.Add(5 * time.Second)
	unknown, err := credential.NewSecret(credential.APIKeyPrefix, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"revoked": revoked, "unknown": unknown.Value, "malformed": value + "A", "a token": g.secret, "none": ""} {
		if _, err := keys.Authenticate(t.Context(), value); fault.KindOf(err) != fault.Unauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
}
