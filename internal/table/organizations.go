package table

import (
	"context"
	"errors"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// MaxDomains is how many domains an organization may have: the look-ups of all
// old and all new domains fit one transaction with the organization, two claims
// and a few more records.
const MaxDomains = (dynamo.MaxTransact - 10) / 2

func (o Organization) item() dynamo.Item {
	return dynamo.Marshal(organizationKey(o.ID), dynamo.IndexKey{PK: organizationsIndex(), SK: ulidOf(o.ID)}, o)
}

// domainKeys are the keys of the look-ups by domain.
func (o Organization) domainKeys() []dynamo.Key {
	keys := make([]dynamo.Key, len(o.Domains))
	for i, d := range o.Domains {
		keys[i] = domainKey(d.Domain, o.ID)
	}
	return keys
}

// CreateOrganization writes a new organization and more records, all or nothing,
// as ReplaceOrganization and DeleteOrganization do. It fails with ErrTaken when
// another organization has its external id.
func (t *Table) CreateOrganization(ctx context.Context, o Organization, more ...types.TransactWriteItem) error {
	return t.writeOrganization(ctx, Organization{}, o, dynamo.PutNewAction(o.item()), more)
}

// ReplaceOrganization writes next over old. It fails with ErrStale when the
// stored version is not old.Version, and with ErrTaken.
func (t *Table) ReplaceOrganization(ctx context.Context, old, next Organization, more ...types.TransactWriteItem) error {
	return t.writeOrganization(ctx, old, next, types.TransactWriteItem{Put: putVersion(next.item(), old.Version)}, more)
}

// DeleteOrganization deletes an organization. It fails with ErrStale when the
// stored version is not old.Version; creating a directory in the organization
// changes the version, too.
func (t *Table) DeleteOrganization(ctx context.Context, old Organization, more ...types.TransactWriteItem) error {
	return t.writeOrganization(ctx, old, Organization{}, types.TransactWriteItem{Delete: &types.Delete{
		Key:                       dynamo.Marshal(organizationKey(old.ID)),
		ConditionExpression:       aws.String(versionCondition),
		ExpressionAttributeValues: dynamo.Marshal(map[string]int64{":v": old.Version}),
	}}, more)
}

// writeOrganization writes an organization with the claim and the look-ups that
// differ, and more records, all or nothing.
func (t *Table) writeOrganization(ctx context.Context, old, next Organization, write types.TransactWriteItem, more []types.TransactWriteItem) error {
	actions := append(more, write)
	claimAction := -1
	if old.ExternalID != next.ExternalID {
		if next.ExternalID != "" {
			claimAction = len(actions)
			actions = append(actions, claimExclusive(organizationExternalIDKey(next.ExternalID), next.ID))
		}
		if old.ExternalID != "" {
			actions = append(actions, dynamo.DeleteAction(organizationExternalIDKey(old.ExternalID)))
		}
	}
	oldKeys, newKeys := old.domainKeys(), next.domainKeys()
	for _, k := range without(newKeys, oldKeys) {
		actions = append(actions, dynamo.PutAction(dynamo.Marshal(k, lookup{next.ID})))
	}
	for _, k := range without(oldKeys, newKeys) {
		actions = append(actions, dynamo.DeleteAction(k))
	}
	err := t.db.Transact(ctx, actions)
	failed, ok := errors.AsType[dynamo.ConditionFailed](err)
	switch {
	case !ok:
		return err
	case failed.Action == claimAction:
		return ErrTaken
	}
	return ErrStale
}

// Organization reads an organization. It fails with ErrNotFound.
func (t *Table) Organization(ctx context.Context, organizationID string) (Organization, error) {
	var o Organization
	err := t.db.Get(ctx, organizationKey(organizationID), &o)
	return o, err
}

// OrganizationByExternalID reads the organization with that external id. It
// fails with ErrNotFound.
func (t *Table) OrganizationByExternalID(ctx context.Context, externalID string) (Organization, error) {
	var c claim
	if err := t.db.Get(ctx, organizationExternalIDKey(externalID), &c); err != nil {
		return Organization{}, err
	}
	o, err := t.Organization(ctx, c.ID)
	if err == nil && o.ExternalID != externalID {
		err = ErrNotFound // it changed between the two reads
	}
	return o, err
}

// OrganizationExists is the condition that an organization exists.
func OrganizationExists(organizationID string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		Key: dynamo.Marshal(organizationKey(organizationID)), ConditionExpression: aws.String("attribute_exists(pk)"),
	}}
}

// touchOrganization raises the version of an organization that exists, so that
// a concurrent deletion of it fails.
func touchOrganization(organizationID string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		Key:                       dynamo.Marshal(organizationKey(organizationID)),
		UpdateExpression:          aws.String("ADD v :one"),
		ConditionExpression:       aws.String("attribute_exists(pk)"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]int{":one": 1}),
	}}
}
