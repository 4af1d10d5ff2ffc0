package session_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/session"
	"dsync/internal/table"
	"dsync/internal/table/count"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// crowded is a world whose directory has n users of 2 KB: one that was created,
// and copies of its record. None of them was counted.
func crowded(t testing.TB, n int) world {
	t.Helper()
	api, name := dsynctest.Table(t)
	off := &types.StreamSpecification{StreamEnabled: aws.Bool(false)}
	if _, err := api.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: &name, StreamSpecification: off}); err != nil {
		t.Fatal(err)
	}
	w := on(t, table.New(api, name))
	user := w.create(t, session.Users, profile("ada@example.com")).Meta.ID
	ulid := strings.TrimPrefix(user, "directory_user_")
	var record map[string]types.AttributeValue
	scan := dynamodb.NewScanPaginator(api, &dynamodb.ScanInput{TableName: &name, ConsistentRead: aws.Bool(true)})
	for scan.HasMorePages() {
		page, err := scan.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			if id, ok := i["id"].(*types.AttributeValueMemberS); ok && id.Value == user && i["doc"] != nil {
				record = i
			}
		}
	}
	batches := make(chan []types.WriteRequest)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for batch := range batches {
				out, err := api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: batch}})
				if err != nil || len(out.UnprocessedItems) > 0 {
					t.Errorf("%d unprocessed, %v", len(out.UnprocessedItems), err)
				}
			}
		})
	}
	var batch []types.WriteRequest
	for copied := 1; copied < n; copied++ {
		next := map[string]types.AttributeValue{}
		for attribute, v := range record {
			if s, ok := v.(*types.AttributeValueMemberS); ok {
				v = &types.AttributeValueMemberS{Value: strings.ReplaceAll(s.Value, ulid, ulid[:18]+fmt.Sprintf("%08d", copied))}
			}
			next[attribute] = v
		}
		batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: next}})
		if len(batch) == 25 || copied == n-1 {
			batches <- batch
			batch = nil
		}
	}
	close(batches)
	writers.Wait()
	return w
}

// count gives the directory counts.
func (w world) count(t testing.TB, users int) {
	t.Helper()
	cut := time.UnixMilli(1)
	if err := w.table.BeginCount(t.Context(), w.directory.ID, cut); err != nil {
		t.Fatal(err)
	}
	if err := w.table.FinishCount(t.Context(), w.directory.ID, count.Counts{Known: true, Active: users, Cut: cut.UnixMilli()}); err != nil {
		t.Fatal(err)
	}
}

func (w world) list(ctx context.Context, t testing.TB, raw string) (session.Page, error) {
	t.Helper()
	q, err := query.Parse(scim.Users, raw)
	if err != nil {
		t.Fatal(raw, err)
	}
	return w.session.List(ctx, session.Users, q)
}

// What a page costs does not depend on how many users there are. A page by index
// counts the keys of 1,000 users at most, while its users are read, one by cursor a query and a batch. Pages
// far behind cost 16 units for each 1,000 users before them.
//
// The engine ends a page of keys after 1 MB of the users that they belong to;
// DynamoDB reads 4,000 keys at a time.
func TestBudgetOfLists(t *testing.T) {
	sizes := []int{1_000, 3_000}
	if os.Getenv("DSYNC_BENCH") == "1" {
		sizes = []int{1_000, 100_000}
	}
	for _, size := range sizes {
		w := crowded(t, size)
		w.count(t, size)
		var cursor string
		for _, c := range []struct {
			query   string
			limit   budget
			listed  int
			counted bool
		}{
			{"count=0", budget{3, 0, 17}, 0, true},
			{"count=1", budget{5, 0, 18}, 1, true},
			{"count=100", budget{5, 0, 67.5}, 100, true},
			{"count=200", budget{6, 0, 117.5}, 200, true},
			{"startIndex=901&count=100", budget{5, 0, 68}, 100, true},
			{fmt.Sprintf("startIndex=%d&count=100", size-99), budget{3 + size/450, 0, 52 + 16.5*float64(size)/1_000}, 100, true},
			{"count=100&cursor", budget{2, 0, 52}, 100, false},
			{"count=100&cursor=", budget{2, 0, 52}, 100, false},
			{"filter=title+pr&count=100&cursor", budget{1, 0, 130}, 100, false},
		} {
			if size > 2*session.MaxCounted && strings.HasPrefix(c.query, "count=") && c.counted {
				c.limit.read -= 12 // no key is counted
			}
			began := time.Now()
			spend(t, fmt.Sprintf("GET /Users?%s of %d", c.query, size), c.limit, func(ctx context.Context) error {
				raw := c.query
				if strings.HasSuffix(raw, "cursor=") {
					raw += cursor
				}
				page, err := w.list(ctx, t, raw)
				if len(page.Resources) != c.listed || c.counted && page.Total != size {
					t.Errorf("%s: %d of %d users", c.query, len(page.Resources), page.Total)
				}
				if c.query == "count=100&cursor" {
					cursor = page.Next
				}
				return err
			})
			t.Logf("%46s %v", "", time.Since(began).Round(time.Millisecond))
		}
	}
}

// The total is exact up to MaxCounted resources, whatever the directory counts,
// and the directory's own beyond, but never less than what is listed.
func TestTotals(t *testing.T) {
	w := crowded(t, session.MaxCounted)
	total := func(raw string, want int) {
		t.Helper()
		if page, err := w.list(t.Context(), t, raw); err != nil || page.Total != want {
			t.Errorf("%s: %d of %d, want %d, %v", raw, len(page.Resources), page.Total, want, err)
		}
	}
	w.count(t, 7)
	total("count=1", session.MaxCounted)
	w.create(t, session.Users, `{"userName":"one more"}`)
	total("count=1", session.MaxCounted+1)
	total("startIndex=1001&count=1", session.MaxCounted+1)
	w.create(t, session.Users, `{"userName":"yet another"}`)
	total("count=1", session.MaxCounted+1) // more than what was listed, which is all that is known
	total("startIndex=1000&count=9", session.MaxCounted+2)
	total("startIndex=5000&count=9", session.MaxCounted+2)

	other := crowded(t, session.MaxCounted+5)
	w = other
	total("count=1", session.MaxCounted+5) // not counted yet: by keys
	w.count(t, 4711)
	total("count=1", 4711)
	total("startIndex=1001&count=200", session.MaxCounted+5) // to the end
}

// A page by index ends at MaxIndex, with a hint to cursors.
func TestMaxIndex(t *testing.T) {
	w := open(t)
	if page, err := w.list(t.Context(), t, fmt.Sprint("count=1&startIndex=", session.MaxIndex)); err != nil || len(page.Resources) > 0 {
		t.Errorf("%+v, %v", page, err)
	}
	_, err := w.list(t.Context(), t, fmt.Sprint("count=1&startIndex=", session.MaxIndex+1))
	if f, ok := err.(*fault.Error); !ok || f.Kind != fault.Invalid || f.Code != scim.TooMany || !strings.Contains(f.Error(), "cursor") {
		t.Errorf("%v", err)
	}
}

// Cursors lead through all users once, in pages of the size that was asked for.
func TestCursorsOfManyUsers(t *testing.T) {
	w := crowded(t, 450)
	pages := w.pages(t, session.Users, "count=100")
	all := slices.Concat(pages...)
	if len(pages) != 5 || len(all) != 450 || !slices.IsSorted(all) || len(slices.Compact(all)) != 450 {
		t.Errorf("%d users in %d pages", len(all), len(pages))
	}
	pages = w.pages(t, session.Users, "count=150")
	if len(pages) != 3 || len(pages[2]) != 150 {
		t.Errorf("%d pages", len(pages))
	}
}
