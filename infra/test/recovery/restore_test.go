package recovery

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/local/system"
	"dsync/infra/restore"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
)

// functions are those of a machine. A deployment starts the machine on another
// table.
type functions struct {
	t       *testing.T
	machine *system.System
	table   string
	writing bool     // the test may send requests
	before  int      // events of what was written
	done    []string // what was done, without repetitions
}

func (f *functions) did(what string) error {
	if !slices.Contains(f.done, what) {
		f.done = append(f.done, what)
	}
	return nil
}

func (f *functions) Table(context.Context) (string, error) { return f.table, nil }

func (f *functions) StopWriters(context.Context) error {
	f.writing = false
	return f.did("writers stopped")
}

func (f *functions) CaughtUp(context.Context, string) (bool, error) {
	if f.machine == nil {
		return true, nil // stopped by an earlier run
	}
	return len(log(f.t, connection(f.machine))) == f.before, f.did("caught up")
}

func (f *functions) StopRelay(context.Context) error {
	if f.machine == nil {
		return nil
	}
	err := f.machine.Stop()
	f.machine = nil
	return errors.Join(err, f.did("relay stopped"))
}

func (f *functions) Start(context.Context) error {
	f.writing = true
	return f.did("started")
}

// A table is restored to a time before users were changed and a token was revoked, by
// a procedure that is interrupted after each line that it says. The revoked token
// stays revoked, the log goes on where it was, and the state is that of the time.
func TestRestore(t *testing.T) {
	dir, endpoint := filepath.Join(t.TempDir(), "local"), engine(t)
	start := func(table string) *system.System {
		t.Helper()
		s, err := system.Start(t.Context(), system.Options{DataDir: dir, DynamoDBEndpoint: endpoint, Processes: true, Environments: 1, TableName: table, Log: t.Output()})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := start("")
	f := &functions{t: t, machine: first, table: first.TableName(), writing: true}
	c := connection(first)

	// Before the time: users, a group, two tokens.
	_, token := call(t, http.MethodPost, c.APIURL+"/directories/"+c.DirectoryID+"/tokens", c.APIKey, map[string]any{})
	second, tokenID := token["token"].(string), token["id"].(string)
	ada, bob, carl := createUser(t, c, "ada"), createUser(t, c, "bob"), createUser(t, c, "carl")
	group := createGroup(t, c, "engineers", ada, bob)
	await(t, c, 9) // two tokens, activated, three users, a group, two memberships
	b := backUp(t, first.DynamoDB(), f.table)
	names, was := state(t, c)

	// Since then: what the restore takes back, but for the revocation.
	must(t, http.MethodDelete, c.TenantURL+"/Users/"+carl, c.Token, nil)
	createUser(t, c, "created since")
	patch(t, c, "/Users/"+ada, c.Token, map[string]any{"op": "replace", "path": "title", "value": "Captain"})
	patch(t, c, "/Groups/"+group, c.Token, map[string]any{"op": "remove", "path": `members[value eq "` + bob + `"]`})
	must(t, http.MethodDelete, c.APIURL+"/directories/"+c.DirectoryID+"/tokens/"+tokenID, c.APIKey, nil)
	f.before = 14
	logged := await(t, c, f.before)
	_, late := state(t, c)

	var said []string
	o := restore.Options{
		DB: b.client(), Functions: f, At: b.at, Target: f.table + "-restored", RecoveryDays: 35, Now: time.Now,
		Say:  func(format string, _ ...any) { said = append(said, format) },
		Wait: func(ctx context.Context) error { return ctx.Err() },
	}
	result, err := restore.Run(t.Context(), o)
	if err != nil || result != (restore.Result{}) || !f.writing || b.restored != nil || len(said) != 9 {
		t.Fatalf("a run without Apply: %+v, %v, %d lines", result, err, len(said))
	}
	wrong := o
	wrong.At = b.at.Add(time.Hour)
	if _, err := restore.Run(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "can be restored to a time from") {
		t.Errorf("a time that cannot be restored: %v", err)
	}

	// Each run is interrupted one line later than the one before.
	o.Apply = true
	interruptions := 0
	for lines := 1; result.StreamARN == ""; lines++ {
		ctx, interrupt := context.WithCancel(t.Context())
		left := lines
		interrupted := o
		interrupted.Say = func(string, ...any) {
			if left--; left == 0 {
				interrupt()
			}
		}
		result, err = restore.Run(ctx, interrupted)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err != nil {
			interruptions++
		}
		interrupt()
		if lines > 100 {
			t.Fatal("the restore does not end")
		}
	}
	if interruptions < 8 || f.writing || f.machine != nil {
		t.Errorf("%d interruptions; functions run: %v", interruptions, f.writing || f.machine != nil)
	}
	restored, err := b.db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &o.Target})
	if err != nil {
		t.Fatal(err)
	}
	ttl, err := b.db.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &o.Target})
	if err != nil {
		t.Fatal(err)
	}
	if d := restored.Table; aws.ToString(d.LatestStreamArn) != result.StreamARN || !b.protected ||
		ttl.TimeToLiveDescription.TimeToLiveStatus != "ENABLED" || b.recovery["PointInTimeRecoveryEnabled"] != true {
		t.Errorf("the restored table has the stream %s, TTL %s, protection %v, recovery %v", aws.ToString(d.LatestStreamArn), ttl.TimeToLiveDescription.TimeToLiveStatus, b.protected, b.recovery)
	}

	// The deployment with tableStreamArn.
	f.machine, f.table = start(o.Target), o.Target
	t.Cleanup(func() { _ = f.machine.Stop() })
	for range 2 {
		if result, err = restore.Run(t.Context(), o); err != nil || !result.Done || !f.writing {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	if want := []string{"writers stopped", "caught up", "relay stopped", "started"}; !slices.Equal(f.done, want) {
		t.Errorf("done: %q, want %q", f.done, want)
	}

	c = connection(f.machine)
	if c.DirectoryID != first.DirectoryID || c.Token != first.Token {
		t.Error("the machine does not find the directory in the restored table")
	}
	if status, _ := call(t, http.MethodGet, c.TenantURL+"/Users", second, nil); status != http.StatusUnauthorized {
		t.Errorf("the revoked token is answered with %d", status)
	}
	now, is := state(t, c)
	if diff := cmp.Diff(names, now); diff != "" {
		t.Errorf("users and groups (-at the time +now):\n%s", diff)
	}
	t.Logf("at the time of the backup: %v; before the restore: %v; after it: %v", was, late, is)
	if is.users != was.users || is.memberships != was.memberships || is.events != late.events {
		t.Errorf("at the time of the backup: %v; before the restore: %v; after it: %v", was, late, is)
	}
	// The log goes on: Entra repeats what was lost, and each change has its event.
	createUser(t, c, "created since")
	patch(t, c, "/Users/"+ada, c.Token, map[string]any{"op": "replace", "path": "title", "value": "Captain"})
	must(t, http.MethodDelete, c.TenantURL+"/Users/"+carl, c.Token, nil)
	all := await(t, c, f.before+3)
	if diff := cmp.Diff(logged, all[:f.before]); diff != "" {
		t.Errorf("the log (-before +after):\n%s", diff)
	}
	var added []string // the order of three users is that of the stream
	for _, e := range all[f.before:] {
		added = append(added, e.Event)
	}
	slices.Sort(added)
	if want := []string{"dsync.user.created", "dsync.user.deleted", "dsync.user.updated"}; !slices.Equal(added, want) {
		t.Errorf("the new events are %q, want %q", added, want)
	}
}

var _ restore.Functions = (*functions)(nil)
