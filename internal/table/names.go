package table

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A name is held in one of two ways, and the record of its claim tells which:
//   - alone: the claim has the id of the one who holds it;
//   - shared: the claim has no id and says so, and each one who holds the name
//     has a look-up record under it.
//
// userNames are always held alone. A name of groups becomes shared when a group
// takes it as one that may be shared, also if another holds it alone: that one
// gets a look-up record then. It is held alone again when a group takes it as
// its own after the last one has left it. So names are found, and known to be
// taken, however a directory's setting changes.
type claim struct {
	ID     string `dynamodbav:"id,omitempty"`
	Shared bool   `dynamodbav:"joint,omitempty"`
	// Came counts those who came to share it: a claim that nobody has come to
	// meanwhile can be taken over.
	Joins int64 `dynamodbav:"came,omitempty"`
}

// CreateShared is Create for a group whose name others may have, too. It never
// fails with ErrTaken.
func (t *Table) CreateShared(ctx context.Context, r Resource, n Keys, members []Membership) error {
	return t.create(ctx, r, n, members, true)
}

// ReplaceShared is Replace for a group whose name others may have, too. It
// never fails with ErrTaken.
func (t *Table) ReplaceShared(ctx context.Context, old, next Resource, oldKeys, newKeys Keys, jobs ...Job) error {
	return t.replace(ctx, old, next, oldKeys, newKeys, true, jobs)
}

// ByName finds the id of the resource that alone has that name, in any letter
// case. It fails with ErrNotFound.
func (t *Table) ByName(ctx context.Context, k Kind, directoryID, name string) (string, error) {
	c, err := t.claimed(ctx, nameKey(k, directoryID, name))
	if err == nil && c.ID == "" {
		err = ErrNotFound
	}
	return c.ID, err
}

// Holders finds the ids of all resources with that name, in any letter case.
func (t *Table) NameHolders(ctx context.Context, k Kind, directoryID, name string) ([]string, error) {
	c, err := t.claimed(ctx, nameKey(k, directoryID, name))
	switch {
	case err != nil:
		return nil, err
	case c.Shared:
		return t.lookup(ctx, directoryID, sharedNamePrefix(k, name))
	case c.ID == "":
		return nil, nil
	}
	return []string{c.ID}, nil
}

// claimed reads a claim; it is empty for a free name.
func (t *Table) claimed(ctx context.Context, k key) (claim, error) {
	var c claim
	err := t.get(ctx, k, &c)
	if errors.Is(err, ErrNotFound) {
		return claim{}, nil
	}
	return c, err
}

// renaming is a change of the name of a resource: from and to are nil where it
// has none.
type renaming struct {
	of       Resource
	from, to *string
	shared   bool // others may have the name, too
}

// naming is the parts of a transaction that change a name: first what takes
// it, then what leaves the other.
type naming struct{ take, leave []types.TransactWriteItem }

// maxNaming is how many such parts there are at most.
const maxNaming = 5

// maxRenamings bounds how often a name is looked at anew because another
// resource took or left it in between. Each time somebody else got through.
const maxRenamings = 20

// rename changes a name together with what write writes. It goes by what is
// most likely, without looking; and then, if that was not so, by what the
// claims say. It fails with ErrTaken.
func (t *Table) rename(ctx context.Context, r renaming, write func(naming []types.TransactWriteItem) error) error {
	n := t.assumed(r)
	for range maxRenamings {
		parts := slices.Concat(n.take, n.leave)
		err := write(parts)
		var failed conditionFailed
		if !errors.As(err, &failed) {
			return err
		}
		if failed.part >= len(parts) {
			return conditionFailed{failed.part - len(parts)}
		}
		if r.of.Kind == User {
			return ErrTaken // nothing else can be
		}
		if n, err = t.fromClaims(ctx, r); err != nil {
			return err
		}
	}
	return ErrBusy
}

// likely supposes that the resource holds its name, and that another is free,
// as its directory holds names now.
func (t *Table) assumed(r renaming) (n naming) {
	if r.to != nil {
		if r.shared {
			n.take = t.share(r.of, *r.to)
		} else {
			n.take = []types.TransactWriteItem{t.claim(r.of.nameKey(*r.to), r.of.ID)}
		}
	}
	switch {
	case r.from == nil:
	case r.shared:
		n.leave = t.leaveShared(r.of, *r.from)
	case r.of.Kind == User:
		n.leave = []types.TransactWriteItem{t.remove(r.of.nameKey(*r.from))}
	default:
		n.leave = t.leaveAlone(r.of, *r.from)
	}
	return n
}

// looked goes by what the claims say.
func (t *Table) fromClaims(ctx context.Context, r renaming) (n naming, err error) {
	if r.to != nil {
		if n.take, err = t.taking(ctx, r); err != nil {
			return n, err
		}
	}
	if r.from != nil {
		c, err := t.claimed(ctx, r.of.nameKey(*r.from))
		switch {
		case err != nil:
			return n, err
		case c.Shared:
			n.leave = t.leaveShared(r.of, *r.from)
		case c.ID == r.of.ID:
			n.leave = t.leaveAlone(r.of, *r.from)
		}
		// Otherwise it has left the name already: its version will tell.
	}
	return n, nil
}

func (t *Table) taking(ctx context.Context, r renaming) ([]types.TransactWriteItem, error) {
	k := r.of.nameKey(*r.to)
	c, err := t.claimed(ctx, k)
	switch {
	case err != nil:
		return nil, err
	case !r.shared && c.Shared:
		others, err := t.lookup(ctx, r.of.DirectoryID, sharedNamePrefix(r.of.Kind, *r.to))
		if err == nil && len(others) > 0 {
			err = ErrTaken
		}
		return []types.TransactWriteItem{t.takeOver(k, r.of.ID, c)}, err
	case !r.shared && c.ID != "" && c.ID != r.of.ID:
		return nil, ErrTaken
	case !r.shared:
		return []types.TransactWriteItem{t.claim(k, r.of.ID)}, nil
	case c.ID != "":
		return t.join(r.of, *r.to, c.ID), nil
	}
	return t.share(r.of, *r.to), nil
}

func (r Resource) nameKey(name string) key { return nameKey(r.Kind, r.DirectoryID, name) }

// claim takes a name alone, unless another resource has it. That the resource
// itself has it already is a sign of the same request running twice: then its
// version decides.
func (t *Table) claim(k key, id string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName:                 &t.name,
		Item:                      marshal(k, claim{ID: id}),
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR id = :id"),
		ExpressionAttributeValues: marshal(map[string]string{":id": id}),
	}}
}

// takeOver takes a name alone that was shared, and that nobody has come to
// since the claim was read.
func (t *Table) takeOver(k key, id string, c claim) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName:                 &t.name,
		Item:                      marshal(k, claim{ID: id}),
		ConditionExpression:       aws.String("joint = :true AND came = :came"),
		ExpressionAttributeValues: marshal(map[string]any{":true": true, ":came": c.Joins}),
	}}
}

// share takes a name that is free or shared.
func (t *Table) share(r Resource, name string) []types.TransactWriteItem {
	return []types.TransactWriteItem{
		{Update: &types.Update{
			TableName:                 &t.name,
			Key:                       marshal(r.nameKey(name)),
			UpdateExpression:          aws.String("SET joint = :true ADD came :one"),
			ConditionExpression:       aws.String("attribute_not_exists(id)"),
			ExpressionAttributeValues: marshal(map[string]any{":true": true, ":one": 1}),
		}},
		t.holds(r, name, r.ID),
	}
}

// join takes a name that another holds alone: both share it.
func (t *Table) join(r Resource, name, other string) []types.TransactWriteItem {
	parts := []types.TransactWriteItem{{Update: &types.Update{
		TableName:                 &t.name,
		Key:                       marshal(r.nameKey(name)),
		UpdateExpression:          aws.String("SET joint = :true REMOVE id ADD came :one"),
		ConditionExpression:       aws.String("id = :id"),
		ExpressionAttributeValues: marshal(map[string]any{":true": true, ":one": 1, ":id": other}),
	}}, t.holds(r, name, r.ID)}
	if other != r.ID {
		parts = append(parts, t.holds(r, name, other))
	}
	return parts
}

// holds is the look-up record of one who shares a name.
func (t *Table) holds(r Resource, name, id string) types.TransactWriteItem {
	return t.putAny(marshal(sharedNameKey(r.Kind, r.DirectoryID, name, id), reference{id}))
}

func (t *Table) leaveAlone(r Resource, name string) []types.TransactWriteItem {
	return []types.TransactWriteItem{{Delete: &types.Delete{
		TableName:                 &t.name,
		Key:                       marshal(r.nameKey(name)),
		ConditionExpression:       aws.String("id = :id"),
		ExpressionAttributeValues: marshal(map[string]string{":id": r.ID}),
	}}}
}

func (t *Table) leaveShared(r Resource, name string) []types.TransactWriteItem {
	return []types.TransactWriteItem{{Delete: &types.Delete{
		TableName:           &t.name,
		Key:                 marshal(sharedNameKey(r.Kind, r.DirectoryID, name, r.ID)),
		ConditionExpression: aws.String("attribute_exists(pk)"),
	}}}
}
