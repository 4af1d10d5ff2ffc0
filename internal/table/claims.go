package table

import (
	"context"
	"errors"
	"slices"

	"dsync/internal/dynamo"
	"dsync/internal/scim"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// claim is the record of a name that is in use. It is one of two kinds:
//   - exclusive: ID is the resource that has the name;
//   - shared: ID is empty and Shared is true. Each group that has the name has
//     a look-up under it.
//
// A claim of a userName is always exclusive. The claim of a group's name becomes
// shared when a group takes the name with CreateShared or ReplaceShared, also if
// another group has it exclusively: that group gets a look-up then. The claim
// becomes exclusive again when a group takes the name with Create or Replace
// after the last one left it. So names are found, and known to be taken, across
// changes of the directory's setting.
type claim struct {
	ID     string `dynamodbav:"id,omitempty"`
	Shared bool   `dynamodbav:"joint,omitempty"`
	// Joins counts the groups that joined a shared claim. A claim can be made
	// exclusive only if no group joined since it was read.
	Joins int64 `dynamodbav:"came,omitempty"`
}

// CreateShared is Create for a group whose name other groups may have, too. It
// does not fail with ErrTaken for the name.
func (t *Table) CreateShared(ctx context.Context, r Resource, values Keys, members []Membership) error {
	return t.create(ctx, r, values, members, true)
}

// ReplaceShared is Replace for a group whose name other groups may have, too.
// It does not fail with ErrTaken.
func (t *Table) ReplaceShared(ctx context.Context, old, next Resource, oldValues, newValues Keys, jobs ...Job) error {
	return t.replace(ctx, old, next, oldValues, newValues, true, jobs)
}

// NameHolders returns the ids of all resources with one of the names, as
// scim.FoldName compares names. Several users can have a name only if an earlier
// version gave it to them. It reads 100 claims at a time.
func (t *Table) NameHolders(ctx context.Context, k Kind, directoryID string, names ...string) ([]string, error) {
	var keys []dynamo.Key
	for _, name := range names {
		for _, folded := range scim.NameFolds(name) {
			if key := nameKey(k, directoryID, folded); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	var ids []string
	for i, err := range t.db.BatchGet(ctx, keys) {
		if err != nil {
			return nil, err
		}
		var key dynamo.Key
		var c claim
		if err := errors.Join(dynamo.Unmarshal(i, &key), dynamo.Unmarshal(i, &c)); err != nil {
			return nil, err
		}
		switch {
		case c.Shared:
			holders, err := t.lookupIDs(ctx, directoryID, key.SK+"#")
			if err != nil {
				return nil, err
			}
			ids = append(ids, holders...)
		case c.ID != "":
			ids = append(ids, c.ID)
		}
	}
	return ids, nil
}

// readClaim reads a claim. It is the zero claim for a free name.
func (t *Table) readClaim(ctx context.Context, k dynamo.Key) (claim, error) {
	var c claim
	err := t.db.Get(ctx, k, &c)
	if errors.Is(err, ErrNotFound) {
		return claim{}, nil
	}
	return c, err
}

// nameChange is a change of the name of a resource. from is nil for a new
// resource, to for a deleted one, and both if the name stays. Both are folded.
type nameChange struct {
	resource Resource
	from, to *string
	earlier  []string // forms of the name to that other resources must not have
	shared   bool     // other groups may have the name to, too
}

// take sets the name that the resource takes.
func (c *nameChange) take(name string) {
	folded := scim.FoldName(name)
	c.to, c.earlier = &folded, nil
	for _, form := range scim.EarlierFolds(name) {
		// A transaction has one action for an item.
		if !c.shared && (c.from == nil || form != *c.from) {
			c.earlier = append(c.earlier, form)
		}
	}
}

// normalize reports whether a resource with these values is Resource.Normalized.
func (k Keys) normalize() bool {
	return scim.FoldName(k.Name) != scim.EarlierFold(k.Name) ||
		slices.ContainsFunc(k.Emails, func(email string) bool { return scim.Fold(email) != scim.EarlierFold(email) })
}

// nameActions are the actions of a transaction that change a name.
type nameActions struct{ acquire, release []types.TransactWriteItem }

// maxNameActions is the largest number of such actions: three to share the name
// of another group, or one to claim a name and three for its earlier forms; and one
// to release the old name.
const maxNameActions = 5

// maxNameAttempts bounds how often the claims are read again because another
// resource changed them in between. Each time another resource succeeded.
const maxNameAttempts = 20

// changeName changes a name in one transaction with other actions: write
// performs the transaction, with the actions for the name first. The first
// attempt reads nothing and assumes the usual state of the claims; later
// attempts read the claims. changeName fails with ErrTaken, with ErrBusy after
// maxNameAttempts, and with the dynamo.ConditionFailed of write if the other
// actions fail, counted from the first of them.
func (t *Table) changeName(ctx context.Context, c nameChange, write func(nameActions []types.TransactWriteItem) error) error {
	actions := assumedActions(c)
	for range maxNameAttempts {
		all := slices.Concat(actions.acquire, actions.release)
		err := write(all)
		failed, ok := errors.AsType[dynamo.ConditionFailed](err)
		switch {
		case !ok:
			return err
		case failed.Action >= len(all):
			return dynamo.ConditionFailed{Action: failed.Action - len(all)}
		case c.resource.Kind == User:
			return ErrTaken // a claim of a userName has no other state
		}
		if actions, err = t.actionsForClaims(ctx, c); err != nil {
			return err
		}
	}
	return ErrBusy
}

// assumedActions assumes that the resource has the claim of its old name, and
// that the new name is free or as shared as c says.
func assumedActions(c nameChange) (actions nameActions) {
	if c.to != nil && c.shared {
		actions.acquire = joinShared(c.resource, *c.to)
	} else if c.to != nil {
		actions.acquire = []types.TransactWriteItem{claimExclusive(c.resource.nameKey(*c.to), c.resource.ID)}
		for _, form := range c.earlier {
			actions.acquire = append(actions.acquire, beFree(c.resource.nameKey(form)))
		}
	}
	switch {
	case c.from == nil:
	case c.shared:
		actions.release = releaseShared(c.resource, *c.from)
	case c.resource.Kind == User:
		actions.release = []types.TransactWriteItem{dynamo.DeleteAction(c.resource.nameKey(*c.from))}
	default:
		actions.release = releaseExclusive(c.resource, *c.from)
	}
	return actions
}

// actionsForClaims reads the claims of both names and returns the actions for
// them. It fails with ErrTaken.
func (t *Table) actionsForClaims(ctx context.Context, c nameChange) (actions nameActions, err error) {
	if c.to != nil {
		if actions.acquire, err = t.acquireActions(ctx, c); err != nil {
			return actions, err
		}
	}
	if c.from == nil {
		return actions, nil
	}
	old, err := t.readClaim(ctx, c.resource.nameKey(*c.from))
	switch {
	case err != nil:
		return actions, err
	case old.Shared:
		actions.release = releaseShared(c.resource, *c.from)
	case old.ID == c.resource.ID:
		actions.release = releaseExclusive(c.resource, *c.from)
	}
	// Otherwise the resource has released the name already, so it has another
	// version: the condition on the version fails.
	return actions, nil
}

func (t *Table) acquireActions(ctx context.Context, c nameChange) (actions []types.TransactWriteItem, err error) {
	k := c.resource.nameKey(*c.to)
	for _, form := range c.earlier {
		action, err := t.remainFree(ctx, c.resource.DirectoryID, c.resource.nameKey(form))
		if err != nil {
			return nil, err
		}
		actions = append(actions, action)
	}
	current, err := t.readClaim(ctx, k)
	switch {
	case err != nil:
		return nil, err
	case !c.shared && current.Shared:
		return append(actions, makeExclusive(k, c.resource.ID, current)), t.checkLeft(ctx, c.resource.DirectoryID, k)
	case !c.shared && current.ID != "" && current.ID != c.resource.ID:
		return nil, ErrTaken
	case !c.shared:
		return append(actions, claimExclusive(k, c.resource.ID)), nil
	case current.ID != "":
		return makeShared(c.resource, *c.to, current.ID), nil
	}
	return joinShared(c.resource, *c.to), nil
}

func (r Resource) nameKey(folded string) dynamo.Key { return nameKey(r.Kind, r.DirectoryID, folded) }

// remainFree reads the claim of an earlier form of a name, and returns the action
// that demands that no resource has it. It fails with ErrTaken if one has it.
func (t *Table) remainFree(ctx context.Context, directoryID string, k dynamo.Key) (types.TransactWriteItem, error) {
	current, err := t.readClaim(ctx, k)
	switch {
	case err != nil:
		return types.TransactWriteItem{}, err
	case current.ID != "":
		return types.TransactWriteItem{}, ErrTaken
	case !current.Shared:
		return beFree(k), nil
	}
	condition, values := nobodyJoins(current)
	remove := types.Delete{Key: dynamo.Marshal(k), ConditionExpression: condition, ExpressionAttributeValues: values}
	return types.TransactWriteItem{Delete: &remove}, t.checkLeft(ctx, directoryID, k)
}

// checkLeft fails with ErrTaken if a group has the name of a shared claim.
func (t *Table) checkLeft(ctx context.Context, directoryID string, k dynamo.Key) error {
	holders, err := t.lookupIDs(ctx, directoryID, k.SK+"#")
	if err == nil && len(holders) > 0 {
		err = ErrTaken
	}
	return err
}

// nobodyJoins is the condition that no group has joined a shared claim since it was
// read.
func nobodyJoins(read claim) (condition *string, values dynamo.Item) {
	return aws.String("joint = :true AND came = :came"), dynamo.Marshal(map[string]any{":true": true, ":came": read.Joins})
}

// beFree demands that a name has no claim. It deletes nothing: so it needs no
// permission that the other actions do not need.
func beFree(k dynamo.Key) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		Key: dynamo.Marshal(k), ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}}
}

// claimExclusive claims a value for one resource, unless another one has it. If
// the resource has it already, the same request runs twice: then the condition
// on the version of the resource decides.
func claimExclusive(k dynamo.Key, id string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		Item:                      dynamo.Marshal(k, claim{ID: id}),
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR id = :id"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]string{":id": id}),
	}}
}

// makeExclusive makes a shared claim exclusive if no group has joined it since
// it was read.
func makeExclusive(k dynamo.Key, id string, read claim) types.TransactWriteItem {
	condition, values := nobodyJoins(read)
	put := types.Put{Item: dynamo.Marshal(k, claim{ID: id}), ConditionExpression: condition, ExpressionAttributeValues: values}
	return types.TransactWriteItem{Put: &put}
}

// joinShared claims a name that is free or shared.
func joinShared(r Resource, folded string) []types.TransactWriteItem {
	return []types.TransactWriteItem{
		{Update: &types.Update{
			Key:                       dynamo.Marshal(r.nameKey(folded)),
			UpdateExpression:          aws.String("SET joint = :true ADD came :one"),
			ConditionExpression:       aws.String("attribute_not_exists(id)"),
			ExpressionAttributeValues: dynamo.Marshal(map[string]any{":true": true, ":one": 1}),
		}},
		putSharedLookup(r, folded, r.ID),
	}
}

// makeShared makes the exclusive claim of another group shared, and joins it.
func makeShared(r Resource, folded, otherID string) []types.TransactWriteItem {
	actions := []types.TransactWriteItem{{Update: &types.Update{
		Key:                       dynamo.Marshal(r.nameKey(folded)),
		UpdateExpression:          aws.String("SET joint = :true REMOVE id ADD came :one"),
		ConditionExpression:       aws.String("id = :id"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{":true": true, ":one": 1, ":id": otherID}),
	}}, putSharedLookup(r, folded, r.ID)}
	if otherID != r.ID {
		actions = append(actions, putSharedLookup(r, folded, otherID))
	}
	return actions
}

// putSharedLookup writes the look-up of a group with a shared name.
func putSharedLookup(r Resource, folded, groupID string) types.TransactWriteItem {
	return dynamo.PutAction(dynamo.Marshal(sharedNameKey(r.Kind, r.DirectoryID, folded, groupID), lookup{groupID}))
}

func releaseExclusive(r Resource, folded string) []types.TransactWriteItem {
	return []types.TransactWriteItem{{Delete: &types.Delete{
		Key:                       dynamo.Marshal(r.nameKey(folded)),
		ConditionExpression:       aws.String("id = :id"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]string{":id": r.ID}),
	}}}
}

func releaseShared(r Resource, folded string) []types.TransactWriteItem {
	return []types.TransactWriteItem{{Delete: &types.Delete{
		Key:                 dynamo.Marshal(sharedNameKey(r.Kind, r.DirectoryID, folded, r.ID)),
		ConditionExpression: aws.String("attribute_exists(pk)"),
	}}}
}
