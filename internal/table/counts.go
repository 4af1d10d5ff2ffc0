package table

import (
	"context"
	"errors"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/table/count"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"
)

// Counts reports whether the directory counts a change.
func (h LogHead) Counts(t count.Tally) bool { return h.Count.Includes(t) || h.Recount.Includes(t) }

// Add counts a change. Counts that are negative are wrong: they are dropped until
// the next count.
func (h *LogHead) Add(t count.Tally) {
	h.Count.Add(t)
	h.Recount.Add(t)
	if h.Count.Active < 0 || h.Count.Inactive < 0 || h.Count.Groups < 0 {
		h.Count = count.Counts{}
	}
}

// Begin lets a directory without a log count from its creation, if that is less
// than some time ago: then the stream still holds all of its changes.
func (h *LogHead) Begin(now time.Time, within time.Duration) {
	created, err := ulid.ParseStrict(ulidOf(h.DirectoryID))
	if err == nil && h.Version == 0 && now.Sub(ulid.Time(created.Time())) < within {
		h.Count = count.Counts{Known: true}
	}
}

// Counts reads the counts of a directory.
func (t *Table) Counts(ctx context.Context, directoryID string) (count.Counts, error) {
	var head struct {
		Count count.Counts `dynamodbav:"n"`
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
		h.Recount = count.Counts{Known: true, Cut: cut.UnixMilli()}
		return true
	})
}

// FinishCount gives a directory the counts of its resources at the cut and of the
// changes since. It does nothing if that was done before. It fails with ErrStale
// when another count has begun, and with ErrNotFound when the log has ended.
func (t *Table) FinishCount(ctx context.Context, directoryID string, counted count.Counts) error {
	stale := false
	err := t.updateHead(ctx, directoryID, func(h *LogHead) bool {
		stale = h.Recount.Cut != counted.Cut && h.Count.Cut != counted.Cut
		if stale || h.Count.Cut == counted.Cut {
			return false
		}
		h.Count, h.Recount = h.Recount, count.Counts{}
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
