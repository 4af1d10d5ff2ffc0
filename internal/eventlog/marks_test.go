package eventlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/table"
	"dsync/internal/table/journal"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// wire is the connection of a reader to DynamoDB. It calls before once, before the
// mark of the shard of orgB is raised. Other marks are raised at the same time.
type wire struct {
	mu     sync.Mutex
	before func() error
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "UpdateItem") && bytes.Contains(body, fmt.Appendf(nil, `"EL#%d"`, journal.ShardOf(orgB))) {
		w.mu.Lock()
		before := w.before
		w.before = nil
		w.mu.Unlock()
		if before != nil && before() != nil {
			return &http.Response{StatusCode: http.StatusInternalServerError, Body: io.NopCloser(strings.NewReader("{}"))}, nil
		}
	}
	return http.DefaultClient.Do(r)
}

// wired is a log whose reads go over a wire.
func wired(t *testing.T) (*fixture, *wire, *dynamodb.Client, string) {
	api, name := dsynctest.Table(t)
	f := &fixture{t: t, table: table.New(api, name), clock: &clock{t: epoch}}
	w := &wire{}
	o := api.Options()
	o.HTTPClient, o.Retryer = w, aws.NopRetryer{}
	f.log = eventlog.New(table.New(dynamodb.New(o), name), f.clock.now)
	return f, w, api, name
}

// A reader that raises the mark of a journal sees what was appended to it before:
// nothing is behind the reader then.
func TestAppendedBeforeTheMark(t *testing.T) {
	for _, descending := range []bool{false, true} {
		f, w, _, _ := wired(t)
		slow := eventlog.New(f.table, func() time.Time { return f.clock.now().Add(-time.Minute) }).Appender()
		first, behind := f.change(orgA, dirA, dsync.UserCreated), f.change(orgB, dirB, dsync.UserCreated)
		if err := add(t.Context(), f.table, eventlog.New(f.table, f.clock.now).Appender(), []*eventlog.Entry{first}); err != nil {
			t.Fatal(err)
		}
		w.before = func() error { return add(t.Context(), f.table, slow, []*eventlog.Entry{behind}) }
		got := f.all(eventlog.Query{Limit: 10, Descending: descending})
		want := []string{behind.ID, first.ID}
		if descending {
			slices.Reverse(want)
		}
		if w.before != nil || !slices.Equal(got, want) {
			t.Errorf("newest first %v: %v, want %v", descending, got, want)
		}
	}
}

// A read whose mark cannot be raised fails: it would pass what is appended behind
// it.
func TestMarkFails(t *testing.T) {
	for _, descending := range []bool{false, true} {
		f, w, _, _ := wired(t)
		if err := add(t.Context(), f.table, eventlog.New(f.table, f.clock.now).Appender(), []*eventlog.Entry{f.change(orgA, dirA, dsync.UserCreated)}); err != nil {
			t.Fatal(err)
		}
		w.before = func() error { return errors.New("throttled") }
		if page, err := f.log.Read(t.Context(), eventlog.Query{Limit: 10, Descending: descending}); err == nil {
			t.Errorf("newest first %v: %d events", descending, len(page.Events))
		}
	}
}

// An event is read for 90 days.
func TestRetention(t *testing.T) {
	f := setup(t)
	e := f.change(orgA, dirA, dsync.UserCreated)
	f.append(e)
	for _, q := range []eventlog.Query{{Limit: 10}, {Limit: 10, DirectoryID: dirA}, {Limit: 10, OrganizationID: orgA, Descending: true}} {
		for age, there := range map[time.Duration]bool{90*24*time.Hour - time.Millisecond: true, 90*24*time.Hour + time.Millisecond: false} {
			f.clock.add(age)
			if got := f.all(q); (len(got) == 1) != there {
				t.Errorf("after %v: %v", age, got)
			}
			f.clock.add(-age)
		}
	}
	f.clock.add(90*24*time.Hour + time.Millisecond)
	if _, err := f.log.Read(t.Context(), eventlog.Query{After: e.ID, Limit: 10}); !errors.Is(err, eventlog.ErrCursor) {
		t.Errorf("after an event that is older: %v", err)
	}
}

// While a part of the log is that of an earlier version, what has that part cannot
// be read: it would be incomplete.
func TestReadWhileMigrating(t *testing.T) {
	f, _, api, name := wired(t)
	put := func(item map[string]types.AttributeValue) {
		t.Helper()
		if _, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	ulid := strings.TrimPrefix(dirA, "directory_")
	put(map[string]types.AttributeValue{"pk": text("LB"), "sk": text("2026-03-01T09")})
	put(map[string]types.AttributeValue{"pk": text("L#" + ulid), "sk": text("HEAD"), "dir": text(dirA), "seq": text("49590338271490256608559692538361571095921575989136588898"), "pos": text("01KB0000000000000000000000")})
	for name, row := range map[string]struct {
		query eventlog.Query
		want  error
	}{
		"the environment":                   {eventlog.Query{}, eventlog.ErrMigrating},
		"an organization":                   {eventlog.Query{OrganizationID: orgA}, eventlog.ErrMigrating},
		"a directory of an earlier version": {eventlog.Query{DirectoryID: dirA}, eventlog.ErrMigrating},
		"a new directory":                   {eventlog.Query{DirectoryID: dirB}, nil},
	} {
		row.query.Limit = 10
		if _, err := f.log.Read(t.Context(), row.query); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	if err := f.table.RemoveLegacyBucket(t.Context(), "2026-03-01T09"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.log.Read(t.Context(), eventlog.Query{DirectoryID: dirA, Limit: 10}); err != nil {
		t.Errorf("after the migration: %v", err)
	}
}
