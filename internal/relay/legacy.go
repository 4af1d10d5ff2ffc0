package relay

import (
	"context"
	"math/big"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/oklog/ulid/v2"
)

// legacyID is the id that an earlier version gave to the event of a record: its
// random bits were the sequence number modulo 2^80. It is "" for an invalid one.
func legacyID(record events.DynamoDBEventRecord) string {
	n, ok := new(big.Int).SetString(record.Change.SequenceNumber, 10)
	var u ulid.ULID
	if !ok || n.Sign() < 0 || u.SetTime(ulid.Timestamp(record.Change.ApproximateCreationDateTime.Time)) != nil {
		return ""
	}
	n.Mod(n, new(big.Int).Lsh(big.NewInt(1), 80))
	n.FillBytes(u[6:])
	return id.Event.Of(u.String())
}

// omitLegacy omits the changes that an earlier version has logged, and adds their
// events to what is published. The stream can hold such changes for a day after
// an upgrade.
func (r *Relay) omitLegacy(ctx context.Context, w *work, head table.LogHead) error {
	if !head.Legacy() && r.now().After(time.Unix(head.LegacyUntil, 0)) {
		return nil
	}
	var eventIDs []string
	for _, c := range w.changes {
		if id := legacyID(c.record); id != "" {
			eventIDs = append(eventIDs, id)
		}
	}
	logged, err := r.table.LegacyLogged(ctx, w.directoryID, eventIDs)
	if err != nil || len(logged) == 0 {
		return err
	}
	var left []change
	for _, c := range w.changes {
		l, ok := logged[legacyID(c.record)]
		if !ok {
			left = append(left, c)
			continue
		}
		if err := w.addLogged(l); err != nil {
			return err
		}
	}
	w.changes = left
	return nil
}
