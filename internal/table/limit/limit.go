// Package limit stores what callers may use of the system over all processes: a
// token bucket for each caller, in one record.
//
// The record holds one time: when the bucket will be full again, if nothing more is
// taken. Taking moves it on. A write that would move it beyond the burst fails on
// its condition, so whatever the processes do at the same time, no more is taken
// than the bucket has. The record has a partition of its own: a caller who hammers
// it slows down no other record. It expires a day after its last use.
package limit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/ratelimit"
	"dsync/internal/redact"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	prefix    = "Q#"
	sort      = "Q"
	retention = 24 * time.Hour
	// attempts bounds how often Take tries again because another process was
	// faster. Each time another one has taken something.
	attempts = 5
)

// Buckets are the buckets of all callers. They are safe for concurrent use.
type Buckets struct {
	table *table.Table
	unit  time.Duration // in which a bucket gains a unit
	burst int
}

// New returns buckets that gain so many units a second, and hold so many.
func New(t *table.Table, perSecond, burst int) *Buckets {
	return &Buckets{t, time.Second / time.Duration(perSecond), burst}
}

// NewLimiter returns a limiter of these limits over all processes, or of one process
// alone if it has no free share. Errors of the shared limit are logged only.
func NewLimiter(t *table.Table, limits ratelimit.Limits, log *slog.Logger) *ratelimit.Limiter {
	limiter := ratelimit.New(limits)
	if limits.FreePerSecond > 0 {
		limiter.Share(New(t, limits.PerSecond, limits.Burst), func(err error) {
			log.Warn("the limit of all processes could not be read", "error", redact.Error(err))
		})
	}
	return limiter
}

// Watch records until when all processes count the requests with a token or an API
// key together: it is in their record, which each process reads every few seconds. It
// does nothing if the token or key is revoked or does not exist.
func Watch(ctx context.Context, t *table.Table, k dynamo.Key, until time.Time) error {
	err := t.Client().Update(ctx, types.Update{
		Key:                       dynamo.Marshal(k),
		UpdateExpression:          aws.String("SET watched = :until"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND attribute_not_exists(revoked)"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]int64{":until": until.Unix()}),
	})
	return dynamo.IfConditionFails(err, nil)
}

// record is a bucket.
type record struct {
	Full int64 `dynamodbav:"full"` // when it is full again, in microseconds of Unix time
}

func key(caller string) dynamo.Key { return dynamo.Key{PK: prefix + caller, SK: sort} }

// Take takes n units of a caller's bucket, which may be at most its burst. It
// returns 0, or the time until they are there: then it has taken nothing. It costs a
// write unit, and a read unit if it has to wait or the bucket is full.
func (b *Buckets) Take(ctx context.Context, caller string, now time.Time, n int) (time.Duration, error) {
	latest := now.Add(time.Duration(b.burst-n) * b.unit).UnixMicro()
	for range attempts {
		taken, err := b.move(ctx, caller, now, n, latest)
		if taken || err != nil {
			return 0, err
		}
		var r record
		err = b.table.Client().Get(ctx, key(caller), &r)
		if errors.Is(err, dynamo.ErrNotFound) {
			continue
		} else if err != nil {
			return 0, err
		}
		if r.Full > latest {
			return time.Duration(r.Full-latest) * time.Microsecond, nil
		}
	}
	return 0, dynamo.ErrBusy
}

// Charge takes n units that a caller has used already, however few there are. The
// next Take waits until all are there.
func (b *Buckets) Charge(ctx context.Context, caller string, now time.Time, n int) error {
	const never = 1 << 62
	for range attempts {
		if taken, err := b.move(ctx, caller, now, n, never); taken || err != nil {
			return err
		}
	}
	return dynamo.ErrBusy
}

// move takes n units unless the bucket is full again after latest. It reports
// whether it has taken them.
func (b *Buckets) move(ctx context.Context, caller string, now time.Time, n int, latest int64) (bool, error) {
	step := (time.Duration(n) * b.unit).Microseconds()
	taken, err := b.update(ctx, caller, now, "SET #full = #full + :step, #ttl = :ttl", "#full > :now AND #full <= :latest",
		map[string]int64{":step": step, ":now": now.UnixMicro(), ":latest": latest})
	if taken || err != nil {
		return taken, err
	}
	return b.update(ctx, caller, now, "SET #full = :full, #ttl = :ttl", "attribute_not_exists(#full) OR #full <= :now",
		map[string]int64{":full": now.UnixMicro() + step, ":now": now.UnixMicro()})
}

func (b *Buckets) update(ctx context.Context, caller string, now time.Time, update, condition string, values map[string]int64) (bool, error) {
	values[":ttl"] = now.Add(retention).Unix()
	err := b.table.Client().Update(ctx, types.Update{
		Key:                       dynamo.Marshal(key(caller)),
		UpdateExpression:          aws.String(update),
		ConditionExpression:       aws.String(condition),
		ExpressionAttributeNames:  map[string]string{"#full": "full", "#ttl": "ttl"},
		ExpressionAttributeValues: dynamo.Marshal(values),
	})
	if _, failed := errors.AsType[dynamo.ConditionFailed](err); failed {
		return false, nil
	}
	return err == nil, err
}
