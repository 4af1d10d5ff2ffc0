package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"dsync/internal/doctor"
	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
	"dsync/internal/usage"
)

// Get reads one resource.
func (s *Session) Get(ctx context.Context, t Type, id string) (Resource, error) {
	_, r, err := s.load(ctx, t, id)
	if err == nil && t.kind == table.User {
		s.trace.Observe(usage.Observation{Code: doctor.LookedUp})
	}
	return r, err
}

// changed notes that a resource was changed, and what that tells of the directory.
// before is nil for a new one, after for one that was deleted.
func (s *Session) changed(t Type, id string, before, after map[string]any) {
	s.trace.Changed()
	if t.kind == table.User {
		s.trace.Observe(doctor.Examine(id, before, after, s.trace.DirectoryType(), s.projection.Domains)...)
		return
	}
	name, _ := after[t.key].(string)
	if former, _ := before[t.key].(string); name != former {
		s.trace.Observe(doctor.ExamineGroup(id, name)...)
	}
}

// load reads a resource as the record it is and as clients know it.
func (s *Session) load(ctx context.Context, t Type, id string) (table.Resource, Resource, error) {
	record, err := s.table.Resource(ctx, t.kind, s.directoryID, id)
	if errors.Is(err, table.ErrNotFound) {
		return record, Resource{}, notFound(t)
	} else if err != nil {
		return record, Resource{}, err
	}
	r, err := parse(record)
	return record, r, err
}

// Create creates a resource, and for a group its first members.
func (s *Session) Create(ctx context.Context, t Type, doc map[string]any, members *resource.Members) (Resource, error) {
	idKind := id.User
	if t.kind == table.Group {
		idKind = id.Group
	}
	resourceID, err := id.New(idKind, s.timestamp(), s.entropy)
	if err != nil {
		return Resource{}, fmt.Errorf("session: %w", err)
	}
	return s.create(ctx, t, resourceID, doc, members)
}

// Import is Create with an id that the client brings, which must have the form
// of the ids here. An id that was used before, in any directory, is a conflict.
func (s *Session) Import(ctx context.Context, t Type, id string, doc map[string]any, members *resource.Members) (Resource, error) {
	if !t.kind.ValidID(id) {
		return Resource{}, fault.New(fault.Invalid, scim.InvalidValue, "the id to import must be %s", t.kind.IDForm()).About("id")
	}
	return s.create(ctx, t, id, doc, members)
}

func (s *Session) create(ctx context.Context, t Type, resourceID string, doc map[string]any, members *resource.Members) (Resource, error) {
	if _, ok := doc[activeAttribute]; !ok && t.kind == table.User {
		doc[activeAttribute] = true
	}
	if err := resource.TidyName(t.ResourceType, doc, nil); err != nil {
		return Resource{}, err
	}
	keys, err := t.keys(doc, s.projection)
	if err != nil {
		return Resource{}, err
	}
	if err := s.checkNested(members); err != nil {
		return Resource{}, err
	}
	if err := s.checkQuota(ctx, t); err != nil {
		return Resource{}, err
	}
	at := s.timestamp()
	record := table.Resource{
		Kind: t.kind, ID: resourceID, DirectoryID: s.directoryID, OrganizationID: s.organizationID,
		Document: resource.Encode(doc), Version: 1, Created: at, Modified: at, Actor: s.actor,
		View: s.encodedProjection, Hidden: t.kind == table.User && s.projection.Excludes(doc),
	}
	var first, rest []table.Membership
	if members != nil {
		change, err := s.planMemberships(ctx, resourceID, 0, members)
		if err != nil {
			return Resource{}, err
		}
		first = change.in(record.Version, 0)
		if len(first) > table.MaxCreateMembers {
			first, rest = first[:table.MaxCreateMembers], first[table.MaxCreateMembers:]
		}
	}
	create := s.table.Create
	if s.sharesNames(t) {
		create = s.table.CreateShared
	}
	if err := create(ctx, record, keys, first); err != nil {
		return Resource{}, s.taken(t, err)
	}
	s.changed(t, resourceID, nil, doc)
	if err := s.table.PutMemberships(ctx, rest); err != nil {
		return Resource{}, err
	}
	return parse(record)
}

// sharesNames reports whether resources of the type may share their names.
func (s *Session) sharesNames(t Type) bool {
	return t.kind == table.Group && !s.settings.UniqueGroupNames
}

// taken turns a claimed name or id into the error that Entra acts on: it queries and
// matches (entra.md section 8).
func (s *Session) taken(t Type, err error) error {
	if errors.Is(err, table.ErrIDTaken) {
		return fault.New(fault.Conflict, scim.Uniqueness, "the id of the new %s was used before", t.Name).About("id")
	}
	if errors.Is(err, table.ErrTaken) {
		return fault.New(fault.Conflict, scim.Uniqueness, "another %s of this directory has this %s", t.Name, t.key).About(t.key)
	}
	return busy(err)
}

// Replace writes a whole resource (PUT). What the request does not mention of
// a user's state and of a group's members stays: members is nil then. An
// omission does not activate a user, and empties a group only if the profile of
// the directory says so.
func (s *Session) Replace(ctx context.Context, t Type, id string, doc map[string]any, members *resource.Members, c Condition) (Resource, error) {
	if members == nil && t.kind == table.Group && s.settings.Profile().RemoveOmittedMembers {
		members = &resource.Members{Reset: true}
	}
	_, stated := doc[activeAttribute]
	return s.change(ctx, t, id, c, func(r Resource) (map[string]any, *resource.Members, error) {
		if old, ok := r.Document[activeAttribute]; ok && !stated {
			doc[activeAttribute] = old
		}
		return doc, members, nil
	})
}

// Patch applies operations to a resource, all or none. Operations on nothing
// but a group's members do not read the group: then the result is empty.
func (s *Session) Patch(ctx context.Context, t Type, id string, operations []patch.Operation, c Condition) (Resource, error) {
	resolved := patch.Resolve(t.ResourceType, operations)
	patched, err := s.applyPatch(ctx, t, id, resolved, c)
	s.compared.Add(int64(resolved.Compared()))
	if err != nil {
		return patched, err
	}
	ignored := map[string]int{}
	for _, path := range resolved.Ignored() {
		ignored[path]++
	}
	for _, path := range slices.Sorted(maps.Keys(ignored)) {
		s.trace.Tolerate(usage.UnknownPath, path, ignored[path])
	}
	return patched, nil
}

func (s *Session) applyPatch(ctx context.Context, t Type, id string, p *patch.Resolved, c Condition) (Resource, error) {
	members, only, err := p.MembersOnly()
	if err != nil {
		return Resource{}, err
	}
	if !only || c.Demanded() || members.Reset {
		return s.change(ctx, t, id, c, func(r Resource) (map[string]any, *resource.Members, error) {
			return p.Apply(r.Document)
		})
	}
	if err := s.checkNested(members); err != nil {
		return Resource{}, err
	}
	if !t.kind.ValidID(id) {
		return Resource{}, notFound(t)
	}
	change, err := s.planMemberships(ctx, id, 0, members)
	if err != nil {
		return Resource{}, err
	}
	return Resource{}, s.changeMembers(ctx, t, id, 0, change)
}

// change reads a resource, lets edit change it, and writes what differs. It
// begins anew when another change came in between.
func (s *Session) change(ctx context.Context, t Type, id string, c Condition, edit func(Resource) (map[string]any, *resource.Members, error)) (changed Resource, err error) {
	err = retryStale(func() error {
		old, r, err := s.load(ctx, t, id)
		if err != nil {
			return err
		}
		if err := c.check(r.Meta); err != nil {
			return err
		}
		doc, members, err := edit(r)
		if err != nil {
			return err
		}
		// A name that an earlier version accepted does not stand in the way of another
		// change.
		if err := resource.TidyName(t.ResourceType, doc, r.Document); err != nil {
			return err
		}
		if err := s.checkNested(members); err != nil {
			return err
		}
		if members != nil && members.Empty() {
			members = nil
		}
		document := resource.Encode(doc)
		switch {
		case document != old.Document && document != resource.Encode(r.Document):
			changed, err = s.replace(ctx, t, old, r, doc, members)
		case members != nil:
			changed, err = s.replaceMembers(ctx, t, old, members, c)
		default:
			changed, err = parse(old)
		}
		return err
	})
	return changed, err
}

// replaceMembers changes the members of a group whose attributes stay as they
// are.
func (s *Session) replaceMembers(ctx context.Context, t Type, old table.Resource, members *resource.Members, c Condition) (Resource, error) {
	version := int64(0)
	if c.Demanded() {
		version = old.Version
	}
	change, err := s.planMemberships(ctx, old.ID, old.Emptied, members)
	if err != nil {
		return Resource{}, err
	}
	if !change.rest {
		err = s.changeMembers(ctx, t, old.ID, version, change)
	} else {
		err = s.empty(ctx, old, change)
	}
	if err != nil {
		return Resource{}, err
	}
	return s.Get(ctx, t, old.ID)
}

// replace writes a new document over a resource, with a change of members or
// nil. The members count as a change of their own, as if they came in a request
// of their own: they raise the version once more.
func (s *Session) replace(ctx context.Context, t Type, old table.Resource, r Resource, doc map[string]any, members *resource.Members) (Resource, error) {
	keys, err := t.keys(doc, s.projection)
	before := len(resource.Emails(r.Document))
	if err != nil && (before <= MaxEmails || len(resource.Emails(doc)) > before) {
		return Resource{}, err // a user who had too many before can still change
	}
	oldKeys, err := t.storedKeys(old, r.Document)
	if err != nil {
		return Resource{}, err
	}
	updated := old
	updated.Document = resource.Encode(doc)
	updated.Version++
	updated.Modified, updated.Actor, updated.View = s.timestamp(), s.actor, s.encodedProjection
	if updated.Modified.Before(old.Modified) {
		updated.Modified = old.Modified
	}
	if dsync.Active(doc) != dsync.Active(r.Document) {
		updated.Switched = updated.Modified.UnixMilli()
	}
	updated.Hidden = t.kind == table.User && s.projection.Excludes(doc)
	var change membershipPlan
	if members != nil {
		if change, err = s.planMemberships(ctx, old.ID, old.Emptied, members); err != nil {
			return Resource{}, err
		}
	}
	if change.rest || len(change.write) > 0 {
		updated.Version++
	}
	follow, err := s.announce(old, &updated)
	if err != nil {
		return Resource{}, err
	}
	if change.rest {
		job, err := s.emptied(&updated)
		if err != nil {
			return Resource{}, err
		}
		follow = append(follow, job)
	}
	replace := s.table.Replace
	if s.sharesNames(t) {
		replace = s.table.ReplaceShared
	}
	if err := replace(ctx, old, updated, oldKeys, keys, follow...); err != nil {
		return Resource{}, s.taken(t, err)
	}
	s.changed(t, old.ID, r.Document, doc)
	s.trace.Observe(doctor.Swapped(old.ID, old.Document, updated.Document))
	if err := s.table.PutMemberships(ctx, change.in(updated.Version, updated.Emptied)); err != nil {
		return Resource{}, err
	}
	return parse(updated)
}

// announce begins a new generation of a user who was hidden from consumers and
// is visible again: a job announces the memberships that were kept, because the
// provider does not send them again (entra.md section 7).
func (s *Session) announce(old table.Resource, updated *table.Resource) ([]table.Job, error) {
	if !old.Hidden || updated.Hidden {
		return nil, nil
	}
	updated.Generation++
	updated.VisibleSince = updated.Modified
	job, err := table.NewJob(table.Announce, updated.DirectoryID, updated.Modified, updated.Actor, s.entropy)
	job.Kind, job.Subject = updated.Kind, updated.ID
	return []table.Job{job}, err
}

// MaxCleared is how many memberships go with their user or group in the request
// that deletes it: 12 batches, which take some hundred milliseconds. A job
// removes the others. Users are in fewer groups, with rare exceptions.
const MaxCleared = 300

// Delete deletes a resource, and its memberships without events: as many as
// MaxCleared at once, the others shortly afterwards. The memberships of a user
// are found in the index; a job removes those that it does not have yet. When
// Delete fails after the resource is deleted, the job removes all of them.
func (s *Session) Delete(ctx context.Context, t Type, id string, c Condition) error {
	return retryStale(func() error {
		old, r, err := s.load(ctx, t, id)
		if err != nil {
			return err
		}
		if err := c.check(r.Meta); err != nil {
			return err
		}
		at := s.timestamp()
		job, err := table.NewJob(table.ClearMemberships, s.directoryID, at, s.actor, s.entropy)
		if err != nil {
			return err
		}
		job.Kind, job.Subject = t.kind, id
		keys, err := t.storedKeys(old, r.Document)
		if err != nil {
			return err
		}
		if err := s.table.Delete(ctx, old, keys, job, at, s.actor); err != nil {
			return err
		}
		s.changed(t, id, r.Document, nil)
		if t.kind == table.User {
			s.trace.Observe(doctor.ExamineDeletion(id, old.Created, at)...)
		}
		_, err = s.table.ClearMemberships(ctx, t.kind, s.directoryID, id, MaxCleared)
		return err
	})
}
