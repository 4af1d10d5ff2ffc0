package table

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"
)

// Counts are how many users and groups a directory has. They are a part of the
// head of its log: the append that logs a change counts it, so a change is
// counted once.
//
// A count of the table gives counts to a directory that has none. It counts what
// was there at a time, the cut, and the appends count the changes after the cut,
// whenever they are logged: see BeginCount.
type Counts struct {
	Known                    bool // false: the directory was not counted yet
	Active, Inactive, Groups int
	Cut                      int64 // milliseconds since the epoch; 0 for a directory that was counted from its creation
}

// Of is the number of users, or of groups.
func (c Counts) Of(k Kind) int {
	if k == Group {
		return c.Groups
	}
	return c.Active + c.Inactive
}

// Tally is what a change adds to the counts of its directory.
type Tally struct {
	Active, Inactive, Groups int
	At                       time.Time // Resource.Modified after the change
}

// Zero reports whether the change adds nothing.
func (t Tally) Zero() bool { return t.Active == 0 && t.Inactive == 0 && t.Groups == 0 }

// counts reports whether a change is among those that the counts count.
func (c Counts) counts(t Tally) bool {
	return c.Known && !t.Zero() && t.At.UnixMilli() > c.Cut
}

// Add adds a change, unless it was made before the cut. An accumulator can be
// negative.
func (c *Counts) Add(t Tally) {
	if c.counts(t) {
		c.Active, c.Inactive, c.Groups = c.Active+t.Active, c.Inactive+t.Inactive, c.Groups+t.Groups
	}
}

// Counts reports whether the directory counts a change.
func (h LogHead) Counts(t Tally) bool { return h.Count.counts(t) || h.Recount.counts(t) }

// Add counts a change. Counts that are negative are wrong: they are dropped until
// the next count.
func (h *LogHead) Add(t Tally) {
	h.Count.Add(t)
	h.Recount.Add(t)
	if h.Count.Active < 0 || h.Count.Inactive < 0 || h.Count.Groups < 0 {
		h.Count = Counts{}
	}
}

// Begin lets a directory without a log count from its creation, if that is less
// than some time ago: then the stream still holds all of its changes.
func (h *LogHead) Begin(now time.Time, within time.Duration) {
	created, err := ulid.ParseStrict(ulidOf(h.DirectoryID))
	if err == nil && h.Version == 0 && now.Sub(ulid.Time(created.Time())) < within {
		h.Count = Counts{Known: true}
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

// Counts reads the counts of a directory.
func (t *Table) Counts(ctx context.Context, directoryID string) (Counts, error) {
	var head struct {
		Count Counts `dynamodbav:"n"`
	}
	err := t.db.Get(ctx, journalHeadKey(DirectoryJournal(directoryID)), &head)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return head.Count, err
}

// BeginCount begins a count of a directory. From now on, the head of its log
// accumulates the changes after the cut, which must be later than the time of
// every change that is logged already. When every change before the cut is
// written, the resources are counted, and FinishCount adds the two. BeginCount
// replaces a count that has begun before. It fails with ErrNotFound when the log
// has ended.
func (t *Table) BeginCount(ctx context.Context, directoryID string, cut time.Time) error {
	return t.updateHead(ctx, directoryID, func(h *LogHead) bool {
		h.Recount = Counts{Known: true, Cut: cut.UnixMilli()}
		return true
	})
}

// FinishCount gives a directory the counts of its resources at the cut and of the
// changes since. It does nothing if that was done before. It fails with ErrStale
// when another count has begun, and with ErrNotFound when the log has ended.
func (t *Table) FinishCount(ctx context.Context, directoryID string, counted Counts) error {
	stale := false
	err := t.updateHead(ctx, directoryID, func(h *LogHead) bool {
		stale = h.Recount.Cut != counted.Cut && h.Count.Cut != counted.Cut
		if stale || h.Count.Cut == counted.Cut {
			return false
		}
		h.Count, h.Recount = h.Recount, Counts{}
		h.Count.Active, h.Count.Inactive, h.Count.Groups =
			h.Count.Active+counted.Active, h.Count.Inactive+counted.Inactive, h.Count.Groups+counted.Groups
		return true
	})
	if err == nil && stale {
		err = ErrStale
	}
	return err
}

// updateHead changes the counts of a head. It tries again when an append came in
// between. edit reports whether there is anything to write.
func (t *Table) updateHead(ctx context.Context, directoryID string, edit func(*LogHead) bool) error {
	return RetryStale(func() error {
		heads, err := t.LogHeads(ctx, []string{directoryID})
		if err != nil {
			return err
		}
		head := heads[directoryID]
		if head.End {
			return ErrNotFound
		}
		before := head.Version
		if !edit(&head) {
			return nil
		}
		// The other attributes stay, whatever version wrote them.
		condition, values := "v = :before", map[string]any{
			":dir": directoryID, ":before": before, ":v": before + 1, ":n": head.Count, ":nn": head.Recount,
		}
		if before == 0 {
			condition = "attribute_not_exists(pk)"
			delete(values, ":before")
		}
		return dynamo.IfConditionFails(t.db.Update(ctx, types.Update{
			Key:                       dynamo.Marshal(journalHeadKey(DirectoryJournal(directoryID))),
			UpdateExpression:          aws.String("SET dir = :dir, v = :v, n = :n, nn = :nn"),
			ConditionExpression:       &condition,
			ExpressionAttributeValues: dynamo.Marshal(values),
		}), ErrStale)
	})
}
