package faults_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"dsync/internal/awslocal/faults"
	"dsync/internal/dsynctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// items is a table with a client that has faults and one that has none.
type items struct {
	*testing.T
	faulty, exact *dynamodb.Client
	table         *string
	faults        *faults.Transport
}

func newItems(t *testing.T, rules ...faults.Rule) items {
	t.Helper()
	exact, name := dsynctest.Table(t)
	faulty, transport := dsynctest.Inject(exact, rules...)
	return items{t, faulty, exact, &name, transport}
}

func s(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }

func item(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": s(pk), "sk": s(sk)}
}

func listed(pk, sk, index string) map[string]types.AttributeValue {
	i := item(pk, sk)
	i["gsi1pk"], i["gsi1sk"] = s(index), s(sk)
	return i
}

func (x items) put(api *dynamodb.Client, i map[string]types.AttributeValue) error {
	_, err := api.PutItem(x.Context(), &dynamodb.PutItemInput{TableName: x.table, Item: i})
	return err
}

func (x items) transact(api *dynamodb.Client, all ...map[string]types.AttributeValue) error {
	var actions []types.TransactWriteItem
	for _, i := range all {
		actions = append(actions, types.TransactWriteItem{Put: &types.Put{TableName: x.table, Item: i, ConditionExpression: aws.String("attribute_not_exists(pk)")}})
	}
	_, err := api.TransactWriteItems(x.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: actions})
	return err
}

// stored returns the sort keys of a partition.
func (x items) stored(pk string) (keys []string) {
	x.Helper()
	out, err := x.exact.Query(x.Context(), &dynamodb.QueryInput{
		TableName: x.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": s(pk)},
	})
	if err != nil {
		x.Fatal(err)
	}
	for _, i := range out.Items {
		keys = append(keys, i["sk"].(*types.AttributeValueMemberS).Value)
	}
	return keys
}

func (x items) holds(pk string, want ...string) {
	x.Helper()
	if got := x.stored(pk); !slices.Equal(got, want) {
		x.Errorf("the partition %s has %v, want %v", pk, got, want)
	}
}

func (x items) counted(fault string, want int) {
	x.Helper()
	if got := x.faults.Count(fault); got != want {
		x.Errorf("%q was injected %d times, want %d", fault, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func reasons(err error) (codes []string) {
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		for _, r := range cancelled.CancellationReasons {
			codes = append(codes, aws.ToString(r.Code))
		}
	}
	return codes
}

// Without a rule the answers are those of the engine.
func TestWithoutARule(t *testing.T) {
	x := newItems(t)
	must(t, x.put(x.faulty, item("a", "1")))
	must(t, x.transact(x.faulty, item("a", "2"), item("a", "3")))
	x.holds("a", "1", "2", "3")
	err := x.transact(x.faulty, item("a", "9"), item("a", "2"))
	if got := reasons(err); !slices.Equal(got, []string{"None", "ConditionalCheckFailed"}) {
		t.Errorf("%v: %v", got, err)
	}
}

func TestRuleSelectsCalls(t *testing.T) {
	x := newItems(t, faults.Rule{
		Fault: faults.Conflict(), When: faults.Partitions("a"), Skip: 1, Times: 1,
	})
	for _, i := range []map[string]types.AttributeValue{item("b", "1"), item("a", "1"), item("b", "2")} {
		must(t, x.put(x.faulty, i))
	}
	if err := x.put(x.faulty, item("a", "2")); code(err) != "TransactionConflictException" {
		t.Errorf("error %v", err)
	}
	must(t, x.put(x.faulty, item("a", "3")))
	x.holds("a", "1", "3")
	x.counted(faults.Conflicts, 1)
}

func TestRandomRule(t *testing.T) {
	x := newItems(t, faults.Rule{Fault: faults.Conflict(), Percent: 50})
	failed := 0
	for n := range 40 {
		if x.put(x.faulty, item("a", fmt.Sprint(n))) != nil {
			failed++
		}
	}
	if failed == 0 || failed == 40 {
		t.Errorf("%d of 40 calls failed", failed)
	}
	x.counted(faults.Conflicts, failed)
}

// The SDK retries a throttled call by itself, but not a cancelled transaction.
func TestThrottle(t *testing.T) {
	x := newItems(t, faults.Rule{Fault: faults.Throttle(), Times: 2})
	must(t, x.put(x.faulty, item("a", "1")))
	x.counted(faults.Throttling, 2)

	x = newItems(t, faults.Rule{Fault: faults.Throttle()})
	if err := x.put(x.faulty, item("a", "1")); code(err) != "ThrottlingException" && code(err) != "ProvisionedThroughputExceededException" {
		t.Errorf("error %v", err)
	}
	got := reasons(x.transact(x.faulty, item("a", "1"), item("a", "2")))
	slices.Sort(got)
	if !slices.Equal(got, []string{"None", "ThrottlingError"}) {
		t.Errorf("reasons %v", got)
	}
	x.holds("a")
}

func TestConflict(t *testing.T) {
	x := newItems(t, faults.Rule{Fault: faults.Conflict()})
	got := reasons(x.transact(x.faulty, item("a", "1"), item("a", "2")))
	slices.Sort(got)
	if !slices.Equal(got, []string{"None", "TransactionConflict"}) {
		t.Errorf("reasons %v", got)
	}
	if _, err := x.faulty.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: x.table, Key: item("a", "1")}); err != nil {
		t.Error("a read conflicts:", err)
	}
	x.holds("a")
}

// A call that timed out after its effect is repeated by the SDK. A transaction
// has a token, so the repetition succeeds. A conditional put has none, so its
// own effect fails the condition.
func TestTimeouts(t *testing.T) {
	x := newItems(t, faults.Rule{Fault: faults.LoseCall(), Times: 1})
	must(t, x.put(x.faulty, item("a", "1")))
	x.holds("a", "1")
	x.counted(faults.TimeoutBefore, 1)

	x = newItems(t, faults.Rule{Fault: faults.LoseAnswer(), Times: 1})
	must(t, x.transact(x.faulty, item("a", "1"), item("a", "2")))
	x.holds("a", "1", "2")
	x.counted(faults.TimeoutAfter, 1)

	x = newItems(t, faults.Rule{Fault: faults.LoseAnswer(), Times: 1})
	_, err := x.faulty.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: x.table, Item: item("a", "1"), ConditionExpression: aws.String("attribute_not_exists(pk)")})
	if code(err) != "ConditionalCheckFailedException" {
		t.Errorf("error %v", err)
	}
	x.holds("a", "1")

	x = newItems(t, faults.Rule{Fault: faults.LoseAnswer()})
	if err := x.put(x.faulty, item("a", "1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	x.holds("a", "1")
}

func TestInternalError(t *testing.T) {
	x := newItems(t, faults.Rule{Fault: faults.InternalError()})
	for n := range 10 {
		if err := x.put(x.faulty, item("a", fmt.Sprint(n))); code(err) != "InternalServerError" {
			t.Errorf("error %v", err)
		}
	}
	if n := len(x.stored("a")); n == 0 { // each call is made three times
		t.Error("no call had an effect")
	}
}

func TestUnprocessed(t *testing.T) {
	x := newItems(t, faults.Rule{Fault: faults.Unprocessed()})
	var puts []types.WriteRequest
	keys := []string{}
	for n := range 10 {
		keys = append(keys, fmt.Sprint(n))
		puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: item("a", fmt.Sprint(n))}})
	}
	rounds := 0
	for len(puts) > 0 {
		rounds++
		before, left := x.stored("a"), len(puts)
		out, err := x.faulty.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*x.table: puts}})
		must(t, err)
		puts = out.UnprocessedItems[*x.table]
		if written := len(x.stored("a")) - len(before); written != left-len(puts) || written == 0 {
			t.Errorf("%d of %d items are unprocessed, %d were written", len(puts), left, written)
		}
	}
	if rounds < 2 {
		t.Errorf("%d rounds", rounds)
	}
	x.holds("a", keys...)

	var request types.KeysAndAttributes
	for _, k := range keys {
		request.Keys = append(request.Keys, item("a", k))
	}
	var read []string
	for len(request.Keys) > 0 {
		out, err := x.faulty.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{*x.table: request}})
		must(t, err)
		for _, i := range out.Responses[*x.table] {
			read = append(read, i["sk"].(*types.AttributeValueMemberS).Value)
		}
		request = out.UnprocessedKeys[*x.table]
	}
	slices.Sort(read)
	if !slices.Equal(read, keys) {
		t.Errorf("read %v", read)
	}
}

func (x items) query(in dynamodb.QueryInput) (pages [][]string) {
	x.Helper()
	in.TableName = x.table
	for {
		out, err := x.faulty.Query(x.Context(), &in)
		must(x.T, err)
		keys := []string{}
		for _, i := range out.Items {
			keys = append(keys, i["sk"].(*types.AttributeValueMemberS).Value)
		}
		pages = append(pages, keys)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return pages
		}
	}
}

func TestCutPage(t *testing.T) {
	x := newItems(t, faults.Rule{Fault: faults.CutPage(2)})
	for _, k := range []string{"1", "2", "3"} {
		must(t, x.put(x.exact, item("a", k)))
	}
	pages := x.query(dynamodb.QueryInput{KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: map[string]types.AttributeValue{":pk": s("a")}})
	if fmt.Sprint(pages) != "[[1 2] [3]]" {
		t.Errorf("pages %v", pages)
	}
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// The index shows entries that appeared, moved or disappeared within the lag as
// they were before. The table itself is exact.
func TestStaleIndex(t *testing.T) {
	c := &clock{at: time.Unix(1e9, 0)}
	x := newItems(t, faults.Rule{Fault: faults.StaleIndex(10*time.Second, c.now)})
	index := func(from, to string, limit int32) string {
		t.Helper()
		return fmt.Sprint(x.query(dynamodb.QueryInput{
			IndexName: aws.String("gsi1"), KeyConditionExpression: aws.String("gsi1pk = :pk AND gsi1sk BETWEEN :from AND :to"), Limit: aws.Int32(limit),
			ExpressionAttributeValues: map[string]types.AttributeValue{":pk": s("I"), ":from": s(from), ":to": s(to)},
		}))
	}
	expect := func(want string) {
		t.Helper()
		if got := index("0", "9", 10); got != want {
			t.Errorf("the index has %s, want %s", got, want)
		}
	}
	must(t, x.put(x.exact, listed("a", "2", "I"))) // by another client
	must(t, x.put(x.faulty, listed("a", "1", "I")))
	must(t, x.transact(x.faulty, listed("a", "3", "I"), item("a", "4")))
	expect("[[2]]")
	c.pass(10 * time.Second)
	expect("[[1 2 3]]")

	// An update of an item whose entry stays is not visible in a keys-only index.
	must(t, x.put(x.faulty, listed("a", "1", "I")))
	expect("[[1 2 3]]")

	_, err := x.faulty.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: x.table, Key: item("a", "1")})
	must(t, err)
	must(t, x.put(x.faulty, item("a", "2"))) // is no longer in the index
	_, err = x.faulty.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: x.table, Key: item("a", "4"), UpdateExpression: aws.String("SET gsi1pk = :p, gsi1sk = :s"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": s("I"), ":s": s("4")},
	})
	must(t, err)
	x.holds("a", "2", "3", "4")
	expect("[[1 2 3]]")
	if got := index("2", "3", 1); got != "[[2] [3] []]" {
		t.Errorf("pages %s", got)
	}
	c.pass(5 * time.Second)
	must(t, x.put(x.faulty, listed("a", "1", "I")))
	c.pass(5 * time.Second)
	expect("[[3 4]]") // the deletion is visible, the new item is not
	c.pass(5 * time.Second)
	expect("[[1 3 4]]")
	x.counted(faults.StaleIndexes, 6)
}

// A partition key serves its units of a second, and no more.
func TestThroughput(t *testing.T) {
	c := &clock{at: time.Unix(1e9, 0)}
	x := newItems(t, faults.Rule{Fault: faults.Throughput(4, 3, c.now)})
	puts := func(pk string, keys ...string) (all []map[string]types.AttributeValue) {
		for _, k := range keys {
			all = append(all, item(pk, k))
		}
		return all
	}
	must(t, x.transact(x.faulty, puts("hot", "1", "2")...)) // two units each
	must(t, x.put(x.faulty, item("cold", "1")))
	if got := reasons(x.transact(x.faulty, item("cold", "2"), item("hot", "3"))); !slices.Equal(got, []string{"None", "ThrottlingError"}) {
		t.Errorf("reasons %v", got)
	}
	if err := x.put(x.faulty, item("hot", "4")); code(err) != "ProvisionedThroughputExceededException" {
		t.Errorf("error %v", err)
	}
	out, err := x.faulty.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*x.table: {
		{PutRequest: &types.PutRequest{Item: item("hot", "5")}}, {PutRequest: &types.PutRequest{Item: item("cold", "5")}},
	}}})
	must(t, err)
	if left := out.UnprocessedItems[*x.table]; len(left) != 1 || left[0].PutRequest.Item["pk"].(*types.AttributeValueMemberS).Value != "hot" {
		t.Errorf("unprocessed %v", left)
	}
	x.holds("hot", "1", "2")
	c.pass(250 * time.Millisecond) // one unit more
	must(t, x.put(x.faulty, item("hot", "6")))
	if x.put(x.faulty, item("hot", "7")) == nil {
		t.Error("the partition served 6 units in a quarter of a second")
	}
	get := func() error {
		_, err := x.faulty.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: x.table, Key: item("hot", "1"), ConsistentRead: aws.Bool(true)})
		return err
	}
	for range 3 {
		must(t, get())
	}
	if code(get()) != "ProvisionedThroughputExceededException" {
		t.Error("the partition served 4 reads")
	}
	c.pass(time.Second)
	must(t, get())
	x.holds("hot", "1", "2", "6")
}

// Two clients of a proxy share the rules: the index is stale for both.
func TestProxy(t *testing.T) {
	c := &clock{at: time.Unix(1e9, 0)}
	exact, name := dsynctest.Table(t)
	transport := faults.New(http.DefaultTransport, 1,
		faults.Rule{Fault: faults.LoseAnswer(), Times: 1}, faults.Rule{Fault: faults.StaleIndex(time.Second, c.now)})
	handler, err := transport.Proxy(*exact.Options().BaseEndpoint)
	must(t, err)
	proxy := httptest.NewUnstartedServer(handler)
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	proxy.Start()
	defer proxy.Close()
	client := func() *dynamodb.Client {
		o := exact.Options()
		o.BaseEndpoint = &proxy.URL
		return dynamodb.New(o)
	}
	x := items{t, client(), exact, &name, transport}
	must(t, x.put(client(), listed("a", "1", "I")))
	x.holds("a", "1")
	x.counted(faults.TimeoutAfter, 1)
	index := dynamodb.QueryInput{IndexName: aws.String("gsi1"), KeyConditionExpression: aws.String("gsi1pk = :pk"), ExpressionAttributeValues: map[string]types.AttributeValue{":pk": s("I")}}
	if got := fmt.Sprint(x.query(index)); got != "[[]]" {
		t.Errorf("the index has %s at once", got)
	}
	c.pass(time.Second)
	if got := fmt.Sprint(x.query(index)); got != "[[1]]" {
		t.Errorf("the index has %s", got)
	}
}

func TestBrokenPromises(t *testing.T) {
	a := func(x faults.Target) bool { return x.PartitionKey == "a" }
	x := newItems(t, faults.Rule{Fault: faults.IgnoreConditions(a)}, faults.Rule{Fault: faults.HideAttributes(a, "v")})
	must(t, x.transact(x.faulty, item("a", "1"), item("b", "1")))
	must(t, x.transact(x.faulty, item("a", "1")))
	if reasons(x.transact(x.faulty, item("b", "1"))) == nil {
		t.Error("the condition of another item is ignored")
	}
	for _, pk := range []string{"a", "b"} {
		i := item(pk, "1")
		i["v"] = s("value")
		must(t, x.put(x.exact, i))
		out, err := x.faulty.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: x.table, Key: item(pk, "1")})
		must(t, err)
		if _, shown := out.Item["v"]; shown != (pk == "b") {
			t.Errorf("%s: the attribute is shown: %v", pk, shown)
		}
	}
}
