package main

import (
	"context"

	"dsync/events/consumer"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// people is the application's table.
type people struct {
	api   *dynamodb.Client
	table string
}

// row is a user, a group, or a membership: <group id>/<user id>.
type row struct {
	Directory string `dynamodbav:"pk"`
	ID        string `dynamodbav:"sk"`
	Email     string `dynamodbav:"email,omitempty"`
	Name      string `dynamodbav:"name,omitempty"`
	Active    bool   `dynamodbav:"active"`
}

// set writes the row, or deletes it if the event removes it.
func (p people) set(ctx context.Context, e consumer.Event, r row) error {
	if e.Removes() {
		_, err := p.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &p.table, Key: key(r.Directory, r.ID)})
		return err
	}
	item, err := attributevalue.MarshalMap(r)
	if err != nil {
		return err
	}
	_, err = p.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &p.table, Item: item})
	return err
}

// clear deletes all rows of the directory whose id has the prefix. The id of a
// group is the prefix of its memberships' ids.
func (p people) clear(ctx context.Context, directory, prefix string) error {
	for rows := dynamodb.NewQueryPaginator(p.api, &dynamodb.QueryInput{
		TableName:                 &p.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: directory}, ":sk": &types.AttributeValueMemberS{Value: prefix}},
	}); rows.HasMorePages(); {
		page, err := rows.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if _, err := p.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &p.table, Key: map[string]types.AttributeValue{"pk": item["pk"], "sk": item["sk"]}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func key(directory, id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: directory}, "sk": &types.AttributeValueMemberS{Value: id}}
}
