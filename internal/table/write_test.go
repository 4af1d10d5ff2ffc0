package table_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
)

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

// conflict is the response to a write of one item that conflicts with a
// transaction.
const conflict = `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException"}`

// A write of one item that conflicts with a transaction is retried, too.
func TestConflictOfOneItem(t *testing.T) {
	for conflicts, want := range map[int]error{0: nil, 3: nil, 40: table.ErrBusy} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			keys := fake(func(*http.Request) (*http.Response, error) {
				calls++
				if calls <= conflicts {
					return response(http.StatusBadRequest, conflict), nil
				}
				return response(http.StatusOK, "{}"), nil
			})
			if err := keys.UseAPIKey(t.Context(), "h", "2026-11-23"); !errors.Is(err, want) || calls != min(conflicts+1, 40) {
				t.Errorf("%d conflicts: %v after %d calls", conflicts, err, calls)
			}
		})
	}
}

// Items that DynamoDB leaves unprocessed are written again, and at most 40
// times.
func TestUnprocessedItems(t *testing.T) {
	for unprocessed, want := range map[int]error{0: nil, 3: nil, 39: nil, 40: table.ErrBusy} {
		synctest.Test(t, func(t *testing.T) {
			var sizes []int
			records := fake(func(r *http.Request) (*http.Response, error) {
				var in struct{ RequestItems map[string][]json.RawMessage }
				if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
					return nil, err
				}
				items := in.RequestItems["table"]
				sizes = append(sizes, len(items))
				rest := map[string]any{}
				if len(sizes) <= unprocessed {
					rest["table"] = items[len(items)-1:]
				}
				out, err := json.Marshal(map[string]any{"UnprocessedItems": rest})
				return response(http.StatusOK, string(out)), err
			})
			err := records.PutRequests(t.Context(), []table.Request{{ID: "1", At: now}, {ID: "2", At: now}, {ID: "3", At: now}})
			if !errors.Is(err, want) || len(sizes) != min(unprocessed+1, 40) || sizes[0] != 3 || sizes[len(sizes)-1] != 1 && unprocessed > 0 {
				t.Errorf("%d times unprocessed: %v after batches of %v", unprocessed, err, sizes)
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
