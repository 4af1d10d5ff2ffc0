package directory

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"dsync/internal/dsync"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// visible reads the users or groups of a list as consumers see them.
func (o *Operator) visible(d table.Directory, k table.Kind, read reader[table.Resource]) reader[shown] {
	return func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[shown], error) {
		records, err := read(ctx, from, newest, limit)
		s := table.Chunk[shown]{Last: records.Last, More: records.More}
		if err != nil {
			return s, err
		}
		for _, e := range records.Entries {
			e.Record.Kind = k
			one, err := show(d, e.Record)
			if err != nil {
				return s, err
			}
			if !one.hidden() {
				s.Entries = append(s.Entries, table.ListEntry[shown]{ID: e.ID, Record: one})
			}
		}
		return s, nil
	}
}

// chosen reads a few resources as a list.
func (o *Operator) chosen(dir string, k table.Kind, ids []string) reader[table.Resource] {
	return func(ctx context.Context, from string, newest bool, limit int) (table.Chunk[table.Resource], error) {
		slices.SortFunc(ids, func(a, b string) int { return inOrder(a, b, newest) })
		rest := slices.DeleteFunc(slices.Compact(slices.Clone(ids)), func(id string) bool { return from != "" && inOrder(id, from, newest) <= 0 })
		s := table.Chunk[table.Resource]{Last: from, More: len(rest) > limit}
		rest = rest[:min(limit, len(rest))]
		if len(rest) == 0 {
			return s, nil
		}
		s.Last = rest[len(rest)-1]
		records, err := o.table.Resources(ctx, k, dir, rest)
		for _, r := range records {
			if !r.Deleted {
				s.Entries = append(s.Entries, table.ListEntry[table.Resource]{ID: r.ID, Record: r})
			}
		}
		return s, err
	}
}

// UserFilter says which users to list: those of a directory, or of a group.
type UserFilter struct {
	Directory, Group string
	// IdPID and Email find users of a directory by what they are shown with.
	IdPID, Email string
}

func (f UserFilter) check() error {
	var wrong problems
	if f.Directory == "" && f.Group == "" {
		wrong.either("directory", "group")
	}
	var actor []string
	for _, p := range []struct{ field, value string }{{"group", f.Group}, {"idp_id", f.IdPID}, {"email", f.Email}} {
		if p.value == "" {
			continue
		}
		actor = append(actor, p.field)
		if p.field != "group" && f.Directory == "" {
			wrong.add(p.field, "%s must come with directory.", p.field)
		}
	}
	if len(actor) > 1 {
		wrong.add(actor[1], "%s must not come with %s.", actor[1], actor[0])
	}
	return wrong.err()
}

// either notes that one of two parameters is missing, in WorkOS's words.
func (p *problems) either(a, b string) {
	for _, field := range []string{a, b} {
		p.add(field, "Please provide either \"%s\" or \"%s\" parameters.", a, b)
	}
}

// Users lists users with their groups.
func (o *Operator) Users(ctx context.Context, f UserFilter, p Portion) (Found[json.RawMessage], error) {
	none := Found[json.RawMessage]{}
	if err := f.check(); err != nil {
		return none, err
	}
	d, err := o.home(ctx, Groups, f.Group, f.Directory)
	if err != nil {
		return none, err
	}
	if err := o.cursor(ctx, table.User, d.ID, p); err != nil {
		return none, err
	}
	var wanted func(shown) bool
	read := stretches(o.table, table.ResourcesOf(table.User, d.ID))
	switch {
	case f.Group != "":
		read = stretches(o.table, table.UsersIn(d.ID, f.Group))
	case f.IdPID != "":
		ids, err := o.table.ByExternalID(ctx, table.User, d.ID, f.IdPID)
		if read, err = o.candidates(ctx, d.ID, ids, f.IdPID, err); err != nil {
			return none, err
		}
		wanted = func(s shown) bool { return dsync.User(s.Resource)["idp_id"] == f.IdPID }
	case f.Email != "":
		ids, err := o.table.ByEmail(ctx, d.ID, f.Email)
		if read, err = o.candidates(ctx, d.ID, ids, f.Email, err); err != nil {
			return none, err
		}
		wanted = func(s shown) bool { return s.reachedBy(f.Email) }
	}
	g, err := gather(ctx, p, o.visible(d, table.User, read), wanted)
	if err != nil {
		return none, err
	}
	return o.present(ctx, d, g)
}

// candidates are the users of a look-up, and the one with that userName: what
// is looked up falls back to it.
func (o *Operator) candidates(ctx context.Context, dir string, ids []string, name string, err error) (reader[table.Resource], error) {
	if err != nil {
		return nil, err
	}
	switch one, err := o.table.ByName(ctx, table.User, dir, name); {
	case err == nil:
		ids = append(ids, one)
	case !errors.Is(err, table.ErrNotFound):
		return nil, err
	}
	return o.chosen(dir, table.User, ids), nil
}

// reachedBy reports whether the user has that e-mail address.
func (s shown) reachedBy(email string) bool {
	email = scim.Fold(email)
	names, err := Users.names(s.Document)
	if main, ok := dsync.User(s.Resource)["email"].(string); ok && err == nil {
		names.Emails = append(names.Emails, main)
	}
	return slices.ContainsFunc(names.Emails, func(e string) bool { return scim.Fold(e) == email })
}

// GroupFilter says which groups to list: those of a directory, or of a user.
type GroupFilter struct{ Directory, User string }

// Groups lists groups.
func (o *Operator) Groups(ctx context.Context, f GroupFilter, p Portion) (Found[json.RawMessage], error) {
	none := Found[json.RawMessage]{}
	if f.Directory == "" && f.User == "" {
		var wrong problems
		wrong.either("directory", "user")
		return none, wrong.err()
	}
	d, err := o.home(ctx, Users, f.User, f.Directory)
	if err != nil {
		return none, err
	}
	if err := o.cursor(ctx, table.Group, d.ID, p); err != nil {
		return none, err
	}
	read := stretches(o.table, table.ResourcesOf(table.Group, d.ID))
	if f.User != "" {
		read = stretches(o.table, table.GroupsWith(d.ID, f.User))
	}
	g, err := gather(ctx, p, o.visible(d, table.Group, read), nil)
	if err != nil {
		return none, err
	}
	return o.present(ctx, d, g)
}

// User reads a user with its groups. hint is the directory, or "".
func (o *Operator) User(ctx context.Context, name, hint string) (json.RawMessage, error) {
	return o.one(ctx, Users, name, hint)
}

// Group reads a group. hint is the directory, or "".
func (o *Operator) Group(ctx context.Context, name, hint string) (json.RawMessage, error) {
	return o.one(ctx, Groups, name, hint)
}

func (o *Operator) one(ctx context.Context, t Type, name, hint string) (json.RawMessage, error) {
	d, s, err := o.visit(ctx, t, name, hint)
	if err != nil {
		return nil, err
	}
	payloads, err := o.payloads(ctx, d, []shown{s})
	if err != nil {
		return nil, err
	}
	return payloads[0], nil
}

// visit finds a user or group that consumers are shown, and its directory.
func (o *Operator) visit(ctx context.Context, t Type, name, hint string) (table.Directory, shown, error) {
	d, r, err := o.locate(ctx, t, name, hint)
	if err != nil {
		return d, shown{}, err
	}
	s, err := show(d, r)
	if err == nil && s.hidden() {
		err = missing("", name)
	}
	return d, s, err
}

// home is the directory of a list: that of a user or group, if one is named,
// which must be in the directory that is named.
func (o *Operator) home(ctx context.Context, t Type, name, dir string) (table.Directory, error) {
	if name != "" {
		d, _, err := o.visit(ctx, t, name, dir)
		return d, err
	}
	d, err := o.Directory(ctx, dir)
	if err == nil && d.State == table.Deleting {
		err = missing(directory, dir)
	}
	return d, err
}

// cursor refuses a cursor that was never one of the directory.
func (o *Operator) cursor(ctx context.Context, k table.Kind, dir string, p Portion) error {
	at := p.After + p.Before
	if at == "" {
		return nil
	}
	known, err := o.table.Resources(ctx, k, dir, []string{at})
	if err == nil && len(known) == 0 {
		field := "after"
		if p.Before != "" {
			field = "before"
		}
		err = invalid(field, "%s must be a cursor of this list, not older than a week.", field)
	}
	return err
}
