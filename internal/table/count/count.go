// Package count has the counts of the users and groups of a directory, as the
// head of its log stores them. It does no I/O.
package count

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Counts are how many users and groups a directory has. They are a part of the
// head of its log: the append that logs a change counts it, so a change is
// counted once.
//
// A count of the table gives counts to a directory that has none. It counts what
// was there at a time, the cut, and the appends count the changes after the cut,
// whenever they are logged: see table.BeginCount.
type Counts struct {
	Known                    bool // false: the directory was not counted yet
	Active, Inactive, Groups int
	Cut                      int64 // milliseconds since the epoch; 0 for a directory that was counted from its creation
}

// Users is the number of all users.
func (c Counts) Users() int { return c.Active + c.Inactive }

// Tally is what a change adds to the counts of its directory.
type Tally struct {
	Active, Inactive, Groups int
	At                       time.Time // table.Resource.Modified after the change
}

// Zero reports whether the change adds nothing.
func (t Tally) Zero() bool { return t.Active == 0 && t.Inactive == 0 && t.Groups == 0 }

// Includes reports whether a change is among those that the counts count.
func (c Counts) Includes(t Tally) bool {
	return c.Known && !t.Zero() && t.At.UnixMilli() > c.Cut
}

// Add adds a change, unless it was made before the cut. An accumulator can be
// negative.
func (c *Counts) Add(t Tally) {
	if c.Includes(t) {
		c.Active, c.Inactive, c.Groups = c.Active+t.Active, c.Inactive+t.Inactive, c.Groups+t.Groups
	}
}

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (c Counts) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	if !c.Known {
		return &types.AttributeValueMemberNULL{Value: true}, nil
	}
	return &types.AttributeValueMemberS{Value: fmt.Sprint(c.Active, c.Inactive, c.Groups, c.Cut)}, nil
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (c *Counts) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) error {
	if _, ok := v.(*types.AttributeValueMemberNULL); ok {
		*c = Counts{}
		return nil
	}
	text, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return errors.New("table: counts are not a string")
	}
	if _, err := fmt.Sscan(text.Value, &c.Active, &c.Inactive, &c.Groups, &c.Cut); err != nil {
		return fmt.Errorf("table: counts %q", text.Value)
	}
	c.Known = true
	return nil
}
