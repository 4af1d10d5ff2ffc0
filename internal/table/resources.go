package table

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/scim"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (r Resource) item() dynamo.Item {
	i := dynamo.Marshal(resourceKey(r.Kind, r.DirectoryID, r.ID), r)
	if !r.Deleted {
		maps.Copy(i, dynamo.Marshal(dynamo.IndexKey{PK: r.Kind.index(r.DirectoryID), SK: ulidOf(r.ID)}))
	}
	return i
}

// MaxCreateMembers is how many memberships fit the transaction that creates a
// group, with the group's record, its id, its externalId and its name.
const MaxCreateMembers = dynamo.MaxTransact - 3 - maxNameActions

// Create writes a new resource with its claims and look-ups, and for a group its
// first memberships (at most MaxCreateMembers), all or nothing. It fails with
// ErrTaken when another resource has the name, and with ErrIDTaken when the id
// was used before.
func (t *Table) Create(ctx context.Context, r Resource, values Keys, members []Membership) error {
	return t.create(ctx, r, values, members, false)
}

func (t *Table) create(ctx context.Context, r Resource, values Keys, members []Membership, shared bool) error {
	r.Normalized = values.normalize()
	actions := []types.TransactWriteItem{dynamo.PutNewAction(r.item()), dynamo.PutNewAction(IDClaim(r.Kind, r.DirectoryID, r.ID))}
	for _, k := range r.lookupKeys(values, r.Normalized) {
		actions = append(actions, dynamo.PutAction(dynamo.Marshal(k, lookup{r.ID})))
	}
	for _, m := range members {
		actions = append(actions, dynamo.PutAction(m.Item()))
	}
	change := nameChange{resource: r, shared: shared}
	change.take(values.Name)
	err := t.changeName(ctx, change, func(nameActions []types.TransactWriteItem) error {
		return t.db.Transact(ctx, slices.Concat(nameActions, actions))
	})
	return dynamo.IfConditionFails(err, ErrIDTaken)
}

// Replace writes next over old, the claim and look-ups that differ, and the
// jobs, all or nothing. It fails with ErrStale when the stored version is not
// old.Version, and with ErrTaken when another resource has the new name.
func (t *Table) Replace(ctx context.Context, old, next Resource, oldValues, newValues Keys, jobs ...Job) error {
	return t.replace(ctx, old, next, oldValues, newValues, false, jobs)
}

func (t *Table) replace(ctx context.Context, old, next Resource, oldValues, newValues Keys, shared bool, jobs []Job) error {
	normalized := next.Normalized
	from, to := scim.NameAs(normalized, oldValues.Name), scim.NameAs(normalized, newValues.Name)
	change := nameChange{resource: next, shared: shared}
	// A name whose claim is in the form of an earlier version, and that does not
	// change, keeps it: another resource can have the present form of that name.
	if from != to || newValues.Name != "" && from == scim.FoldName(newValues.Name) {
		next.Normalized = newValues.normalize()
		change.resource = next
		if to = scim.NameAs(next.Normalized, newValues.Name); from != to {
			change.from = &from
			change.take(newValues.Name)
		}
	}
	write := putVersion(next.item(), old.Version)
	oldKeys, newKeys := old.lookupKeys(oldValues, normalized), next.lookupKeys(newValues, next.Normalized)
	var actions []types.TransactWriteItem
	for _, k := range without(newKeys, oldKeys) {
		actions = append(actions, dynamo.PutAction(dynamo.Marshal(k, lookup{next.ID})))
	}
	for _, k := range without(oldKeys, newKeys) {
		actions = append(actions, dynamo.DeleteAction(k))
	}
	for _, j := range jobs {
		actions = append(actions, j.Actions()...)
	}
	if change.to == nil && len(actions) == 0 {
		return dynamo.IfConditionFails(t.db.Put(ctx, *write), ErrStale)
	}
	err := t.changeName(ctx, change, func(nameActions []types.TransactWriteItem) error {
		return t.db.Transact(ctx, slices.Concat(nameActions, []types.TransactWriteItem{{Put: write}}, actions))
	})
	return dynamo.IfConditionFails(err, ErrStale)
}

// Update writes next over that version, and the jobs, all or nothing. The
// values of Keys must not change. It fails with ErrStale when the stored version
// is another one.
func (t *Table) Update(ctx context.Context, version int64, next Resource, jobs ...Job) error {
	old := Resource{Kind: next.Kind, ID: next.ID, DirectoryID: next.DirectoryID, Version: version}
	return t.Replace(ctx, old, next, Keys{}, Keys{}, jobs...)
}

// Delete soft-deletes a resource, deletes its claim and look-ups, and starts the
// job that deletes its memberships, all or nothing. It fails with ErrStale when
// the stored version is not old.Version.
func (t *Table) Delete(ctx context.Context, old Resource, values Keys, job Job, at time.Time, actor Actor) error {
	deleted := old
	deleted.Version++
	if at.Before(old.Modified) {
		at = old.Modified
	}
	deleted.Modified, deleted.Actor, deleted.softDeletion = at, actor, softDelete(at)
	actions := append(job.Actions(), types.TransactWriteItem{Put: putVersion(deleted.item(), old.Version)})
	for _, k := range old.lookupKeys(values, old.Normalized) {
		actions = append(actions, dynamo.DeleteAction(k))
	}
	from := scim.NameAs(old.Normalized, values.Name)
	err := t.changeName(ctx, nameChange{resource: old, from: &from}, func(nameActions []types.TransactWriteItem) error {
		return t.db.Transact(ctx, slices.Concat(nameActions, actions))
	})
	return dynamo.IfConditionFails(err, ErrStale)
}

// Touch raises the version of a group for a change of its members. It does not
// read the group, so concurrent calls do not fail. A version other than 0 must
// be the stored one. Touch returns the group's record after that. It fails with
// ErrNotFound, or with ErrStale if it was given a version.
func (t *Table) Touch(ctx context.Context, directoryID, groupID string, version int64, at time.Time, actor Actor) (Resource, error) {
	r := Resource{Kind: Group}
	if !Group.ValidID(groupID) {
		return r, ErrNotFound
	}
	values := dynamo.Marshal(struct {
		One       int       `dynamodbav:":one"`
		At        time.Time `dynamodbav:":at"`
		RequestID string    `dynamodbav:":rid"`
		TokenID   string    `dynamodbav:":tid"`
	}{1, at, actor.RequestID, actor.TokenID})
	condition, failure := "attribute_exists(pk) AND attribute_not_exists(deleted)", ErrNotFound
	if version != 0 {
		condition, failure = condition+" AND v = :v", ErrStale
		values[":v"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(version, 10)}
	}
	i, err := t.db.UpdateAndGet(ctx, types.Update{
		Key:                       dynamo.Marshal(resourceKey(Group, directoryID, groupID)),
		UpdateExpression:          aws.String("SET #at = :at, rid = :rid, tid = :tid ADD v :one"),
		ConditionExpression:       &condition,
		ExpressionAttributeNames:  map[string]string{"#at": "at"},
		ExpressionAttributeValues: values,
	})
	if err != nil {
		return r, dynamo.IfConditionFails(err, failure)
	}
	return r, dynamo.Unmarshal(i, &r)
}

// Resource reads one resource. It fails with ErrNotFound.
func (t *Table) Resource(ctx context.Context, k Kind, directoryID, id string) (Resource, error) {
	r := Resource{Kind: k}
	if !k.ValidID(id) {
		return r, ErrNotFound
	}
	err := t.db.Get(ctx, resourceKey(k, directoryID, id), &r)
	if err == nil && r.Deleted {
		err = ErrNotFound
	}
	return r, err
}

// Resources reads several resources of a directory, in the order of ids, each
// once. Those that do not exist are left out. Soft-deleted resources are
// included: see Resource.Deleted.
func (t *Table) Resources(ctx context.Context, k Kind, directoryID string, ids []string) ([]Resource, error) {
	return resources(ctx, k, directoryID, ids, t.db.BatchGet)
}

// ResourcesEventually is Resources that may miss the writes of the last moments,
// for half the price.
func (t *Table) ResourcesEventually(ctx context.Context, k Kind, directoryID string, ids []string) ([]Resource, error) {
	return resources(ctx, k, directoryID, ids, t.db.BatchGetEventually)
}

func resources(ctx context.Context, k Kind, directoryID string, ids []string, get getFunc) ([]Resource, error) {
	byID := make(map[string]Resource, len(ids))
	var keys []dynamo.Key
	for _, id := range ids {
		if _, ok := byID[id]; !ok && k.ValidID(id) {
			byID[id] = Resource{}
			keys = append(keys, resourceKey(k, directoryID, id))
		}
	}
	for r, err := range dynamo.Records[Resource](get(ctx, keys)) {
		if err != nil {
			return nil, err
		}
		r.Kind = k
		byID[r.ID] = r
	}
	var list []Resource
	for _, id := range ids {
		if r := byID[id]; r.ID != "" {
			list = append(list, r)
			delete(byID, id)
		}
	}
	return list, nil
}

// resourcesPage is the number of resources of one read: with 2 KB each, 1 MB.
const resourcesPage = 500

// All reads the resources of a kind in a directory, oldest first: those after
// the id last, or all of them for "". Soft-deleted resources are left out. It
// reads the next page when the loop needs it. An error is the last pair.
func (t *Table) All(ctx context.Context, k Kind, directoryID, last string) iter.Seq2[Resource, error] {
	return t.all(ctx, k, directoryID, last, true)
}

// Browse is All that may miss the writes of the last moments, for half the
// price.
func (t *Table) Browse(ctx context.Context, k Kind, directoryID, last string) iter.Seq2[Resource, error] {
	return t.all(ctx, k, directoryID, last, false)
}

func (t *Table) all(ctx context.Context, k Kind, directoryID, last string, consistent bool) iter.Seq2[Resource, error] {
	in := dynamo.WithPrefixAfter(directoryPartition(directoryID), k.prefix(), ulidOf(last))
	in.ConsistentRead = aws.Bool(consistent)
	return func(yield func(Resource, error) bool) {
		for r, err := range dynamo.Records[Resource](t.db.Query(ctx, in, resourcesPage)) {
			r.Kind = k
			if !r.Deleted && !yield(r, err) {
				return
			}
		}
	}
}

// ResourcePage reads the resources of a kind in a directory, oldest first, with
// those that are soft-deleted: at most limit of them after the id last; "" starts
// with the first.
func (t *Table) ResourcePage(ctx context.Context, k Kind, directoryID, last string, limit int) ([]Resource, error) {
	var list []Resource
	in := dynamo.WithPrefixAfter(directoryPartition(directoryID), k.prefix(), ulidOf(last))
	for r, err := range dynamo.Records[Resource](t.db.Query(ctx, in, min(limit, resourcesPage))) {
		if err != nil {
			return nil, err
		}
		r.Kind = k
		if list = append(list, r); len(list) == limit {
			break
		}
	}
	return list, nil
}

// idsPage is the number of ids of one read. An entry of the index has 130 bytes,
// so a page is half a megabyte, for which DynamoDB charges 64 units.
const idsPage = 4_000

// IDs lists the ids of the resources of a kind in a directory, oldest first: at
// most limit of them after the id last; "" starts with the first. more says
// whether others follow. IDs reads the index.
func (t *Table) IDs(ctx context.Context, k Kind, directoryID, last string, limit int) (ids []string, more bool, err error) {
	in := k.idsAfter(directoryID, last)
	in.ProjectionExpression = aws.String("gsi1sk")
	for entry, err := range dynamo.Records[dynamo.IndexKey](t.db.Query(ctx, in, min(limit+1, idsPage))) {
		if err != nil {
			return nil, false, err
		}
		if len(ids) == limit {
			return ids, true, nil
		}
		ids = append(ids, k.idKind().Of(entry.SK))
	}
	return ids, false, nil
}

// CountIDs counts the ids that IDs lists, to limit, without reading them: it costs
// the same units, and less time.
func (t *Table) CountIDs(ctx context.Context, k Kind, directoryID, last string, limit int) (n int, more bool, err error) {
	in := k.idsAfter(directoryID, last)
	in.Select = types.SelectCount
	for {
		out, err := t.db.QueryPage(ctx, in, min(limit+1-n, idsPage))
		if err != nil {
			return 0, false, err
		}
		if n += int(out.Count); n > limit || out.LastEvaluatedKey == nil {
			return min(n, limit), n > limit, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func (k Kind) idsAfter(directoryID, last string) dynamodb.QueryInput {
	if last == "" {
		return dynamo.IndexPartition(k.index(directoryID))
	}
	return dynamo.IndexPartitionAfter(k.index(directoryID), ulidOf(last))
}
