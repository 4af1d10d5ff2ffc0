// Package carryover copies from a table to its restored copy what a restore must
// not take back: revocations of tokens and API keys, the log of events, and the
// versions of records, from which events have their ids.
//
// Run it before the restored table has a stream and before a function uses it.
// It can be interrupted and repeated: what is copied already is skipped. It never
// replaces the head of a log by an older one, and never makes a token valid.
//
//   - A token or an API key that is revoked in the old table, or gone, is
//     revoked. A directory lists the tokens that both tables list.
//   - Every record of the log is copied, the heads last; every record of the audit
//     log, too. The counts of users and groups in a head are not those of the
//     restored table: they are dropped, and the jobs of the restored table count
//     again.
//   - A directory, user or group gets the version that it has in the old table.
//     Its next change would otherwise have the id of an event that is in the log,
//     and no event.
//   - A user or group that is deleted in the old table begins a new generation:
//     for the log, nothing follows the deletion of the old one.
package carryover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dsync/internal/backoff"
	"dsync/internal/table"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Options say what to copy.
type Options struct {
	DB       *dynamodb.Client
	From, To string // names of the old table and of the restored one
	Apply    bool   // false only counts
	Now      func() time.Time
	Progress func(Report) // called after each page; may be nil
}

// Report counts what Run has done, or would do without Apply.
type Report struct {
	Read     int // items of both tables
	Revoked  int // tokens and API keys
	Copied   int // records of the log, without heads
	Heads    int // heads of the log that are replaced
	Newer    int // heads that the restored table has in a newer version; they stay
	Versions int // directories, users and groups whose version is raised
	Revived  int // users and groups that are deleted in the old table
}

// Limits of DynamoDB on one call, and of retries.
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
	deferralsPage = 500
	maxRetries    = 20
	retryBase     = 50 * time.Millisecond
	retryLimit    = 5 * time.Second
)

// lostVersions is added to the version of a record that the old table does not
// have any more, so that its last version is unknown.
const lostVersions = 1 << 20

type (
	item = map[string]types.AttributeValue
	key  struct{ pk, sk string }
)

// run is one run.
type run struct {
	options Options
	report  Report
	heads   []key
}

// Run copies. An error leaves what was copied; another run continues.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.From == o.To {
		return Report{}, errors.New("carry over: the two tables are the same")
	}
	r := &run{options: o}
	for _, step := range []func(context.Context) error{r.revokeAndRaise, r.copyLog, r.copyHeads, r.startCounts} {
		if err := step(ctx); err != nil {
			return r.report, fmt.Errorf("carry over: %w", err)
		}
	}
	return r.report, nil
}

// pages reads the items of a table whose partition keys begin with one of the
// prefixes, and calls visit with each page.
func (r *run) pages(ctx context.Context, name string, prefixes []string, visit func([]item) error) error {
	values, conditions := item{}, []string{}
	for i, prefix := range prefixes {
		placeholder := fmt.Sprintf(":p%d", i)
		values[placeholder] = text(prefix)
		conditions = append(conditions, "begins_with(pk, "+placeholder+")")
	}
	scan := dynamodb.NewScanPaginator(r.options.DB, &dynamodb.ScanInput{
		TableName: &name, ConsistentRead: aws.Bool(true),
		FilterExpression: aws.String(strings.Join(conditions, " OR ")), ExpressionAttributeValues: values,
	})
	for scan.HasMorePages() {
		page, err := scan.NextPage(ctx)
		if err != nil {
			return err
		}
		r.report.Read += int(page.ScannedCount)
		for chunk := range slices.Chunk(page.Items, maxBatchGet) {
			if err := visit(chunk); err != nil {
				return err
			}
		}
		if r.options.Progress != nil {
			r.options.Progress(r.report)
		}
	}
	return nil
}

// copyLog copies the records of the log and of the audit log that the restored table does not have.
func (r *run) copyLog(ctx context.Context) error {
	return r.pages(ctx, r.options.From, append(schema.LogPartitions(), schema.AuditPartitions()...), func(items []item) error {
		present, err := r.get(ctx, r.options.To, items)
		if err != nil {
			return err
		}
		var requests []types.WriteRequest
		for _, i := range items {
			k := keyOf(i)
			if k.sk == table.LogHeadSort {
				r.heads = append(r.heads, k)
			} else if present[k] == nil {
				requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: i}})
			}
		}
		r.report.Copied += len(requests)
		return r.write(ctx, requests)
	})
}

// copyHeads replaces the heads of the log that are older. With the head of a
// directory go the deferred changes that the old table does not have any more.
func (r *run) copyHeads(ctx context.Context) error {
	for chunk := range slices.Chunk(r.heads, maxBatchGet) {
		keys := make([]item, len(chunk))
		for n, k := range chunk {
			keys[n] = k.item()
		}
		old, err := r.get(ctx, r.options.From, keys)
		if err != nil {
			return err
		}
		restored, err := r.get(ctx, r.options.To, keys)
		if err != nil {
			return err
		}
		for _, k := range chunk {
			if err := r.copyHead(ctx, k, old[k], restored[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) copyHead(ctx context.Context, k key, old, restored item) error {
	switch {
	case old == nil || restored != nil && number(restored["v"]) == number(old["v"]):
		return nil
	case restored != nil && number(restored["v"]) > number(old["v"]):
		r.report.Newer++
		return nil
	}
	r.report.Heads++
	if !r.options.Apply {
		return nil
	}
	old = maps.Clone(old)
	for _, name := range table.CountAttributes {
		delete(old, name)
	}
	_, err := r.options.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &r.options.To, Item: old, ConditionExpression: aws.String("attribute_not_exists(pk) OR v < :v"),
		ExpressionAttributeValues: item{":v": old["v"]},
	})
	if _, newer := errors.AsType[*types.ConditionalCheckFailedException](err); newer {
		r.report.Heads--
		r.report.Newer++
		return nil
	}
	if err != nil {
		return err
	}
	return r.dropDeferred(ctx, k.pk)
}

// startCounts removes the job that starts counts, so that the next sweep creates
// it.
func (r *run) startCounts(ctx context.Context) error {
	if !r.options.Apply {
		return nil
	}
	var k key
	k.pk, k.sk = table.StartCountsKey()
	return r.write(ctx, []types.WriteRequest{{DeleteRequest: &types.DeleteRequest{Key: k.item()}}})
}

// dropDeferred deletes the deferred changes of a log that were released since.
func (r *run) dropDeferred(ctx context.Context, partition string) error {
	query := dynamodb.NewQueryPaginator(r.options.DB, &dynamodb.QueryInput{
		TableName: &r.options.To, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("pk, sk"), Limit: aws.Int32(deferralsPage),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: item{":pk": text(partition), ":sk": text(table.DeferralPrefix)},
	})
	for query.HasMorePages() {
		page, err := query.NextPage(ctx)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(page.Items, maxBatchGet) {
			kept, err := r.get(ctx, r.options.From, chunk)
			if err != nil {
				return err
			}
			var requests []types.WriteRequest
			for _, i := range chunk {
				if kept[keyOf(i)] == nil {
					requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: i}})
				}
			}
			if err := r.write(ctx, requests); err != nil {
				return err
			}
		}
	}
	return nil
}

// get reads the items with the keys of others, by key.
func (r *run) get(ctx context.Context, name string, of []item) (map[key]item, error) {
	found := make(map[key]item, len(of))
	if len(of) == 0 {
		return found, nil
	}
	request := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	for _, i := range of {
		request.Keys = append(request.Keys, keyOf(i).item())
	}
	for retry := 0; len(request.Keys) > 0; retry++ {
		if err := wait(ctx, retry); err != nil {
			return nil, err
		}
		out, err := r.options.DB.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{name: request}})
		if err != nil {
			return nil, err
		}
		for _, i := range out.Responses[name] {
			found[keyOf(i)] = i
		}
		request.Keys = out.UnprocessedKeys[name].Keys
	}
	return found, nil
}

// write puts and deletes items of the restored table.
func (r *run) write(ctx context.Context, requests []types.WriteRequest) error {
	if !r.options.Apply {
		return nil
	}
	for chunk := range slices.Chunk(requests, maxBatchWrite) {
		for retry := 0; len(chunk) > 0; retry++ {
			if err := wait(ctx, retry); err != nil {
				return err
			}
			out, err := r.options.DB.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{r.options.To: chunk}})
			if err != nil {
				return err
			}
			chunk = out.UnprocessedItems[r.options.To]
		}
	}
	return nil
}

func wait(ctx context.Context, retry int) error {
	if retry == maxRetries {
		return errors.New("DynamoDB leaves items unprocessed; run again to continue")
	}
	return backoff.Wait(ctx, retry, retryBase, retryLimit)
}

func keyOf(i item) key { return key{str(i["pk"]), str(i["sk"])} }

func (k key) item() item { return item{"pk": text(k.pk), "sk": text(k.sk)} }

// update changes an item of the restored table if its condition holds.
func (r *run) update(ctx context.Context, k key, set item, remove []string, condition string, values item) error {
	names, all, assignments := map[string]string{}, maps.Clone(values), []string{}
	for name, value := range set {
		names["#"+name], all[":new_"+name] = name, value
		assignments = append(assignments, "#"+name+" = :new_"+name)
	}
	expression := "SET " + strings.Join(assignments, ", ")
	for _, name := range remove {
		names["#"+name] = name
		expression += " REMOVE #" + name
	}
	_, err := r.options.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &r.options.To, Key: k.item(), UpdateExpression: &expression, ConditionExpression: &condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: all,
	})
	return err
}
