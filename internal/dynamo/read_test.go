package dynamo_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"dsync/internal/dynamo"
)

// Keys that DynamoDB leaves unprocessed, because a batch has more than 16 MB,
// are read again.
func TestUnprocessedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		client := fake(func(r *http.Request) (*http.Response, error) {
			var in struct {
				RequestItems map[string]struct{ Keys []json.RawMessage }
			}
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				return nil, err
			}
			keys := in.RequestItems["table"].Keys
			sizes = append(sizes, len(keys))
			unprocessed := map[string]any{}
			if len(keys) > 1 {
				unprocessed["table"] = map[string]any{"Keys": keys[1:]}
			}
			out, err := json.Marshal(map[string]any{"Responses": map[string]any{"table": keys[:1]}, "UnprocessedKeys": unprocessed})
			return response(http.StatusOK, string(out)), err
		})
		keys := []dynamo.Key{{PK: "a", SK: "1"}, {PK: "a", SK: "2"}, {PK: "b", SK: "1"}, {PK: "b", SK: "2"}}
		var got []dynamo.Key
		for k, err := range dynamo.Records[dynamo.Key](client.BatchGet(t.Context(), keys)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, k)
		}
		if !slices.Equal(got, keys) || !slices.Equal(sizes, []int{4, 3, 2, 1}) {
			t.Errorf("%v, from batches of %v keys", got, sizes)
		}
	})
}

// Keys that DynamoDB leaves unprocessed again and again are given up.
func TestKeysStayUnprocessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		client := fake(func(r *http.Request) (*http.Response, error) {
			var in struct{ RequestItems json.RawMessage }
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				return nil, err
			}
			calls++
			return response(http.StatusOK, `{"UnprocessedKeys":`+string(in.RequestItems)+`}`), nil
		})
		var errs []error
		for _, err := range client.BatchGet(t.Context(), []dynamo.Key{{PK: "a", SK: "1"}}) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || !errors.Is(errs[0], dynamo.ErrBusy) || calls != 40 {
			t.Errorf("%v after %d calls", errs, calls)
		}
	})
}

// Every query that is sent has a limit, also for its next page; one without a
// limit is not sent.
func TestQueriesHaveALimit(t *testing.T) {
	var limits []int
	client := fake(func(r *http.Request) (*http.Response, error) {
		var in struct {
			Limit             int
			ExclusiveStartKey json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, err
		}
		limits = append(limits, in.Limit)
		if in.ExclusiveStartKey != nil {
			return response(http.StatusOK, `{"Items":[{"pk":{"S":"a"},"sk":{"S":"2"}}]}`), nil
		}
		return response(http.StatusOK, `{"Items":[{"pk":{"S":"a"},"sk":{"S":"1"}}],"LastEvaluatedKey":{"pk":{"S":"a"},"sk":{"S":"1"}}}`), nil
	})
	for _, err := range client.Query(t.Context(), dynamo.WithPrefix("a", ""), 7) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(limits, []int{7, 7}) {
		t.Errorf("queries with the limits %v", limits)
	}
	for _, limit := range []int{0, -1, 1 << 31} {
		if _, err := client.QueryPage(t.Context(), dynamo.WithPrefix("a", ""), limit); err == nil {
			t.Errorf("a query with the limit %d is sent", limit)
		}
	}
}
