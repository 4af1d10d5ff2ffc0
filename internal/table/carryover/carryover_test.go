package carryover_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	localdynamodb "dsync/internal/awslocal/dynamodb"
	localeventbridge "dsync/internal/awslocal/eventbridge"
	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/management"
	"dsync/internal/relay"
	"dsync/internal/scim/patch"
	"dsync/internal/session"
	"dsync/internal/table"
	"dsync/internal/table/carryover"
	"dsync/internal/table/schema"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// world is a table with what uses it.
type world struct {
	db       *dynamodb.Client
	name     string
	table    *table.Table
	log      *eventlog.Log
	operator *management.Session
}

func open(db *dynamodb.Client, name string) world {
	t := table.New(db, name)
	return world{db, name, t, eventlog.New(t, time.Now), management.Bootstrap(t, time.Now, rand.Reader)}
}

// relay relays the changes of the table to the log.
func (w world) relay(t *testing.T) {
	t.Helper()
	bus, err := localeventbridge.New(localeventbridge.Options{Name: "bus", Region: "us-east-1", Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(bus)
	t.Cleanup(server.Close)
	api := eventbridge.New(eventbridge.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: w.db.Options().Credentials})
	r := relay.New(w.table, w.log, relay.NewBus(api, "bus"), relay.NewDeadLetters(nil, "", nil, ""), time.Now, quiet, nil)
	dsynctest.Consume(t, w.db, w.name, dsynctest.Changes, lambda.NewHandler(r.Handle))
}

// events waits until the log of a directory has n events, and returns them.
func (w world) events(t *testing.T, directoryID string, n int) (all []dsync.Event) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		all = dsynctest.ReadLog(t, w.log, eventlog.Query{DirectoryID: directoryID, Limit: 100})
		if len(all) >= n {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log has %d events, want %d", len(all), n)
		}
	}
	for i, e := range all {
		if e.Context.Sequence != int64(i+1) {
			t.Errorf("event %d has the sequence %d", i+1, e.Context.Sequence)
		}
	}
	return all
}

func (w world) session(t *testing.T, d table.Directory, secret string) *session.Session {
	t.Helper()
	s, _, err := session.NewAuthenticator(w.table, time.Now, rand.Reader).Authenticate(t.Context(), d.ExternalKey, secret, "request")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w world) accepts(t *testing.T, d table.Directory, secret string) bool {
	t.Helper()
	_, _, err := session.NewAuthenticator(w.table, time.Now, rand.Reader).Authenticate(t.Context(), d.ExternalKey, secret, "request")
	return err == nil
}

func (w world) acceptsKey(t *testing.T, key string) bool {
	t.Helper()
	_, err := management.NewAuthenticator(w.table, time.Now, rand.Reader, quiet).Authenticate(t.Context(), key, management.Origin{RequestID: "request"})
	return err == nil
}

func create(t *testing.T, s *session.Session, kind session.Type, name string) string {
	t.Helper()
	attribute := map[session.Type]string{session.Users: "userName", session.Groups: "displayName"}[kind]
	r, err := s.Create(t.Context(), kind, map[string]any{attribute: name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Meta.ID
}

func change(t *testing.T, s *session.Session, kind session.Type, id, operation string) {
	t.Helper()
	operations, err := patch.Parse([]byte(`{"Operations":[` + operation + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Patch(t.Context(), kind, id, operations, session.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func title(n int) string { return fmt.Sprintf(`{"op":"Replace","path":"title","value":"%d"}`, n) }

func member(user string) string {
	return `{"op":"Add","path":"members","value":[{"value":"` + user + `"}]}`
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// items are all items of a table, by key.
func items(t *testing.T, w world) map[string]map[string]types.AttributeValue {
	t.Helper()
	all := map[string]map[string]types.AttributeValue{}
	for p := dynamodb.NewScanPaginator(w.db, &dynamodb.ScanInput{TableName: &w.name, ConsistentRead: aws.Bool(true)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		must(t, err)
		for _, i := range page.Items {
			all[i["pk"].(*types.AttributeValueMemberS).Value+" "+i["sk"].(*types.AttributeValueMemberS).Value] = i
		}
	}
	return all
}

// A table is restored to a time before tokens and a key were revoked, users were
// changed and deleted. With what is carried over, revoked secrets stay revoked,
// the log is that of the old table and goes on without a gap, and each new change
// has its event.
func TestRestoreTakesNothingBack(t *testing.T) {
	db, name := dsynctest.Table(t)
	old := open(db, name)
	old.relay(t)
	a, first := dsynctest.Connect(t, old.table)
	b, other := dsynctest.Connect(t, old.table)
	_, second, err := old.operator.CreateToken(t.Context(), a.ID, time.Time{})
	must(t, err)
	lost, lostKey, err := old.operator.CreateAPIKey(t.Context(), management.NewAPIKey{Name: "lost", Scope: management.Manage})
	must(t, err)
	expired, expiredKey, err := old.operator.CreateAPIKey(t.Context(), management.NewAPIKey{Name: "expired", Scope: management.Manage})
	must(t, err)
	_, keptKey, err := old.operator.CreateAPIKey(t.Context(), management.NewAPIKey{Name: "kept", Scope: management.Manage})
	must(t, err)
	s := old.session(t, a, second)
	ada := create(t, s, session.Users, "ada")
	bob := create(t, s, session.Users, "bob")
	carl := create(t, s, session.Users, "carl")
	group := create(t, s, session.Groups, "group")
	back := create(t, s, session.Groups, "back")
	change(t, s, session.Users, ada, title(0))
	create(t, old.session(t, b, other), session.Users, "else")
	old.events(t, a.ID, 9) // two tokens, activated, five creations, an update
	old.events(t, b.ID, 3)

	restored := open(db, name+"-restored")
	must(t, localdynamodb.Restore(t.Context(), db, db, schema.Dsync(), name, restored.name, nil))

	// Lost by the restore.
	for n := range 4 {
		change(t, s, session.Users, ada, title(n+1))
	}
	must(t, s.Delete(t.Context(), session.Users, bob, session.Condition{}))
	create(t, s, session.Users, "created since")
	must(t, old.operator.RevokeToken(t.Context(), a.ID, a.Tokens[0].ID))
	must(t, old.operator.RevokeAPIKey(t.Context(), lost.ID))
	must(t, s.Delete(t.Context(), session.Users, carl, session.Condition{}))
	must(t, s.Delete(t.Context(), session.Groups, back, session.Condition{}))
	late := old.events(t, a.ID, 18)
	// After a week, nothing of what was deleted or revoked is left.
	old.remove(t, "D#"+ulid(a.ID), "U#"+ulid(carl))
	for key := range items(t, old) {
		if key[:2] == "K#" && items(t, old)[key]["id"].(*types.AttributeValueMemberS).Value == expired.ID {
			old.remove(t, key[:len(key)-2], "K")
		}
	}
	if !restored.accepts(t, a, first) || !restored.acceptsKey(t, lostKey) || !restored.acceptsKey(t, expiredKey) {
		t.Fatal("the restore does not revive revoked secrets")
	}

	// A change that was deferred at the restore time, and has its event since.
	released := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "L#" + ulid(a.ID)}, "sk": &types.AttributeValueMemberS{Value: table.DeferralPrefix + "1"},
	}
	_, err = db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &restored.name, Item: released})
	must(t, err)

	o := carryover.Options{DB: db, From: old.name, To: restored.name, Now: time.Now}
	before := items(t, restored)
	dry, err := carryover.Run(t.Context(), o)
	must(t, err)
	if !reflect.DeepEqual(before, items(t, restored)) {
		t.Error("a run without Apply changes the table")
	}
	o.Apply = true

	// An interrupted run is repeated.
	ctx, interrupt := context.WithCancel(t.Context())
	interrupted := o
	interrupted.Progress = func(carryover.Report) { interrupt() }
	if _, err := carryover.Run(ctx, interrupted); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted run: %v", err)
	}
	report, err := carryover.Run(t.Context(), o)
	for key, record := range items(t, old) {
		if key[0] == 'A' && !reflect.DeepEqual(items(t, restored)[key], record) {
			t.Errorf("%s of the audit log is lost", key)
		}
	}
	must(t, err)
	if dry.Revoked != 3 || dry.Revived != 3 || dry.Versions < 3 || dry.Copied < 7 || dry.Heads < 2 || dry.Newer != 0 || dry.Copied != report.Copied || dry.Heads != report.Heads {
		t.Errorf("without Apply %+v, then %+v", dry, report)
	}
	if report, err = carryover.Run(t.Context(), o); err != nil || report.Revoked+report.Copied+report.Heads+report.Newer+report.Versions+report.Revived != 0 {
		t.Errorf("another run does something: %+v, %v", report, err)
	}

	for name, wrong := range map[string]bool{
		"the revoked token":     restored.accepts(t, a, first),
		"the revoked key":       restored.acceptsKey(t, lostKey),
		"the key that is gone":  restored.acceptsKey(t, expiredKey),
		"the other token":       !restored.accepts(t, a, second),
		"the other directory":   !restored.accepts(t, b, other),
		"the key that was kept": !restored.acceptsKey(t, keptKey),
	} {
		if wrong {
			t.Errorf("%s is wrong", name)
		}
	}
	d, err := restored.table.Directory(t.Context(), a.ID)
	if err != nil || len(d.Tokens) != 1 || d.Tokens[0].ID == a.Tokens[0].ID {
		t.Errorf("the directory lists %+v, %v", d.Tokens, err)
	}
	if diff := cmp.Diff(late, restored.events(t, a.ID, len(late))); diff != "" {
		t.Errorf("the log differs (-old +restored)\n%s", diff)
	}
	if left, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &restored.name, Key: released}); err != nil || left.Item != nil {
		t.Errorf("the deferred change stays: %v, %v", left.Item, err)
	}
	for key := range items(t, old) {
		if isLog(key) && items(t, restored)[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}

	// The restored table goes on.
	_, err = localdynamodb.EnableStream(t.Context(), db, schema.Dsync(), restored.name)
	must(t, err)
	restored.relay(t)
	s = restored.session(t, a, second)
	for n := range 4 {
		change(t, s, session.Users, ada, title(n+10))
	}
	change(t, s, session.Users, carl, title(20))
	change(t, s, session.Groups, group, member(bob))
	change(t, s, session.Groups, group, member(carl))
	change(t, s, session.Groups, back, member(bob))
	must(t, s.Delete(t.Context(), session.Users, bob, session.Condition{}))
	must(t, s.Delete(t.Context(), session.Users, ada, session.Condition{}))
	must(t, s.Delete(t.Context(), session.Groups, back, session.Condition{}))
	all := restored.events(t, a.ID, len(late)+11)
	var names []string
	for _, e := range all[len(late):] {
		names = append(names, e.Name)
	}
	want := []string{dsync.UserUpdated, dsync.UserUpdated, dsync.UserUpdated, dsync.UserUpdated, dsync.UserUpdated, dsync.GroupUserAdded, dsync.GroupUserAdded, dsync.GroupUserAdded, dsync.UserDeleted, dsync.UserDeleted, dsync.GroupDeleted}
	if !slices.Equal(names, want) {
		t.Errorf("new events %q, want %q", names, want)
	}

	// A head that has gone on is not replaced.
	if report, err = carryover.Run(t.Context(), o); err != nil || report.Newer == 0 || report.Heads != 0 {
		t.Errorf("a run on a table that is in use: %+v, %v", report, err)
	}
	if diff := cmp.Diff(all, restored.events(t, a.ID, len(all))); diff != "" {
		t.Errorf("the log of the table in use changed\n%s", diff)
	}
}

func (w world) remove(t *testing.T, pk, sk string) {
	t.Helper()
	_, err := w.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &w.name, ConditionExpression: aws.String("attribute_exists(pk)"),
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}})
	must(t, err)
}

func ulid(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

func isLog(key string) bool {
	return slices.ContainsFunc(schema.LogPartitions(), func(prefix string) bool { return key[:len(prefix)] == prefix })
}

func TestRefusals(t *testing.T) {
	db, name := dsynctest.Table(t)
	for _, o := range []carryover.Options{
		{DB: db, From: name, To: name, Now: time.Now},
		{DB: db, From: name, To: name + "-nothing", Now: time.Now},
	} {
		if _, err := carryover.Run(t.Context(), o); err == nil {
			t.Errorf("from %s to %s: no error", o.From, o.To)
		}
	}
}
