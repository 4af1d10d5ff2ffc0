package table_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
)

func TestStepJobOnce(t *testing.T) {
	f, ctx := open(t), t.Context()
	n := table.Keys{Name: "ada"}
	user := f.create(table.User, n)
	job := f.job(user)
	if err := f.Delete(ctx, user, n, job, now, actor); err != nil {
		t.Fatal(err)
	}
	job.Steps = 1
	if err := f.StepJob(ctx, job); err != nil {
		t.Error(err)
	}
	if err := f.StepJob(ctx, job); !errors.Is(err, table.ErrStale) {
		t.Errorf("the same step twice: %v", err)
	}
}

func TestExpiredContextEndsRetries(t *testing.T) {
	f := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Touch(ctx, f.directoryID, newID(t, id.Group), 0, now, actor); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// cancelled is the response to a transaction that conflicts with another one.
const cancelled = `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"}]}`

// A transaction that conflicts is retried until it succeeds, and at most 40
// times. The SDK does not retry it.
func TestConflictsAreRetried(t *testing.T) {
	for conflicts, want := range map[int]error{0: nil, 3: nil, 39: nil, 40: table.ErrBusy} {
		synctest.Test(t, func(t *testing.T) {
			calls, reported := 0, 0
			organizations := fake(func(*http.Request) (*http.Response, error) {
				calls++
				if calls <= conflicts {
					return response(http.StatusBadRequest, cancelled), nil
				}
				return response(http.StatusOK, "{}"), nil
			})
			organizations.OnConflict(func() { reported++ })
			start := time.Now()
			err := organizations.CreateOrganization(t.Context(), table.Organization{ID: "org_1", ExternalID: "x"})
			if !errors.Is(err, want) || reported != conflicts || calls != min(conflicts+1, 40) {
				t.Errorf("%d conflicts: %v after %d calls, with %d conflicts reported", conflicts, err, calls, reported)
			}
			if waited := time.Since(start); waited > 4*time.Second || conflicts == 0 && waited > 0 {
				t.Errorf("%d conflicts: waited %v", conflicts, waited)
			}
		})
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
