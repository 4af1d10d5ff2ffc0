package table

import (
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Change is a change of one record, as the stream tells it. Exactly one of the
// pairs is set. Old is nil for a new record.
type Change struct {
	OldResource, NewResource     *Resource
	OldMembership, NewMembership *Membership
}

// ReadChange reads a stream record of a user, group or membership. A removed
// item is no change: it was deleted before.
func ReadChange(r events.DynamoDBStreamRecord) (Change, error) {
	var c Change
	if len(r.NewImage) == 0 {
		return c, nil
	}
	oldImage, newImage := imageItem(r.OldImage), imageItem(r.NewImage)
	sk, _, _ := strings.Cut(r.Keys[sortKey].String(), "#")
	switch sk {
	case string(User), string(Group):
		c.NewResource = &Resource{Kind: Kind(sk)}
		if err := unmarshal(newImage, c.NewResource); err != nil {
			return c, err
		}
		if oldImage != nil {
			c.OldResource = &Resource{Kind: Kind(sk)}
			return c, unmarshal(oldImage, c.OldResource)
		}
		return c, nil
	case "M":
		c.NewMembership = &Membership{}
		if err := unmarshal(newImage, c.NewMembership); err != nil {
			return c, err
		}
		if oldImage != nil {
			c.OldMembership = &Membership{}
			return c, unmarshal(oldImage, c.OldMembership)
		}
		return c, nil
	}
	return c, fmt.Errorf("table: a stream record with the sort key prefix %q", sk)
}

// ReadJob reads a stream record of a job. It returns nil for a removed one.
func ReadJob(r events.DynamoDBStreamRecord) (*Job, error) {
	if len(r.NewImage) == 0 {
		return nil, nil
	}
	j := &Job{}
	return j, unmarshal(imageItem(r.NewImage), j)
}

// imageItem turns an image from a Lambda event into the SDK's types. Records
// hold strings, numbers and booleans.
func imageItem(image map[string]events.DynamoDBAttributeValue) item {
	if image == nil {
		return nil
	}
	i := make(item, len(image))
	for name, v := range image {
		switch v.DataType() {
		case events.DataTypeString:
			i[name] = &types.AttributeValueMemberS{Value: v.String()}
		case events.DataTypeNumber:
			i[name] = &types.AttributeValueMemberN{Value: v.Number()}
		case events.DataTypeBoolean:
			i[name] = &types.AttributeValueMemberBOOL{Value: v.Boolean()}
		}
	}
	return i
}
