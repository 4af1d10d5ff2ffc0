package dynamo

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// FromImage converts an image of a stream record, as Lambda delivers it, to an
// item. It leaves out nulls and sets.
func FromImage(image map[string]events.DynamoDBAttributeValue) Item {
	i := make(Item, len(image))
	for name, v := range image {
		if value := fromImage(v); value != nil {
			i[name] = value
		}
	}
	return i
}

// fromImage converts a value. It is nil for null and for sets.
func fromImage(v events.DynamoDBAttributeValue) types.AttributeValue {
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
		return &types.AttributeValueMemberM{Value: FromImage(v.Map())}
	case events.DataTypeList:
		list := make([]types.AttributeValue, 0, len(v.List()))
		for _, element := range v.List() {
			if value := fromImage(element); value != nil {
				list = append(list, value)
			}
		}
		return &types.AttributeValueMemberL{Value: list}
	}
	return nil
}
