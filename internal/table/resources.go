package table

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// reference is a claim or look-up record: it leads from a value to the
// resource that has it.
type reference struct {
	ID string `dynamodbav:"id"`
}

// keys are the claim and look-up records of a resource with these names.
func (r Resource) keys(n Names) (claim key, lookups []key) {
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
	return nameKey(r.Kind, r.DirectoryID, n.Name), lookups
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

// claim takes a unique name, unless another resource has it. That the resource
// itself has it already is a sign of the same request running twice: then its
// version decides.
func (t *Table) claim(k key, id string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName:                 &t.name,
		Item:                      marshal(k, reference{id}),
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR id = :id"),
		ExpressionAttributeValues: marshal(map[string]string{":id": id}),
	}}
}

func (t *Table) putAny(i item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &t.name, Item: i}}
}

func (t *Table) remove(k key) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &t.name, Key: marshal(k)}}
}

// MaxCreateMembers is how many memberships fit the transaction that creates a
// group, beside its other records.
const MaxCreateMembers = maxTransact - 4

// Create writes a new resource with its claim and look-ups, and for a group
// the memberships it begins with (at most MaxCreateMembers), all or nothing.
// It fails with ErrTaken.
func (t *Table) Create(ctx context.Context, r Resource, n Names, members []Membership) error {
	claim, lookups := r.keys(n)
	to := reference{r.ID}
	parts := []types.TransactWriteItem{t.claim(claim, r.ID), t.putNew(r.item())}
	for _, k := range lookups {
		parts = append(parts, t.putAny(marshal(k, to)))
	}
	for _, m := range members {
		parts = append(parts, t.putAny(m.item()))
	}
	return nameTaken(t.transact(ctx, parts), ErrTaken)
}

// nameTaken reads a failed condition: the first part is the claim of the name,
// the others depend on the resource.
func nameTaken(err, otherwise error) error {
	var failed conditionFailed
	if !errors.As(err, &failed) {
		return err
	}
	if failed.part == 0 {
		return ErrTaken
	}
	return otherwise
}

// Replace writes next over old, with the claim and look-ups that differ, all
// or nothing. It fails with ErrStale when the resource is no longer as old
// says, and with ErrTaken.
func (t *Table) Replace(ctx context.Context, old, next Resource, was, is Names) error {
	write := t.current(old.Version)
	write.Item = next.item()
	oldClaim, oldLookups := old.keys(was)
	newClaim, newLookups := next.keys(is)
	to := reference{next.ID}
	var parts []types.TransactWriteItem
	if oldClaim != newClaim {
		parts = append(parts, t.claim(newClaim, next.ID), t.remove(oldClaim))
	}
	for _, k := range without(newLookups, oldLookups) {
		parts = append(parts, t.putAny(marshal(k, to)))
	}
	for _, k := range without(oldLookups, newLookups) {
		parts = append(parts, t.remove(k))
	}
	if len(parts) == 0 {
		return nameTaken(shift(t.put(ctx, write)), ErrStale)
	}
	own := types.TransactWriteItem{Put: &write}
	if oldClaim == newClaim {
		return nameTaken(shift(t.transact(ctx, append([]types.TransactWriteItem{own}, parts...))), ErrStale)
	}
	return nameTaken(t.transact(ctx, append(parts, own)), ErrStale)
}

// shift says of a failed condition that it was not that of a claim.
func shift(err error) error {
	var failed conditionFailed
	if errors.As(err, &failed) {
		return conditionFailed{failed.part + 1}
	}
	return err
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
func (t *Table) Delete(ctx context.Context, old Resource, n Names, job Job, at time.Time, by Cause) error {
	gone := old
	gone.Version++
	gone.Modified, gone.Cause, gone.tombstone = at, by, bury(at)
	bury := t.current(old.Version)
	bury.Item = gone.item()
	claim, lookups := old.keys(n)
	parts := []types.TransactWriteItem{{Put: &bury}, t.remove(claim), t.putNew(job.item())}
	for _, k := range lookups {
		parts = append(parts, t.remove(k))
	}
	var failed conditionFailed
	if err := t.transact(ctx, parts); !errors.As(err, &failed) {
		return err
	}
	return ErrStale
}

// Resource reads one resource. It fails with ErrNotFound.
func (t *Table) Resource(ctx context.Context, k Kind, dir, id string) (Resource, error) {
	r := Resource{Kind: k}
	if !k.ValidID(id) {
		return r, ErrNotFound
	}
	err := t.get(ctx, resourceKey(k, dir, id), &r)
	if err == nil && r.Gone() {
		err = ErrNotFound
	}
	return r, err
}

// Resources reads several resources of a directory, in the order of ids,
// leaving out those that do not exist. Deleted ones are among them: see Gone.
func (t *Table) Resources(ctx context.Context, k Kind, dir string, ids []string) ([]Resource, error) {
	byID := make(map[string]Resource, len(ids))
	var keys []key
	for _, id := range ids {
		if _, ok := byID[id]; !ok && k.ValidID(id) {
			byID[id] = Resource{}
			keys = append(keys, resourceKey(k, dir, id))
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

// ByName finds the id of the resource with that unique name, in any letter
// case. It fails with ErrNotFound.
func (t *Table) ByName(ctx context.Context, k Kind, dir, name string) (string, error) {
	var to reference
	err := t.get(ctx, nameKey(k, dir, name), &to)
	return to.ID, err
}

// ByExternalID finds the ids of all resources with that externalId.
func (t *Table) ByExternalID(ctx context.Context, k Kind, dir, externalID string) ([]string, error) {
	return t.lookup(ctx, dir, externalIDPrefix(k, externalID))
}

// ByEmail finds the ids of all users with that work e-mail address, in any
// letter case.
func (t *Table) ByEmail(ctx context.Context, dir, email string) ([]string, error) {
	return t.lookup(ctx, dir, emailPrefix(email))
}

func (t *Table) lookup(ctx context.Context, dir, sk string) ([]string, error) {
	var ids []string
	err := t.query(ctx, prefix(directoryPartition(dir), sk), func(items []item) (bool, error) {
		for _, i := range items {
			var to reference
			if err := unmarshal(i, &to); err != nil {
				return false, err
			}
			ids = append(ids, to.ID)
		}
		return true, nil
	})
	return ids, err
}

// All reads the resources of a kind in a directory, oldest first, and hands
// each to visit until it returns false. It begins behind the id last, or with
// the first for "".
func (t *Table) All(ctx context.Context, k Kind, dir, last string, visit func(Resource) (bool, error)) error {
	return t.query(ctx, after(directoryPartition(dir), string(k)+"#", ulidOf(last)), func(items []item) (bool, error) {
		for _, i := range items {
			r := Resource{Kind: k}
			if err := unmarshal(i, &r); err != nil {
				return false, err
			}
			if r.Gone() {
				continue
			}
			if more, err := visit(r); err != nil || !more {
				return false, err
			}
		}
		return true, nil
	})
}

// IDs lists the ids of the resources of a kind in a directory, oldest first:
// at most limit of them behind the id last; 0 is all, "" from the first. It
// reads the index, which follows writes within moments.
func (t *Table) IDs(ctx context.Context, k Kind, dir, last string, limit int) ([]string, error) {
	in := listIndex(k.index(dir))
	if last != "" {
		in.KeyConditionExpression = aws.String("gsi1pk = :pk AND gsi1sk > :last")
		in.ExpressionAttributeValues = marshal(map[string]string{":pk": k.index(dir), ":last": ulidOf(last)})
	}
	if limit > 0 {
		in.Limit = aws.Int32(int32(limit))
	}
	var ids []string
	err := t.query(ctx, in, func(items []item) (bool, error) {
		for _, i := range items {
			var at key
			if err := unmarshal(i, &at); err != nil {
				return false, err
			}
			_, u, _ := strings.Cut(at.SK, "#")
			ids = append(ids, k.idKind().Of(u))
		}
		return limit == 0 || len(ids) < limit, nil
	})
	return ids, err
}

// Touch counts a change of a group's members: it raises the version without
// reading the group, so that many at once do not meet. With a version other
// than 0 the group must still have it. It fails with ErrNotFound, or with
// ErrStale if a version was given.
func (t *Table) Touch(ctx context.Context, dir, group string, version int64, at time.Time, by Cause) error {
	if !Group.ValidID(group) {
		return ErrNotFound
	}
	condition := "attribute_exists(pk) AND attribute_not_exists(deleted)"
	values := marshal(struct {
		One int       `dynamodbav:":one"`
		At  time.Time `dynamodbav:":at"`
		R   string    `dynamodbav:":rid"`
		T   string    `dynamodbav:":tid"`
	}{1, at, by.RequestID, by.TokenID})
	if version != 0 {
		condition += " AND v = :v"
		values[":v"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(version, 10)}
	}
	err := t.update(ctx, types.Update{
		Key:                       marshal(resourceKey(Group, dir, group)),
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
