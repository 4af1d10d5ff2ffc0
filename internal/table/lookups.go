package table

import (
	"context"
	"slices"

	"dsync/internal/dynamo"
	"dsync/internal/scim"
)

// lookup is a record that leads from a value to a resource that has the value.
// The resource's id is in the key, too, unless the value is unique.
type lookup struct {
	ID string `dynamodbav:"id"`
}

// lookupKeys are the keys of the look-ups of a resource with these values,
// except that of a shared name. normalized is Resource.Normalized.
func (r Resource) lookupKeys(values Keys, normalized bool) (keys []dynamo.Key) {
	pk := directoryPartition(r.DirectoryID)
	if values.ExternalID != "" {
		keys = append(keys, dynamo.Key{PK: pk, SK: externalIDPrefix(r.Kind, values.ExternalID) + ulidOf(r.ID)})
	}
	for _, email := range values.Emails {
		folded := scim.EarlierFold(email)
		if normalized {
			folded = scim.Fold(email)
		}
		k := dynamo.Key{PK: pk, SK: emailPrefix(folded) + ulidOf(r.ID)}
		if !slices.Contains(keys, k) { // not the same address in another letter case
			keys = append(keys, k)
		}
	}
	return keys
}

// ByExternalID returns the ids of all resources with that externalId.
func (t *Table) ByExternalID(ctx context.Context, k Kind, directoryID, externalID string) ([]string, error) {
	return t.lookupIDs(ctx, directoryID, externalIDPrefix(k, externalID))
}

// ByEmail returns the ids of the users with that e-mail address, in any letter
// case: all of them if the directory has SCIMConfig.AllEmails, else those whose
// work address it is, and perhaps others.
func (t *Table) ByEmail(ctx context.Context, directoryID, email string) ([]string, error) {
	var ids []string
	for _, folded := range append([]string{scim.Fold(email)}, scim.EarlierFolds(email)...) {
		found, err := t.lookupIDs(ctx, directoryID, emailPrefix(folded))
		if err != nil {
			return nil, err
		}
		ids = append(ids, found...)
	}
	return ids, nil
}

// lookupsPage is the number of look-ups of one read. A value is rarely that of
// several resources.
const lookupsPage = 100

// lookupIDs returns the ids of the look-ups with that prefix.
func (t *Table) lookupIDs(ctx context.Context, directoryID, prefix string) ([]string, error) {
	var ids []string
	for l, err := range dynamo.Records[lookup](t.db.Query(ctx, dynamo.WithPrefix(directoryPartition(directoryID), prefix), lookupsPage)) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, l.ID)
	}
	return ids, nil
}

// without returns the keys of list that are not in other.
func without(list, other []dynamo.Key) []dynamo.Key {
	return slices.DeleteFunc(slices.Clone(list), func(k dynamo.Key) bool { return slices.Contains(other, k) })
}
