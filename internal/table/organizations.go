package table

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// MaxDomains is how many domains an organization may have: their look-ups, old
// and new, fit one transaction beside its other records.
const MaxDomains = (maxTransact - 4) / 2

func (o Organization) item() item {
	return marshal(organizationKey(o.ID), indexKey{organizationsIndex(), ulidOf(o.ID)}, o)
}

// lookups are the records that an organization is found by its domains with.
func (o Organization) lookups() []key {
	keys := make([]key, len(o.Domains))
	for i, d := range o.Domains {
		keys[i] = domainKey(d.Domain, o.ID)
	}
	return keys
}

// CreateOrganization writes a new organization. It fails with ErrTaken when
// another one has its external id.
func (t *Table) CreateOrganization(ctx context.Context, o Organization) error {
	return t.writeOrganization(ctx, Organization{}, o, t.putNew(o.item()))
}

// ReplaceOrganization writes next over old. It fails with ErrStale when the
// organization is no longer as old says, and with ErrTaken.
func (t *Table) ReplaceOrganization(ctx context.Context, old, next Organization) error {
	write := t.current(old.Version)
	write.Item = next.item()
	return t.writeOrganization(ctx, old, next, types.TransactWriteItem{Put: &write})
}

// DeleteOrganization removes an organization. It fails with ErrStale when the
// organization is no longer as old says: a directory that was created in it
// changes it, too.
func (t *Table) DeleteOrganization(ctx context.Context, old Organization) error {
	current := t.current(old.Version)
	return t.writeOrganization(ctx, old, Organization{}, types.TransactWriteItem{Delete: &types.Delete{
		TableName:                 &t.name,
		Key:                       marshal(organizationKey(old.ID)),
		ConditionExpression:       current.ConditionExpression,
		ExpressionAttributeValues: current.ExpressionAttributeValues,
	}})
}

// writeOrganization writes an organization with the claim and look-ups that
// differ, all or nothing.
func (t *Table) writeOrganization(ctx context.Context, old, next Organization, write types.TransactWriteItem) error {
	parts := []types.TransactWriteItem{write}
	claimed := -1
	if old.ExternalID != next.ExternalID {
		if next.ExternalID != "" {
			claimed = len(parts)
			parts = append(parts, t.claim(externalOrganizationKey(next.ExternalID), next.ID))
		}
		if old.ExternalID != "" {
			parts = append(parts, t.remove(externalOrganizationKey(old.ExternalID)))
		}
	}
	oldKeys, newKeys := old.lookups(), next.lookups()
	for _, k := range without(newKeys, oldKeys) {
		parts = append(parts, t.putAny(marshal(k, reference{next.ID})))
	}
	for _, k := range without(oldKeys, newKeys) {
		parts = append(parts, t.remove(k))
	}
	var failed conditionFailed
	switch err := t.transact(ctx, parts); {
	case !errors.As(err, &failed):
		return err
	case failed.part == claimed:
		return ErrTaken
	}
	return ErrStale
}

// OrganizationByExternalID reads the organization with that external id. It
// fails with ErrNotFound.
func (t *Table) OrganizationByExternalID(ctx context.Context, externalID string) (Organization, error) {
	var to reference
	if err := t.get(ctx, externalOrganizationKey(externalID), &to); err != nil {
		return Organization{}, err
	}
	o, err := t.Organization(ctx, to.ID)
	if err == nil && o.ExternalID != externalID {
		err = ErrNotFound // it changed in between
	}
	return o, err
}

// touchOrganization changes an organization that exists, so that nobody
// deletes it as it was before.
func (t *Table) touchOrganization(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName:                 &t.name,
		Key:                       marshal(organizationKey(id)),
		UpdateExpression:          aws.String("ADD v :one"),
		ConditionExpression:       aws.String("attribute_exists(pk)"),
		ExpressionAttributeValues: marshal(map[string]int{":one": 1}),
	}}
}
