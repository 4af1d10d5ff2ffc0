package table_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"dsync/internal/id"
	"dsync/internal/table"
)

func TestExpiredContextEndsRetries(t *testing.T) {
	f := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Touch(ctx, f.directoryID, newID(t, id.Group), 0, now, actor); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A transaction whose condition fails writes nothing, also of its other items.
func TestFailedConditionWritesNothing(t *testing.T) {
	f, ctx := open(t), t.Context()
	values := table.Keys{Name: "ada", ExternalID: "x", Emails: []string{"a@example.com"}}
	old := f.create(table.User, values)
	before := f.items()
	if err := f.Create(ctx, f.resource(table.User, "{}"), table.Keys{Name: "ADA", ExternalID: "y", Emails: []string{"b@example.com"}}, nil); !errors.Is(err, table.ErrTaken) {
		t.Errorf("create with a name that is taken: %v", err)
	}
	old.Version++
	if err := f.Replace(ctx, old, old, values, table.Keys{Name: "eve", ExternalID: "y"}, f.job(old)); !errors.Is(err, table.ErrStale) {
		t.Errorf("stale replace: %v", err)
	}
	if err := f.Delete(ctx, old, values, f.job(old), now, actor); !errors.Is(err, table.ErrStale) {
		t.Errorf("stale delete: %v", err)
	}
	if after := f.items(); !reflect.DeepEqual(before, after) {
		t.Errorf("the items were %v and are %v", before, after)
	}
}
