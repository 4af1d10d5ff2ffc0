package management

import (
	"context"
	"slices"

	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
)

// UserFilter says which users to list: those of a directory, or of a group.
type UserFilter struct {
	DirectoryID, GroupID string
	// IdPID and Email find users of a directory by attributes of their payload.
	IdPID, Email string
	// Groups lists each user with its groups, for which there is a query for each
	// user; without it, with no groups.
	Groups bool
}

func (f UserFilter) check() error {
	var invalid fault.Validation
	if f.DirectoryID == "" && f.GroupID == "" {
		addEither(&invalid, "directory", "group")
	}
	var given []string
	for _, p := range []struct{ field, value string }{{"group", f.GroupID}, {"idp_id", f.IdPID}, {"email", f.Email}} {
		if p.value == "" {
			continue
		}
		given = append(given, p.field)
		if p.field != "group" && f.DirectoryID == "" {
			invalid.Add(p.field, "%s must come with directory.", p.field)
		}
	}
	if len(given) > 1 {
		invalid.Add(given[1], "%s must not come with %s.", given[1], given[0])
	}
	return invalid.Err()
}

// addEither adds that one of two parameters is missing, in WorkOS's words.
func addEither(v *fault.Validation, a, b string) {
	for _, field := range []string{a, b} {
		v.Add(field, "Please provide either \"%s\" or \"%s\" parameters.", a, b)
	}
}

// Users lists users.
func (s *Session) Users(ctx context.Context, f UserFilter, p PageRequest) (Page[Payload], error) {
	if err := f.check(); err != nil {
		return Page[Payload]{}, err
	}
	d, err := s.listedDirectory(ctx, table.Group, f.GroupID, f.DirectoryID)
	if err != nil {
		return Page[Payload]{}, err
	}
	if err := s.checkCursor(ctx, table.User, d.ID, p); err != nil {
		return Page[Payload]{}, err
	}
	var wanted func(projection) bool
	read := chunksOf(s.table, table.ResourcesOf(table.User, d.ID))
	switch {
	case f.GroupID != "":
		read = chunksOf(s.table, table.UsersIn(d.ID, f.GroupID))
	case f.IdPID != "":
		ids, err := s.table.ByExternalID(ctx, table.User, d.ID, f.IdPID)
		if err != nil {
			return Page[Payload]{}, err
		}
		if read, err = s.usersByID(ctx, d.ID, ids, f.IdPID); err != nil {
			return Page[Payload]{}, err
		}
		wanted = func(p projection) bool { return dsync.User(p.resource)["idp_id"] == f.IdPID }
	case f.Email != "":
		ids, err := s.table.ByEmail(ctx, d.ID, f.Email)
		if err != nil {
			return Page[Payload]{}, err
		}
		if read, err = s.usersByID(ctx, d.ID, ids, f.Email); err != nil {
			return Page[Payload]{}, err
		}
		wanted = func(p projection) bool { return p.hasEmail(f.Email) }
	}
	r, err := readRows(ctx, p, projections(d, table.User, read), wanted)
	if err != nil {
		return Page[Payload]{}, err
	}
	return s.payloadPage(ctx, d, r, f.Groups)
}

// usersByID reads users, and those with that userName: attributes of a
// payload fall back to the userName.
func (s *Session) usersByID(ctx context.Context, directoryID string, ids []string, userName string) (chunkReader[table.Resource], error) {
	named, err := s.table.NameHolders(ctx, table.User, directoryID, userName)
	if err != nil {
		return nil, err
	}
	return s.resourcesByID(table.User, directoryID, append(ids, named...)), nil
}

// resourcesByID reads users or groups with those ids, as a list.
func (s *Session) resourcesByID(k table.Kind, directoryID string, ids []string) chunkReader[table.Resource] {
	return func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[table.Resource], error) {
		slices.SortFunc(ids, func(a, b string) int { return compareIDs(a, b, newest) })
		rest := slices.DeleteFunc(slices.Compact(slices.Clone(ids)), func(id string) bool { return from != "" && compareIDs(id, from, newest) <= 0 })
		c := table.Chunk[table.Resource]{Last: from, More: len(rest) > limit}
		rest = rest[:min(limit, len(rest))]
		if len(rest) == 0 {
			return c, nil
		}
		c.Last = rest[len(rest)-1]
		records, err := s.table.Resources(ctx, k, directoryID, rest)
		for _, r := range records {
			if !r.Deleted {
				c.Entries = append(c.Entries, table.ListEntry[table.Resource]{ID: r.ID, Record: r})
			}
		}
		return c, err
	}
}

// hasEmail reports whether the user has that e-mail address, in any letter
// case.
func (p projection) hasEmail(email string) bool {
	emails := resource.WorkEmails(p.resource.Projection.Visible(p.resource.Document))
	if main, ok := dsync.User(p.resource)["email"].(string); ok {
		emails = append(emails, main)
	}
	return slices.ContainsFunc(emails, func(e string) bool { return scim.Fold(e) == scim.Fold(email) })
}

// User reads a user with its groups. hint is the id of the directory, or "".
func (s *Session) User(ctx context.Context, userID, hint string) (Payload, error) {
	return s.payload(ctx, table.User, userID, hint)
}

func (s *Session) payload(ctx context.Context, k table.Kind, resourceID, hint string) (Payload, error) {
	d, p, err := s.locateProjection(ctx, k, resourceID, hint)
	if err != nil {
		return nil, err
	}
	payloads, err := s.payloads(ctx, d, []projection{p}, true)
	if err != nil {
		return nil, err
	}
	return payloads[0], nil
}

// locateProjection finds a user or group that consumers see, and its directory.
func (s *Session) locateProjection(ctx context.Context, k table.Kind, resourceID, hint string) (table.Directory, projection, error) {
	d, r, err := s.locate(ctx, k, resourceID, hint)
	if err != nil {
		return d, projection{}, err
	}
	p, err := project(d, r)
	if err == nil && p.hidden() {
		err = fault.Missing("", resourceID)
	}
	return d, p, err
}

// listedDirectory is the directory of a list: that of a user or group, if one
// is given, which must be in the directory that is given.
func (s *Session) listedDirectory(ctx context.Context, k table.Kind, resourceID, directoryID string) (table.Directory, error) {
	if resourceID != "" {
		d, _, err := s.locateProjection(ctx, k, resourceID, directoryID)
		return d, err
	}
	d, err := s.Directory(ctx, directoryID)
	if err == nil && d.State == table.Deleting {
		err = fault.Missing(directory, directoryID)
	}
	return d, err
}

// checkCursor refuses a cursor that was never one of the directory.
func (s *Session) checkCursor(ctx context.Context, k table.Kind, directoryID string, p PageRequest) error {
	cursor := p.After + p.Before
	if cursor == "" {
		return nil
	}
	known, err := s.table.Resources(ctx, k, directoryID, []string{cursor})
	if err == nil && len(known) == 0 {
		field := "after"
		if p.Before != "" {
			field = "before"
		}
		err = fault.InvalidField(field, "%s must be a cursor of this list, not older than a week.", field)
	}
	return err
}

// projections reads the users or groups of a list that consumers see.
func projections(d table.Directory, k table.Kind, read chunkReader[table.Resource]) chunkReader[projection] {
	return func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[projection], error) {
		records, err := read(ctx, from, newest, limit)
		c := table.Chunk[projection]{Last: records.Last, More: records.More}
		if err != nil {
			return c, err
		}
		for _, e := range records.Entries {
			e.Record.Kind = k
			p, err := project(d, e.Record)
			if err != nil {
				return c, err
			}
			if !p.hidden() {
				c.Entries = append(c.Entries, table.ListEntry[projection]{ID: e.ID, Record: p})
			}
		}
		return c, nil
	}
}
