package dynamo_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The calls of one batch do not wait for each other, and there are never more at
// the same time than the client may make.
func TestCallsOfABatchAreParallel(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		run  func(*testing.T, *dynamo.Client) error
		most int
	}{
		"writes": {`{}`, func(t *testing.T, c *dynamo.Client) error {
			requests := make([]types.WriteRequest, 400)
			for i := range requests {
				requests[i].DeleteRequest = &types.DeleteRequest{Key: dynamo.Marshal(dynamo.Key{PK: "p"})}
			}
			return c.BatchWrite(t.Context(), requests)
		}, 8},
		"reads": {`{"Responses":{"table":[{"pk":{"S":"p"}}]}}`, func(t *testing.T, c *dynamo.Client) error {
			n := 0
			for _, err := range c.BatchGet(t.Context(), make([]dynamo.Key, 1600)) {
				if err != nil {
					return err
				}
				n++
			}
			if n != 16 {
				t.Errorf("%d items of 16 calls", n)
			}
			return nil
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				calls, running, most := 0, 0, 0
				full := sync.NewCond(&mu)
				client := fake(func(r *http.Request) (*http.Response, error) {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return nil, err
					}
					mu.Lock()
					defer mu.Unlock()
					calls++
					running++
					most = max(most, running)
					full.Broadcast()
					for most < row.most { // the first calls wait for each other
						full.Wait()
					}
					running--
					return response(http.StatusOK, row.body), nil
				})
				if err := row.run(t, client); err != nil || calls != 16 || most != row.most {
					t.Errorf("%d calls, at most %d at the same time, %v", calls, most, err)
				}
			})
		})
	}
}

// A call that fails is the failure of the batch.
func TestOneCallOfABatchFails(t *testing.T) {
	requests := make([]types.WriteRequest, 100)
	for i := range requests {
		requests[i].DeleteRequest = &types.DeleteRequest{Key: dynamo.Marshal(dynamo.Key{PK: "p"})}
	}
	var mu sync.Mutex
	calls := 0
	client := fake(func(*http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == 2 {
			return response(http.StatusBadRequest, `{"__type":"ValidationException","message":"the second call"}`), nil
		}
		return response(http.StatusOK, `{}`), nil
	})
	if err := client.BatchWrite(t.Context(), requests); err == nil || !strings.Contains(err.Error(), "the second call") {
		t.Errorf("%v", err)
	}
}
