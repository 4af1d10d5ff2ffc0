// Package removal removes the members of a group that was emptied, page by page:
// the work of the job table.RemoveMembers. A membership that was written since is
// left as it is. Every function can be repeated.
package removal

import (
	"context"
	"strconv"

	"dsync/internal/dynamo"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Page is a part of the memberships that a group had before a version of it.
type Page struct {
	Members []table.Membership
	Read    int    // of all memberships of the group
	Last    string // the last user whose membership was read
	More    bool   // whether others follow
}

// Read reads at most limit memberships of a group, after the user last, and returns
// those of a version before until.
func Read(ctx context.Context, t *table.Table, directoryID, groupID string, until int64, last string, limit int) (Page, error) {
	p := Page{Last: last}
	out, err := t.Client().QueryPage(ctx, table.MembersAfter(directoryID, groupID, last), limit)
	if err != nil {
		return p, err
	}
	all, err := dynamo.UnmarshalAll[table.Membership](out.Items)
	if err != nil {
		return p, err
	}
	for _, m := range all {
		if p.Last = m.UserID; !m.Deleted && m.Version < until {
			p.Members = append(p.Members, m)
		}
	}
	p.Read, p.More = len(all), out.LastEvaluatedKey != nil
	return p, nil
}

// Remove writes a membership as deleted, which is a change that becomes an event,
// unless it is deleted already or was written in the version until of the group, or
// later.
func Remove(ctx context.Context, t *table.Table, m table.Membership, until int64) error {
	put := *dynamo.PutAction(m.SoftDelete().Item()).Put
	put.ConditionExpression = aws.String("attribute_exists(pk) AND attribute_not_exists(deleted) AND (attribute_not_exists(gv) OR gv < :until)")
	put.ExpressionAttributeValues = number(":until", until)
	return dynamo.IfConditionFails(t.Client().Put(ctx, put), nil)
}

// Finish forgets that the group was emptied in a version, unless it was emptied
// again.
func Finish(ctx context.Context, t *table.Table, directoryID, groupID string, until int64) error {
	return dynamo.IfConditionFails(t.Client().Update(ctx, types.Update{
		Key:                       dynamo.Marshal(table.GroupKey(directoryID, groupID)),
		UpdateExpression:          aws.String("REMOVE emptied"),
		ConditionExpression:       aws.String("emptied = :until"),
		ExpressionAttributeValues: number(":until", until),
	}), nil)
}

func number(name string, n int64) dynamo.Item {
	return dynamo.Item{name: &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}}
}
