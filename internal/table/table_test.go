package table_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

var (
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	actor = table.Actor{RequestID: "request", TokenID: "token"}
)

func newID(t testing.TB, k id.Kind) string {
	t.Helper()
	s, err := id.New(k, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fixture is an empty table, and the id of a directory to write to.
type fixture struct {
	*table.Table
	t           testing.TB
	db          *dynamodb.Client
	tableName   string
	directoryID string
}

func open(t testing.TB) fixture {
	db, name := dsynctest.Table(t)
	return fixture{table.New(db, name), t, db, name, newID(t, id.Directory)}
}

func (f fixture) resource(k table.Kind, doc string) table.Resource {
	kind := id.User
	if k == table.Group {
		kind = id.Group
	}
	return table.Resource{
		Kind: k, ID: newID(f.t, kind), DirectoryID: f.directoryID, OrganizationID: "org_1",
		Document: doc, Version: 1, Created: now, Modified: now, Actor: actor,
	}
}

func (f fixture) create(k table.Kind, values table.Keys) table.Resource {
	f.t.Helper()
	r := f.resource(k, `{"x":"`+values.Name+`"}`)
	if err := f.Create(f.t.Context(), r, values, nil); err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f fixture) member(group, user table.Resource) table.Membership {
	return table.Membership{DirectoryID: f.directoryID, OrganizationID: "org_1", GroupID: group.ID, UserID: user.ID, At: now, Actor: actor}
}

func (f fixture) job(r table.Resource) table.Job {
	return table.Job{ID: newID(f.t, id.Job), DirectoryID: f.directoryID, Kind: r.Kind, Subject: r.ID, State: table.JobRunning, Created: now, Modified: now}
}

// byName is the id of the only resource that has a name.
func (f fixture) byName(ctx context.Context, k table.Kind, directoryID, name string) (string, error) {
	ids, err := f.NameHolders(ctx, k, directoryID, name)
	if err == nil && len(ids) != 1 {
		return "", table.ErrNotFound
	}
	return strings.Join(ids, ""), err
}

// items reads all items of the table.
func (f fixture) items() []map[string]types.AttributeValue {
	f.t.Helper()
	out, err := f.db.Scan(f.t.Context(), &dynamodb.ScanInput{TableName: &f.tableName, ConsistentRead: aws.Bool(true)})
	if err != nil {
		f.t.Fatal(err)
	}
	if out.LastEvaluatedKey != nil {
		f.t.Fatal("the table has more than one page of items")
	}
	return out.Items
}

// do fails the test if a write failed.
func (f fixture) do(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
