package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// entry is an event on its way to the log and to the bus.
type entry struct {
	eventlog.Entry
	event   dsync.Event
	at      time.Time // of the change, as the function that made it saw the clock
	touches           // which resources it is about
}

// errSubjects: a membership cannot be told, because its user or group is no
// longer in the table.
var errSubjects = errors.New("the user or group of the membership is not in the table")

// parkRecord puts a record aside of which no event can be made.
type parkRecord func(ctx context.Context, record events.DynamoDBEventRecord, reason error) error

// derive makes the events of a batch, in the order of its records. A record of
// which no event can be made is parked. If even that fails it stops there and
// returns the record's sequence number: what stands before it can go on.
func (r *Relay) derive(ctx context.Context, records []events.DynamoDBEventRecord, park parkRecord) (list []entry, failed string, err error) {
	changes := make([]table.Change, len(records))
	unreadable := make([]error, len(records))
	var members []table.Membership
	for i, record := range records {
		if changes[i], unreadable[i] = table.ReadChange(record.Change); unreadable[i] == nil && changes[i].NewMembership != nil {
			members = append(members, *changes[i].NewMembership)
		}
	}
	// A membership event carries user and group: one read for the whole batch.
	subjects, err := r.table.Subjects(ctx, members)
	if err != nil {
		return nil, "", err
	}
	if err := r.repair(ctx, members, subjects); err != nil {
		return nil, "", err
	}
	for i, c := range changes {
		reason := unreadable[i]
		var e *entry
		if reason == nil {
			e, reason = r.eventOf(ctx, c, records[i].Change, subjects)
		}
		var temporary failure
		switch {
		case errors.As(reason, &temporary):
			return list, records[i].Change.SequenceNumber, nil
		case reason != nil:
			if err := park(ctx, records[i], reason); err != nil {
				r.log.LogAttrs(ctx, slog.LevelError, "not parked", slog.String("error", table.Redact(err)))
				return list, records[i].Change.SequenceNumber, nil
			}
		case e != nil:
			list = append(list, *e)
		}
	}
	return list, "", nil
}

// repair sets right what was written behind the back of another change, which
// is seen here because every membership comes by: it removes memberships of
// users and groups that are deleted (the job of the deletion removes those it
// finds), and announces those that were hidden with a user who is shown by now.
func (r *Relay) repair(ctx context.Context, members []table.Membership, subjects map[string]table.Resource) error {
	var left []table.Membership
	for _, m := range members {
		user, group := subjects[m.UserID], subjects[m.GroupID]
		switch {
		case m.Deleted:
		case user.Deleted || group.Deleted:
			left = append(left, m)
		case m.Hidden && user.ID != "":
			shown, err := resource(&user)
			if err != nil {
				return err
			}
			if shown.View.Hides(shown.Document) {
				continue
			}
			if err := r.table.AnnounceMembership(ctx, m, user.Generation); err != nil {
				return err
			}
		}
	}
	return r.table.RemoveMemberships(ctx, left)
}

// failure is an error that may be over when the record comes again.
type failure struct{ error }

// eventOf makes the event that a change means, or nil.
func (r *Relay) eventOf(ctx context.Context, c table.Change, record events.DynamoDBStreamRecord, subjects map[string]table.Resource) (*entry, error) {
	e := entry{Entry: eventlog.Entry{Sequence: record.SequenceNumber, Changed: record.ApproximateCreationDateTime.Time}}
	var err error
	if e.ID, err = dsync.EventID(e.Changed, e.Sequence); err != nil {
		return nil, err
	}
	e.event = dsync.Event{Object: "event", ID: e.ID}
	var change *dsync.Change
	switch {
	case c.NewResource != nil:
		change, err = e.ofResource(c.OldResource, c.NewResource)
	case c.NewMembership != nil:
		change, err = e.ofMembership(c.OldMembership, c.NewMembership, subjects)
		if errors.Is(err, errSubjects) {
			return r.recall(ctx, e)
		}
	case c.NewDirectory != nil:
		change, err = r.ofDirectory(ctx, &e, c.OldDirectory, c.NewDirectory)
	}
	if change == nil || err != nil {
		return nil, err
	}
	e.Name, e.event.Name, e.event.Data = change.Name, change.Name, change.Data
	e.Detail, err = json.Marshal(e.event)
	return &e, err
}

// about fills in whose change it is.
func (e *entry) about(dir, org string, at time.Time, actor table.Actor) {
	e.DirectoryID, e.OrganizationID, e.at = dir, org, at
	e.event.CreatedAt, e.event.Context = scim.Timestamp(at), dsync.Context{RequestID: actor.RequestID, TokenID: actor.TokenID}
}

func (e *entry) ofResource(old, new *table.Resource) (*dsync.Change, error) {
	e.about(new.DirectoryID, new.OrganizationID, new.Modified, new.Actor)
	was, err := resource(old)
	if err != nil {
		return nil, err
	}
	is, err := resource(new)
	if err != nil {
		return nil, err
	}
	if new.Kind == table.User {
		e.touches = touches{user: new.ID}
		return dsync.UserChange(was, is), nil
	}
	e.touches = touches{group: new.ID}
	return dsync.GroupChange(was, is), nil
}

func (e *entry) ofMembership(old, new *table.Membership, subjects map[string]table.Resource) (*dsync.Change, error) {
	e.about(new.DirectoryID, new.OrganizationID, new.At, new.Actor)
	e.touches = touches{user: new.UserID, group: new.GroupID}
	userRecord, known := subjects[new.UserID]
	groupRecord, also := subjects[new.GroupID]
	if !known || !also {
		return nil, errSubjects
	}
	user, err := resource(&userRecord)
	if err != nil {
		return nil, err
	}
	group, err := resource(&groupRecord)
	if err != nil {
		return nil, err
	}
	return dsync.MembershipChange(membership(old), *membership(new), *user, *group), nil
}

// recall is the event of a membership whose user and group were purged since.
// The purge waits for the end of the directory's log, so the event is there,
// or it belongs behind the end.
func (r *Relay) recall(ctx context.Context, e entry) (*entry, error) {
	detail, err := r.events.Find(ctx, e.DirectoryID, e.ID)
	switch {
	case err == nil:
		if err := json.Unmarshal(detail, &e.event); err != nil {
			return nil, fmt.Errorf("relay: logged event: %w", err)
		}
		e.Name, e.Detail = e.event.Name, detail
		return &e, nil
	case !errors.Is(err, table.ErrNotFound):
		return nil, failure{err}
	}
	heads, err := r.table.LogHeads(ctx, []string{e.DirectoryID})
	if err != nil {
		return nil, failure{err}
	}
	if heads[e.DirectoryID].End {
		return nil, nil
	}
	return nil, errSubjects
}

func (r *Relay) ofDirectory(ctx context.Context, e *entry, old, new *table.Directory) (*dsync.Change, error) {
	e.about(new.ID, new.OrganizationID, new.Modified, new.Actor)
	e.touches = touches{directory: true}
	is := directory(new)
	if old != nil && old.Pending && !new.Pending {
		o, err := r.table.Organization(ctx, new.OrganizationID)
		if err != nil && !errors.Is(err, table.ErrNotFound) {
			return nil, failure{err}
		}
		for _, d := range o.Domains {
			is.Domains = append(is.Domains, dsync.Domain{ID: d.ID, Domain: d.Domain})
		}
	}
	change := dsync.DirectoryChange(directory(old), is)
	e.End = change != nil && change.Name == dsync.DirectoryDeleted
	return change, nil
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
	view, err := dsync.ParseView(r.View)
	return &dsync.Resource{
		ID: r.ID, DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID,
		Document: doc, Created: r.Created, Updated: r.Modified, Gone: r.Deleted, View: view,
	}, err
}

func membership(m *table.Membership) *dsync.Membership {
	if m == nil {
		return nil
	}
	return &dsync.Membership{Gone: m.Deleted, Hidden: m.Hidden, Life: m.Generation}
}

func directory(d *table.Directory) *dsync.Directory {
	if d == nil {
		return nil
	}
	tokens := make([]dsync.Token, len(d.Tokens))
	for i, t := range d.Tokens {
		tokens[i] = dsync.Token{ID: t.ID, Suffix: t.Suffix, Created: t.Created, Expires: t.Expires}
	}
	return &dsync.Directory{
		ID: d.ID, OrganizationID: d.OrganizationID, ExternalKey: d.ExternalKey, Name: d.Name, Type: d.Type,
		Pending: d.Pending, Deleting: d.State == table.Deleting, Tokens: tokens, Created: d.Created, Updated: d.Modified,
	}
}
