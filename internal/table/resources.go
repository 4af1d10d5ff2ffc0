package table

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// reference is a look-up record: it leads from a value to a resource that has it.
type reference struct {
	ID string `dynamodbav:"id"`
}

// lookups are the look-up records of a resource with these names, but for a
// shared name.
func (r Resource) lookups(n Keys) (lookups []key) {
	pk := directoryPartition(r.DirectoryID)
	if n.ExternalID != "" {
		lookups = append(lookups, key{pk, externalIDPrefix(r.Kind, n.ExternalID) + ulidOf(r.ID)})
	}
	seen := map[string]bool{}
	for _, email := range n.Emails {
		if p := emailPrefix(email); !seen[p] {
			seen[p] = true
			lookups = append(lookups, key{pk, p + ulidOf(r.ID)})
		}
	}
	return lookups
}

func (r Resource) item() item {
	i := marshal(resourceKey(r.Kind, r.DirectoryID, r.ID), r)
	if !r.Deleted {
		for name, v := range marshal(indexKey{r.Kind.index(r.DirectoryID), ulidOf(r.ID)}) {
			i[name] = v
		}
	}
	return i
}

// current is the condition that a resource is still as it was read.
func (t *Table) current(version int64) types.Put {
	return types.Put{
		TableName:                 &t.name,
		ConditionExpression:       aws.String("v = :v AND attribute_not_exists(deleted)"),
		ExpressionAttributeValues: marshal(map[string]int64{":v": version}),
	}
}

func (t *Table) putNew(i item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName:           &t.name,
		Item:                i,
		ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}}
}

func (t *Table) putAny(i item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &t.name, Item: i}}
}

func (t *Table) remove(k key) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &t.name, Key: marshal(k)}}
}

// MaxCreateMembers is how many memberships fit the transaction that creates a
// group, beside its record, its externalId and its name.
const MaxCreateMembers = maxTransact - 2 - maxNaming

// Create writes a new resource with its claim and look-ups, and for a group
// the memberships it begins with (at most MaxCreateMembers), all or nothing.
// It fails with ErrTaken.
func (t *Table) Create(ctx context.Context, r Resource, n Keys, members []Membership) error {
	return t.create(ctx, r, n, members, false)
}

func (t *Table) create(ctx context.Context, r Resource, n Keys, members []Membership, shared bool) error {
	parts := []types.TransactWriteItem{t.putNew(r.item())}
	for _, k := range r.lookups(n) {
		parts = append(parts, t.putAny(marshal(k, reference{r.ID})))
	}
	for _, m := range members {
		parts = append(parts, t.putAny(m.item()))
	}
	err := t.rename(ctx, renaming{of: r, to: &n.Name, shared: shared}, func(naming []types.TransactWriteItem) error {
		return t.transact(ctx, slices.Concat(naming, parts))
	})
	if errors.Is(stale(err), ErrStale) {
		return ErrTaken // it is there already
	}
	return err
}

// stale is ErrStale for a failed condition: the resource is not as it was.
func stale(err error) error {
	var failed conditionFailed
	if errors.As(err, &failed) {
		return ErrStale
	}
	return err
}

// Replace writes next over old, with the claim and look-ups that differ, and
// the jobs that follow, all or nothing. It fails with ErrStale when the
// resource is no longer as old says, and with ErrTaken.
func (t *Table) Replace(ctx context.Context, old, next Resource, oldKeys, newKeys Keys, jobs ...Job) error {
	return t.replace(ctx, old, next, oldKeys, newKeys, false, jobs)
}

func (t *Table) replace(ctx context.Context, old, next Resource, oldKeys, newKeys Keys, shared bool, jobs []Job) error {
	write := t.current(old.Version)
	write.Item = next.item()
	before, after := old.lookups(oldKeys), next.lookups(newKeys)
	var parts []types.TransactWriteItem
	for _, k := range without(after, before) {
		parts = append(parts, t.putAny(marshal(k, reference{next.ID})))
	}
	for _, k := range without(before, after) {
		parts = append(parts, t.remove(k))
	}
	for _, j := range jobs {
		parts = append(parts, t.putNew(j.item()))
	}
	own := types.TransactWriteItem{Put: &write}
	change := renaming{of: next, shared: shared}
	if old.nameKey(oldKeys.Name) != next.nameKey(newKeys.Name) {
		change.from, change.to = &oldKeys.Name, &newKeys.Name
	} else if len(parts) == 0 {
		return stale(t.put(ctx, write))
	}
	return stale(t.rename(ctx, change, func(naming []types.TransactWriteItem) error {
		return t.transact(ctx, slices.Concat(naming, []types.TransactWriteItem{own}, parts))
	}))
}

// Update writes next over the version, and the jobs that follow, all or
// nothing. Its names are what they were. It fails with ErrStale.
func (t *Table) Update(ctx context.Context, version int64, next Resource, jobs ...Job) error {
	return t.Replace(ctx, Resource{Kind: next.Kind, ID: next.ID, DirectoryID: next.DirectoryID, Version: version}, next, Keys{}, Keys{}, jobs...)
}

func without(list, other []key) []key {
	var rest []key
	for _, k := range list {
		found := false
		for _, o := range other {
			found = found || k == o
		}
		if !found {
			rest = append(rest, k)
		}
	}
	return rest
}

// Delete buries a resource: nobody finds it any more, its name is free, and a
// job begins to remove its memberships. It fails with ErrStale when the
// resource is no longer as old says.
func (t *Table) Delete(ctx context.Context, old Resource, n Keys, job Job, at time.Time, actor Actor) error {
	gone := old
	gone.Version++
	gone.Modified, gone.Actor, gone.softDeletion = at, actor, softDelete(at)
	bury := t.current(old.Version)
	bury.Item = gone.item()
	parts := []types.TransactWriteItem{{Put: &bury}, t.putNew(job.item())}
	for _, k := range old.lookups(n) {
		parts = append(parts, t.remove(k))
	}
	return stale(t.rename(ctx, renaming{of: old, from: &n.Name}, func(naming []types.TransactWriteItem) error {
		return t.transact(ctx, slices.Concat(naming, parts))
	}))
}

// Resource reads one resource. It fails with ErrNotFound.
func (t *Table) Resource(ctx context.Context, k Kind, directoryID, id string) (Resource, error) {
	r := Resource{Kind: k}
	if !k.ValidID(id) {
		return r, ErrNotFound
	}
	err := t.get(ctx, resourceKey(k, directoryID, id), &r)
	if err == nil && r.Deleted {
		err = ErrNotFound
	}
	return r, err
}

// Resources reads several resources of a directory, in the order of ids,
// leaving out those that do not exist. Deleted ones are among them: see Deleted.
func (t *Table) Resources(ctx context.Context, k Kind, directoryID string, ids []string) ([]Resource, error) {
	byID := make(map[string]Resource, len(ids))
	var keys []key
	for _, id := range ids {
		if _, ok := byID[id]; !ok && k.ValidID(id) {
			byID[id] = Resource{}
			keys = append(keys, resourceKey(k, directoryID, id))
		}
	}
	err := t.batchGet(ctx, keys, func(i item) error {
		r := Resource{Kind: k}
		err := unmarshal(i, &r)
		byID[r.ID] = r
		return err
	})
	if err != nil {
		return nil, err
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

// ByExternalID finds the ids of all resources with that externalId.
func (t *Table) ByExternalID(ctx context.Context, k Kind, directoryID, externalID string) ([]string, error) {
	return t.lookup(ctx, directoryID, externalIDPrefix(k, externalID))
}

// ByEmail finds the ids of all users with that work e-mail address, in any
// letter case.
func (t *Table) ByEmail(ctx context.Context, directoryID, email string) ([]string, error) {
	return t.lookup(ctx, directoryID, emailPrefix(email))
}

func (t *Table) lookup(ctx context.Context, directoryID, sk string) ([]string, error) {
	var ids []string
	for to, err := range records[reference](t.query(ctx, prefix(directoryPartition(directoryID), sk))) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, to.ID)
	}
	return ids, nil
}

// All reads the resources of a kind in a directory, oldest first: those after
// the id last, or all of them for "". Deleted resources are left out. The read
// is strongly consistent. It requests the next page of 1 MB when the loop needs
// it. An error is the last pair.
func (t *Table) All(ctx context.Context, k Kind, directoryID, last string) iter.Seq2[Resource, error] {
	in := after(directoryPartition(directoryID), string(k)+"#", ulidOf(last))
	return func(yield func(Resource, error) bool) {
		for r, err := range records[Resource](t.query(ctx, in)) {
			r.Kind = k
			if !r.Deleted && !yield(r, err) {
				return
			}
		}
	}
}

// IDs lists the ids of the resources of a kind in a directory, oldest first:
// at most limit of them behind the id last; 0 is all, "" from the first. It
// reads the index, which follows writes within moments.
func (t *Table) IDs(ctx context.Context, k Kind, directoryID, last string, limit int) ([]string, error) {
	in := listIndex(k.index(directoryID))
	if last != "" {
		in.KeyConditionExpression = aws.String("gsi1pk = :pk AND gsi1sk > :last")
		in.ExpressionAttributeValues = marshal(map[string]string{":pk": k.index(directoryID), ":last": ulidOf(last)})
	}
	if limit > 0 {
		in.Limit = aws.Int32(int32(limit))
	}
	var ids []string
	for at, err := range records[key](t.query(ctx, in)) {
		if err != nil {
			return nil, err
		}
		_, u, _ := strings.Cut(at.SK, "#")
		ids = append(ids, k.idKind().Of(u))
		if len(ids) == limit {
			break
		}
	}
	return ids, nil
}

// Touch counts a change of a group's members: it raises the version without
// reading the group, so that many at once do not meet. With a version other
// than 0 the group must still have it. It fails with ErrNotFound, or with
// ErrStale if a version was given.
func (t *Table) Touch(ctx context.Context, directoryID, group string, version int64, at time.Time, actor Actor) error {
	if !Group.ValidID(group) {
		return ErrNotFound
	}
	condition := "attribute_exists(pk) AND attribute_not_exists(deleted)"
	values := marshal(struct {
		One int       `dynamodbav:":one"`
		At  time.Time `dynamodbav:":at"`
		R   string    `dynamodbav:":rid"`
		T   string    `dynamodbav:":tid"`
	}{1, at, actor.RequestID, actor.TokenID})
	if version != 0 {
		condition += " AND v = :v"
		values[":v"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(version, 10)}
	}
	err := t.update(ctx, types.Update{
		Key:                       marshal(resourceKey(Group, directoryID, group)),
		UpdateExpression:          aws.String("SET #at = :at, rid = :rid, tid = :tid ADD v :one"),
		ConditionExpression:       &condition,
		ExpressionAttributeNames:  map[string]string{"#at": "at"},
		ExpressionAttributeValues: values,
	})
	var failed conditionFailed
	switch {
	case !errors.As(err, &failed):
		return err
	case version != 0:
		return ErrStale
	}
	return ErrNotFound
}
