package table

import (
	"fmt"
	"strings"

	"dsync/internal/dynamo"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Change is a change of one record, read from a stream record. At most one of
// the pairs is set. Old is nil for a new record.
type Change struct {
	OldResource, NewResource     *Resource
	OldMembership, NewMembership *Membership
	OldDirectory, NewDirectory   *Directory
}

// ReadChange reads a stream record of a directory, user, group or membership. A
// REMOVE record is the zero Change: the record was soft-deleted before.
func ReadChange(r events.DynamoDBStreamRecord) (c Change, err error) {
	if len(r.NewImage) == 0 {
		return c, nil
	}
	switch sk, _, _ := strings.Cut(r.Keys[sortKey].String(), "#"); sk {
	case directorySort:
		c.OldDirectory, c.NewDirectory, err = images[Directory](r)
	case string(User), string(Group):
		if c.OldResource, c.NewResource, err = images[Resource](r); err == nil {
			c.NewResource.Kind = Kind(sk)
			if c.OldResource != nil {
				c.OldResource.Kind = Kind(sk)
			}
		}
	case "M":
		c.OldMembership, c.NewMembership, err = images[Membership](r)
	default:
		err = fmt.Errorf("table: a stream record with the sort key prefix %q", sk)
	}
	if err == nil {
		err = c.checkIDs()
	}
	return c, err
}

// maxID is more than every id has, in bytes. A key with a longer one may exceed
// DynamoDB's limit, which fails the call for all keys of a batch.
const maxID = 100

// checkIDs rejects ids that cannot be part of a key, or of a line of a journal.
func (c Change) checkIDs() error {
	var ids []string
	switch {
	case c.NewResource != nil:
		ids = []string{c.NewResource.DirectoryID, c.NewResource.OrganizationID, c.NewResource.ID}
	case c.NewMembership != nil:
		ids = []string{c.NewMembership.DirectoryID, c.NewMembership.OrganizationID, c.NewMembership.GroupID, c.NewMembership.UserID}
	case c.NewDirectory != nil:
		ids = []string{c.NewDirectory.ID, c.NewDirectory.OrganizationID}
	}
	for _, x := range ids {
		if len(x) > maxID || strings.ContainsAny(x, " \n") {
			return fmt.Errorf("table: a stream record with an invalid id of %d bytes", len(x))
		}
	}
	return nil
}

// images reads a record before and after a change; old is nil for a new record.
func images[T any](r events.DynamoDBStreamRecord) (old, updated *T, err error) {
	updated = new(T)
	if err := dynamo.Unmarshal(imageItem(r.NewImage), updated); err != nil {
		return nil, nil, err
	}
	if len(r.OldImage) > 0 {
		old = new(T)
		err = dynamo.Unmarshal(imageItem(r.OldImage), old)
	}
	return old, updated, err
}

// ReadJob reads a stream record of a job. It returns nil for a REMOVE record.
func ReadJob(r events.DynamoDBStreamRecord) (*Job, error) {
	if len(r.NewImage) == 0 {
		return nil, nil
	}
	j := &Job{}
	return j, dynamo.Unmarshal(imageItem(r.NewImage), j)
}

// imageItem converts an image of a Lambda event to the SDK's types.
func imageItem(image map[string]events.DynamoDBAttributeValue) dynamo.Item {
	i := make(dynamo.Item, len(image))
	for name, v := range image {
		if value := imageValue(v); value != nil {
			i[name] = value
		}
	}
	return i
}

// imageValue converts a value. It is nil for null and for sets, which no record
// has.
func imageValue(v events.DynamoDBAttributeValue) types.AttributeValue {
	switch v.DataType() {
	case events.DataTypeString:
		return &types.AttributeValueMemberS{Value: v.String()}
	case events.DataTypeNumber:
		return &types.AttributeValueMemberN{Value: v.Number()}
	case events.DataTypeBoolean:
		return &types.AttributeValueMemberBOOL{Value: v.Boolean()}
	case events.DataTypeBinary:
		return &types.AttributeValueMemberB{Value: v.Binary()}
	case events.DataTypeMap:
		return &types.AttributeValueMemberM{Value: imageItem(v.Map())}
	case events.DataTypeList:
		list := make([]types.AttributeValue, 0, len(v.List()))
		for _, element := range v.List() {
			if value := imageValue(element); value != nil {
				list = append(list, value)
			}
		}
		return &types.AttributeValueMemberL{Value: list}
	}
	return nil
}

// IsJob reports whether a stream record is that of a job.
func IsJob(r events.DynamoDBStreamRecord) bool {
	pk, ok := r.Keys[partitionKey]
	return ok && pk.DataType() == events.DataTypeString && strings.HasPrefix(pk.String(), jobPrefix)
}
