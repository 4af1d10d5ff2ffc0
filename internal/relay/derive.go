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
	"dsync/internal/redact"
	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// entry is an event to append and to publish.
type entry struct {
	eventlog.Entry
	event dsync.Event
	at    time.Time // of the change, by the clock of the function that made it
	about subjects  // the resources of the event
}

// errSubjects reports that a membership event cannot be derived: its user or
// group is no longer in the table.
var errSubjects = errors.New("the user or group of the membership is not in the table")

// parkFunc stores a record from which no event can be derived.
type parkFunc func(ctx context.Context, record events.DynamoDBEventRecord, reason error) error

// derive returns the events of a batch, in the order of its records. It parks
// a record from which no event can be derived. If parking fails, it stops and
// returns the record's sequence number; the events before it are valid.
func (r *Relay) derive(ctx context.Context, records []events.DynamoDBEventRecord, park parkFunc) (list []entry, failed string, err error) {
	changes := make([]table.Change, len(records))
	unreadable := make([]error, len(records))
	var members []table.Membership
	for i, record := range records {
		if changes[i], unreadable[i] = table.ReadChange(record.Change); unreadable[i] == nil && changes[i].NewMembership != nil {
			members = append(members, *changes[i].NewMembership)
		}
	}
	// A membership event contains user and group: one read for the whole batch.
	subjects, err := r.table.Subjects(ctx, members)
	if err != nil {
		return nil, "", err
	}
	if err := r.repairMemberships(ctx, members, subjects); err != nil {
		return nil, "", err
	}
	for i, c := range changes {
		reason := unreadable[i]
		var e *entry
		if reason == nil {
			e, reason = r.eventOf(ctx, c, records[i].Change, subjects)
		}
		var temporary temporaryError
		switch {
		case errors.As(reason, &temporary):
			return list, records[i].Change.SequenceNumber, nil
		case reason != nil:
			if err := park(ctx, records[i], reason); err != nil {
				r.log.LogAttrs(ctx, slog.LevelError, "parking failed", slog.String("error", redact.Error(err)))
				return list, records[i].Change.SequenceNumber, nil
			}
		case e != nil:
			list = append(list, *e)
		}
	}
	return list, "", nil
}

// repairMemberships corrects memberships that were written concurrently with
// another change. Every membership record passes here, so none is missed:
//
//   - It removes memberships of deleted users and groups. The deletion's job
//     removes only those that it finds.
//   - It announces memberships that were written while their user was hidden
//     if the user is visible now.
func (r *Relay) repairMemberships(ctx context.Context, members []table.Membership, subjects map[string]table.Resource) error {
	var orphans []table.Membership
	for _, m := range members {
		user, group := subjects[m.UserID], subjects[m.GroupID]
		switch {
		case m.Deleted:
		case user.Deleted || group.Deleted:
			orphans = append(orphans, m)
		case m.Hidden && user.ID != "":
			current, err := dsyncResource(&user)
			if err != nil {
				return err
			}
			if current.Projection.Excludes(current.Document) {
				continue
			}
			if err := r.table.AnnounceMembership(ctx, m, user.Generation); err != nil {
				return err
			}
		}
	}
	return r.table.RemoveMemberships(ctx, orphans)
}

// temporaryError is an error that a retry of the record may fix.
type temporaryError struct{ error }

// eventOf returns the event of a change, or nil if consumers see no change.
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
		change, err = e.resourceChange(c.OldResource, c.NewResource)
	case c.NewMembership != nil:
		change, err = e.membershipChange(c.OldMembership, c.NewMembership, subjects)
		if errors.Is(err, errSubjects) {
			return r.findLogged(ctx, e)
		}
	case c.NewDirectory != nil:
		change, err = r.directoryChange(ctx, &e, c.OldDirectory, c.NewDirectory)
	}
	if change == nil || err != nil {
		return nil, err
	}
	e.Name, e.event.Name, e.event.Data = change.Name, change.Name, change.Data
	e.Detail, err = json.Marshal(e.event)
	return &e, err
}

// setContext sets the directory, the time and the actor of the change.
func (e *entry) setContext(dir, org string, at time.Time, actor table.Actor) {
	e.DirectoryID, e.OrganizationID, e.at = dir, org, at
	e.event.CreatedAt, e.event.Context = scim.Timestamp(at), dsync.Context{RequestID: actor.RequestID, TokenID: actor.TokenID}
}

func (e *entry) resourceChange(old, updated *table.Resource) (*dsync.Change, error) {
	e.setContext(updated.DirectoryID, updated.OrganizationID, updated.Modified, updated.Actor)
	oldView, err := dsyncResource(old)
	if err != nil {
		return nil, err
	}
	newView, err := dsyncResource(updated)
	if err != nil {
		return nil, err
	}
	if updated.Kind == table.User {
		e.about = subjects{user: updated.ID}
		return dsync.UserChange(oldView, newView), nil
	}
	e.about = subjects{group: updated.ID}
	return dsync.GroupChange(oldView, newView), nil
}

func (e *entry) membershipChange(old, updated *table.Membership, records map[string]table.Resource) (*dsync.Change, error) {
	e.setContext(updated.DirectoryID, updated.OrganizationID, updated.At, updated.Actor)
	e.about = subjects{user: updated.UserID, group: updated.GroupID}
	userRecord, known := records[updated.UserID]
	groupRecord, also := records[updated.GroupID]
	if !known || !also {
		return nil, errSubjects
	}
	user, err := dsyncResource(&userRecord)
	if err != nil {
		return nil, err
	}
	group, err := dsyncResource(&groupRecord)
	if err != nil {
		return nil, err
	}
	return dsync.MembershipChange(membership(old), *membership(updated), *user, *group), nil
}

// findLogged returns the event of a membership whose user and group have been
// purged. The purge starts after the directory's log has ended. So the event
// is in the log already, or it comes after the end and is dropped.
func (r *Relay) findLogged(ctx context.Context, e entry) (*entry, error) {
	detail, err := r.eventLog.Find(ctx, e.DirectoryID, e.ID)
	switch {
	case err == nil:
		if err := json.Unmarshal(detail, &e.event); err != nil {
			return nil, fmt.Errorf("relay: logged event: %w", err)
		}
		e.Name, e.Detail = e.event.Name, detail
		return &e, nil
	case !errors.Is(err, table.ErrNotFound):
		return nil, temporaryError{err}
	}
	heads, err := r.table.LogHeads(ctx, []string{e.DirectoryID})
	if err != nil {
		return nil, temporaryError{err}
	}
	if heads[e.DirectoryID].End {
		return nil, nil
	}
	return nil, errSubjects
}

func (r *Relay) directoryChange(ctx context.Context, e *entry, old, updated *table.Directory) (*dsync.Change, error) {
	e.setContext(updated.ID, updated.OrganizationID, updated.Modified, updated.Actor)
	e.about = subjects{directory: true}
	view := directory(updated)
	if old != nil && old.Pending && !updated.Pending {
		o, err := r.table.Organization(ctx, updated.OrganizationID)
		if err != nil && !errors.Is(err, table.ErrNotFound) {
			return nil, temporaryError{err}
		}
		for _, d := range o.Domains {
			view.Domains = append(view.Domains, dsync.Domain{ID: d.ID, Domain: d.Domain})
		}
	}
	change := dsync.DirectoryChange(directory(old), view)
	e.End = change != nil && change.Name == dsync.DirectoryDeleted
	return change, nil
}

// dsyncResource converts a record.
func dsyncResource(r *table.Resource) (*dsync.Resource, error) {
	if r == nil {
		return nil, nil
	}
	doc, err := resource.Decode(r.Document)
	if err != nil {
		return nil, err
	}
	view, err := dsync.ParseProjection(r.View)
	return &dsync.Resource{
		ID: r.ID, DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID,
		Document: doc, Created: r.Created, Updated: r.Modified, Deleted: r.Deleted, Projection: view,
	}, err
}

func membership(m *table.Membership) *dsync.Membership {
	if m == nil {
		return nil
	}
	return &dsync.Membership{Deleted: m.Deleted, Hidden: m.Hidden, Generation: m.Generation}
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
		State: dsync.State(d.State), Tokens: tokens, Created: d.Created, Updated: d.Modified,
	}
}
