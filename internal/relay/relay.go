// Package relay turns batches of stream records into dsync events on the bus.
//
// It promises: every change of a user, group or membership becomes the event
// that it means, at least once, always under the same id; events of one
// resource reach PutEvents in the order of the stream. What cannot be
// published is reported with its sequence number, so that the event source
// mapping begins again there.
package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// Relay is safe for concurrent use.
type Relay struct {
	table *table.Table
	bus   *Bus
	log   *slog.Logger
}

// New returns a relay from the table's stream to the bus.
func New(t *table.Table, bus *Bus, log *slog.Logger) *Relay { return &Relay{t, bus, log} }

// Handle relays one batch.
func (r *Relay) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	entries, failed, err := r.derive(ctx, batch.Records)
	if err != nil {
		return events.DynamoDBEventResponse{}, err // nothing was published: the whole batch again
	}
	if at, err := r.bus.publish(ctx, entries); err != nil {
		failed = at // it comes before what could not be derived
		r.log.LogAttrs(ctx, slog.LevelError, "publish", slog.String("error", err.Error()), slog.String("sequence_number", at))
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "relayed", slog.Int("records", len(batch.Records)), slog.Int("events", len(entries)), slog.Bool("failed", failed != ""))
	if failed != "" {
		return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: failed}}}, nil
	}
	return events.DynamoDBEventResponse{}, nil
}

// derive makes the events of a batch, in the order of its records. At the
// first record that makes no sense it stops and returns its sequence number:
// what stands before it can be published.
func (r *Relay) derive(ctx context.Context, records []events.DynamoDBEventRecord) (list []entry, failed string, err error) {
	changes := make([]table.Change, 0, len(records))
	var members []table.Membership
	for _, record := range records {
		c, err := table.ReadChange(record.Change)
		if err != nil {
			failed = r.refuse(ctx, record, err)
			break
		}
		if c.NewMembership != nil {
			members = append(members, *c.NewMembership)
		}
		changes = append(changes, c)
	}
	// A membership event carries user and group: one read for the whole batch.
	subjects, err := r.table.Subjects(ctx, members)
	if err != nil {
		return nil, "", err
	}
	if err := r.sweep(ctx, members, subjects); err != nil {
		return nil, "", err
	}
	for i, c := range changes {
		e, err := eventOf(c, records[i].Change, subjects)
		if err != nil {
			return list, r.refuse(ctx, records[i], err), nil
		}
		if e != nil {
			list = append(list, *e)
		}
	}
	return list, failed, nil
}

// sweep removes memberships of users and groups that are deleted. The job of
// the deletion removes those it finds; one that was written just behind its
// back is found here, because every membership comes by.
func (r *Relay) sweep(ctx context.Context, members []table.Membership, subjects map[string]table.Resource) error {
	var left []table.Membership
	for _, m := range members {
		if !m.Gone() && (subjects[m.UserID].Gone() || subjects[m.GroupID].Gone()) {
			left = append(left, m)
		}
	}
	return r.table.RemoveMemberships(ctx, left)
}

func (r *Relay) refuse(ctx context.Context, record events.DynamoDBEventRecord, err error) (sequenceNumber string) {
	r.log.LogAttrs(ctx, slog.LevelError, "record refused", slog.String("error", err.Error()), slog.String("sequence_number", record.Change.SequenceNumber))
	return record.Change.SequenceNumber
}

// entry is an event on its way to the bus.
type entry struct {
	event    dsync.Event
	at       time.Time
	detail   string
	sequence string // of the stream record
	touches         // which resources it is about
}

// eventOf makes the event that a change means, or nil.
func eventOf(c table.Change, record events.DynamoDBStreamRecord, subjects map[string]table.Resource) (*entry, error) {
	e := entry{sequence: record.SequenceNumber}
	var change *dsync.Change
	var by table.Cause
	switch {
	case c.NewResource != nil:
		old, err := resource(c.OldResource)
		if err != nil {
			return nil, err
		}
		new, err := resource(c.NewResource)
		if err != nil {
			return nil, err
		}
		if c.NewResource.Kind == table.User {
			change, e.touches = dsync.UserChange(old, new), touches{user: new.ID}
		} else {
			change, e.touches = dsync.GroupChange(old, new), touches{group: new.ID}
		}
		e.at, by = c.NewResource.Modified, c.NewResource.Cause
	case c.NewMembership != nil:
		m := *c.NewMembership
		userRecord, known := subjects[m.UserID]
		groupRecord, also := subjects[m.GroupID]
		if !known || !also {
			return nil, fmt.Errorf("the user or group of a membership is not in the table")
		}
		user, err := resource(&userRecord)
		if err != nil {
			return nil, err
		}
		group, err := resource(&groupRecord)
		if err != nil {
			return nil, err
		}
		was := c.OldMembership != nil && !c.OldMembership.Gone()
		change, e.touches = dsync.MembershipChange(was, !m.Gone(), *user, *group), touches{user: m.UserID, group: m.GroupID}
		e.at, by = m.At, m.Cause
	}
	if change == nil {
		return nil, nil
	}
	name, err := dsync.EventID(record.ApproximateCreationDateTime.Time, record.SequenceNumber)
	if err != nil {
		return nil, err
	}
	e.event = dsync.Event{
		Object: "event", ID: name, Name: change.Name, Data: change.Data, CreatedAt: scim.Timestamp(e.at),
		Context: dsync.Context{RequestID: by.RequestID, TokenID: by.TokenID},
	}
	detail, err := json.Marshal(e.event)
	e.detail = string(detail)
	return &e, err
}

// resource is a record as events see it.
func resource(r *table.Resource) (*dsync.Resource, error) {
	if r == nil {
		return nil, nil
	}
	doc, err := scim.Decode(r.Document)
	if err != nil {
		return nil, err
	}
	return &dsync.Resource{
		ID: r.ID, DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID,
		Document: doc, Created: r.Created, Updated: r.Modified, Gone: r.Gone(),
	}, nil
}
