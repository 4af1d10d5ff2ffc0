package dynamo_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// cancelled is the response to a transaction that conflicts with another one.
const cancelled = `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"}]}`

// A transaction that conflicts is retried until it succeeds, and at most 40
// times. The SDK does not retry it.
func TestConflictsAreRetried(t *testing.T) {
	for conflicts, want := range map[int]error{0: nil, 3: nil, 39: nil, 40: dynamo.ErrBusy} {
		synctest.Test(t, func(t *testing.T) {
			calls, reported := 0, 0
			client := fake(func(*http.Request) (*http.Response, error) {
				calls++
				if calls <= conflicts {
					return response(http.StatusBadRequest, cancelled), nil
				}
				return response(http.StatusOK, "{}"), nil
			})
			client.OnConflict(func() { reported++ })
			start := time.Now()
			err := client.Transact(t.Context(), []types.TransactWriteItem{
				dynamo.PutNewAction(dynamo.Marshal(dynamo.Key{PK: "a", SK: "1"})), dynamo.DeleteAction(dynamo.Key{PK: "a", SK: "2"}),
			})
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
	for conflicts, want := range map[int]error{0: nil, 3: nil, 40: dynamo.ErrBusy} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			client := fake(func(*http.Request) (*http.Response, error) {
				calls++
				if calls <= conflicts {
					return response(http.StatusBadRequest, conflict), nil
				}
				return response(http.StatusOK, "{}"), nil
			})
			err := client.Update(t.Context(), types.Update{Key: dynamo.Marshal(dynamo.Key{PK: "a", SK: "1"})})
			if !errors.Is(err, want) || calls != min(conflicts+1, 40) {
				t.Errorf("%d conflicts: %v after %d calls", conflicts, err, calls)
			}
		})
	}
}

// A write whose condition does not hold is not retried. The error names the
// actions, and it can be replaced.
func TestFailedCondition(t *testing.T) {
	calls := 0
	client := fake(func(*http.Request) (*http.Response, error) {
		calls++
		return response(http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[`+
			`{"Code":"TransactionConflict"},{"Code":"ConditionalCheckFailed"},{"Code":"None"},{"Code":"ConditionalCheckFailed"}]}`), nil
	})
	err := client.Transact(t.Context(), []types.TransactWriteItem{dynamo.DeleteAction(dynamo.Key{PK: "a", SK: "1"})})
	failed, ok := errors.AsType[dynamo.ConditionFailed](err)
	if !ok || failed.Action != 1 || !slices.Equal(failed.All, []int{1, 3}) || calls != 1 {
		t.Errorf("%v, %+v after %d calls", err, failed, calls)
	}
	if replaced := dynamo.IfConditionFails(err, dynamo.ErrNotFound); !errors.Is(replaced, dynamo.ErrNotFound) {
		t.Errorf("replaced by %v", replaced)
	}
	if other := dynamo.IfConditionFails(dynamo.ErrBusy, nil); !errors.Is(other, dynamo.ErrBusy) {
		t.Errorf("another error is replaced by %v", other)
	}
}

// Items that DynamoDB leaves unprocessed are written again, and at most 40
// times.
func TestUnprocessedItems(t *testing.T) {
	for unprocessed, want := range map[int]error{0: nil, 3: nil, 39: nil, 40: dynamo.ErrBusy} {
		synctest.Test(t, func(t *testing.T) {
			var sizes []int
			client := fake(func(r *http.Request) (*http.Response, error) {
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
			err := client.DeleteItems(t.Context(), []dynamo.Key{{PK: "a", SK: "1"}, {PK: "a", SK: "2"}, {PK: "a", SK: "3"}})
			if !errors.Is(err, want) || len(sizes) != min(unprocessed+1, 40) || sizes[0] != 3 || sizes[len(sizes)-1] != 1 && unprocessed > 0 {
				t.Errorf("%d times unprocessed: %v after batches of %v", unprocessed, err, sizes)
			}
		})
	}
}
