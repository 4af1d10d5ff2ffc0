package directory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// Get reads one resource.
func (s *Session) Get(ctx context.Context, t Type, id string) (Resource, error) {
	_, r, err := s.load(ctx, t, id)
	return r, err
}

// load reads a resource as the record it is and as clients know it.
func (s *Session) load(ctx context.Context, t Type, id string) (table.Resource, Resource, error) {
	record, err := s.table.Resource(ctx, t.kind, s.token.DirectoryID, id)
	if errors.Is(err, table.ErrNotFound) {
		return record, Resource{}, notFound(t)
	} else if err != nil {
		return record, Resource{}, err
	}
	r, err := read(record)
	return record, r, err
}

// Create creates a resource, and for a group its first members.
func (s *Session) Create(ctx context.Context, t Type, doc map[string]any, members *scim.Members) (Resource, error) {
	if _, ok := doc["active"]; !ok && t.kind == table.User {
		doc["active"] = true
	}
	names, err := t.names(doc)
	if err != nil {
		return Resource{}, err
	}
	if err := s.admit(members); err != nil {
		return Resource{}, err
	}
	at := s.clock()
	kind := id.User
	if t.kind == table.Group {
		kind = id.Group
	}
	name, err := id.New(kind, at, s.entropy)
	if err != nil {
		return Resource{}, fmt.Errorf("directory: %w", err)
	}
	record := table.Resource{
		Kind: t.kind, ID: name, DirectoryID: s.token.DirectoryID, OrganizationID: s.token.OrganizationID,
		Document: scim.Encode(doc), Version: 1, Created: at, Modified: at, Actor: s.actor,
		View: s.token.View, Hidden: t.kind == table.User && s.token.view.Excludes(doc),
	}
	var first, rest []table.Membership
	if members != nil {
		change, err := s.plan(ctx, name, members)
		if err != nil {
			return Resource{}, err
		}
		first = change
		if len(first) > table.MaxCreateMembers {
			first, rest = change[:table.MaxCreateMembers], change[table.MaxCreateMembers:]
		}
	}
	create := s.table.Create
	if s.shares(t) {
		create = s.table.CreateShared
	}
	if err := create(ctx, record, names, first); err != nil {
		return Resource{}, s.taken(t, err)
	}
	s.visit.changed()
	if err := s.table.PutMemberships(ctx, rest); err != nil {
		return Resource{}, err
	}
	return read(record)
}

// shares reports whether resources of the type may share their names.
func (s *Session) shares(t Type) bool {
	return t.kind == table.Group && !s.token.settings.UniqueGroupNames
}

// taken turns a claimed name into the answer that Entra acts on: it queries
// and matches (entra.md section 8).
func (s *Session) taken(t Type, err error) error {
	if errors.Is(err, table.ErrTaken) {
		return scim.Errorf(http.StatusConflict, scim.Uniqueness, "another %s of this directory has this %s", t.Name, t.name).About(t.name)
	}
	return busy(err)
}

// Replace writes a whole resource (PUT). What the request does not mention of
// a user's state and of a group's members stays: members is nil then. Nobody
// is let in again, and no group emptied, by an omission.
func (s *Session) Replace(ctx context.Context, t Type, id string, doc map[string]any, members *scim.Members, c Condition) (Resource, error) {
	_, stated := doc["active"]
	return s.change(ctx, t, id, c, func(r Resource) (map[string]any, *scim.Members, error) {
		if was, ok := r.Document["active"]; ok && !stated {
			doc["active"] = was
		}
		return doc, members, nil
	})
}

// Patch applies operations to a resource, all or none. Operations on nothing
// but a group's members do not read the group: then the result is empty.
func (s *Session) Patch(ctx context.Context, t Type, id string, operations []scim.Operation, c Condition) (Resource, error) {
	patched, err := s.patch(ctx, t, id, operations, c)
	if err == nil {
		passed := map[string]int{}
		for _, path := range t.Ignored(operations) {
			passed[path]++
		}
		for _, path := range slices.Sorted(maps.Keys(passed)) {
			s.visit.tolerate(UnknownPath, path, passed[path])
		}
	}
	return patched, err
}

func (s *Session) patch(ctx context.Context, t Type, id string, operations []scim.Operation, c Condition) (Resource, error) {
	members, only, err := t.MembersOnly(operations)
	if err != nil {
		return Resource{}, err
	}
	if !only || c != "" {
		return s.change(ctx, t, id, c, func(r Resource) (map[string]any, *scim.Members, error) {
			return t.Patch(r.Document, operations)
		})
	}
	if err := s.admit(members); err != nil {
		return Resource{}, err
	}
	return Resource{}, s.changeMembers(ctx, t, id, 0, members)
}

// change reads a resource, lets edit make a new one of it, and writes that if
// it differs. It begins anew when another change came in between.
func (s *Session) change(ctx context.Context, t Type, id string, c Condition, edit func(Resource) (map[string]any, *scim.Members, error)) (changed Resource, err error) {
	err = race(func() error {
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
		if err := s.admit(members); err != nil {
			return err
		}
		version := old.Version
		next := old
		if next.Document = scim.Encode(doc); next.Document != old.Document {
			next.Version++
			next.Modified, next.Actor, next.View = s.clock(), s.actor, s.token.View
			is, err := t.names(doc)
			if err != nil {
				return err
			}
			was, _ := t.names(r.Document) // it was accepted once
			next.Hidden = t.kind == table.User && s.token.view.Excludes(doc)
			follow, err := s.returned(old, &next)
			if err != nil {
				return err
			}
			replace := s.table.Replace
			if s.shares(t) {
				replace = s.table.ReplaceShared
			}
			if err := replace(ctx, old, next, was, is, follow...); err != nil {
				return s.taken(t, err)
			}
			s.visit.changed()
			version = 0 // the condition held when this was written
		}
		if members == nil || members.Empty() {
			changed, err = read(next)
			return err
		}
		if c == "" {
			version = 0
		}
		if err := s.changeMembers(ctx, t, id, version, members); err != nil {
			return err
		}
		changed, err = s.Get(ctx, t, id)
		return err
	})
	return changed, err
}

// returned begins a new life of a user who was hidden from consumers and is
// shown again: they are told of the memberships that were kept, because the
// provider does not send them again (entra.md section 7).
func (s *Service) returned(old table.Resource, next *table.Resource) ([]table.Job, error) {
	if !old.Hidden || next.Hidden {
		return nil, nil
	}
	next.Generation++
	job, err := s.job(table.Announce, next.DirectoryID, next.Modified, next.Actor)
	job.Kind, job.Subject = next.Kind, next.ID
	return []table.Job{job}, err
}

// job is a new job, about to take its first step.
func (s *Service) job(task table.Task, dir string, at time.Time, actor table.Actor) (table.Job, error) {
	j := table.Job{DirectoryID: dir, Task: task, State: table.JobRunning, Created: at, Modified: at, Actor: actor}
	var err error
	if j.ID, err = id.New(id.Job, at, s.entropy); err != nil {
		return j, fmt.Errorf("directory: %w", err)
	}
	return j, nil
}

// Delete deletes a resource. Its memberships follow, without events.
func (s *Session) Delete(ctx context.Context, t Type, name string, c Condition) error {
	return race(func() error {
		old, r, err := s.load(ctx, t, name)
		if err != nil {
			return err
		}
		if err := c.check(r.Meta); err != nil {
			return err
		}
		at := s.clock()
		job, err := s.job(table.ClearMemberships, s.token.DirectoryID, at, s.actor)
		if err != nil {
			return err
		}
		job.Kind, job.Subject = t.kind, name
		names, _ := t.names(r.Document) // they were accepted once
		if err := s.table.Delete(ctx, old, names, job, at, s.actor); err != nil {
			return err
		}
		s.visit.changed()
		return nil
	})
}
