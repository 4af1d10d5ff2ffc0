package table

import (
	"context"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// The methods here delete items of records that are deleted already. A REMOVE
// record of the stream means nothing, so they make no event. They are not
// atomic and can be repeated.

// ClearMemberships deletes at most limit memberships of a deleted user or group
// and returns how many there were. For a user it reads the index.
func (t *Table) ClearMemberships(ctx context.Context, k Kind, directoryID, id string, limit int) (int, error) {
	in := dynamo.WithPrefix(directoryPartition(directoryID), groupMembersPrefix(id))
	if k == User {
		in = dynamo.IndexPartition(userGroupsIndex(directoryID, id))
	}
	return t.deletePage(ctx, in, limit)
}

// Purge deletes at most limit records of a deleted directory and returns how
// many there were. The directory's own record is left for RemoveDirectory.
func (t *Table) Purge(ctx context.Context, directoryID string, limit int) (int, error) {
	return t.deletePage(ctx, dynamodb.QueryInput{
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk > :own"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]string{
			":pk": directoryPartition(directoryID), ":own": directorySort, // which is the first
		}),
	}, limit)
}

// tokensPage is the number of tokens of one read: most directories had fewer.
const tokensPage = 100

// RemoveDirectory deletes the last records of a deleted directory: its tokens,
// its entry in the organization, and then its own record. Its jobs have a TTL.
func (t *Table) RemoveDirectory(ctx context.Context, d Directory) error {
	keys := []dynamo.Key{organizationDirectoryKey(d.OrganizationID, d.ID)}
	for k, err := range dynamo.Records[dynamo.Key](t.db.Query(ctx, dynamo.IndexPartition(tokensIndex(d.ID)), tokensPage)) {
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	if err := t.db.DeleteItems(ctx, keys); err != nil {
		return err
	}
	return t.db.DeleteItems(ctx, []dynamo.Key{directoryKey(d.ID)})
}

// deletePage deletes the first items of a query and returns how many there
// were.
func (t *Table) deletePage(ctx context.Context, in dynamodb.QueryInput, limit int) (int, error) {
	in.ProjectionExpression = aws.String("pk, sk")
	out, err := t.db.QueryPage(ctx, in, limit)
	if err != nil {
		return 0, err
	}
	keys, err := dynamo.UnmarshalAll[dynamo.Key](out.Items)
	if err != nil {
		return 0, err
	}
	return len(keys), t.db.DeleteItems(ctx, keys)
}
