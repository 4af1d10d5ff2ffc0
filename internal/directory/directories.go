package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// The types of directories, as WorkOS names them (workos.md section 1.2).
const (
	Entra   = "azure scim v2.0"
	Okta    = "okta scim v2.0"
	Generic = "generic scim v2.0"
)

// DirectoryTypes are all of them, the default first.
var DirectoryTypes = []string{Entra, Okta, Generic}

// NewDirectory describes a directory to be created.
type NewDirectory struct {
	OrganizationID string
	Name           string
	Type           string // "" for Entra
	// Settings are those that differ from the default.
	Settings SettingsChange
	// Extensions are custom schemas of the directory's users, in the JSON form
	// of RFC 7643 section 7.
	Extensions []json.RawMessage
}

// CreateDirectory creates a directory of an organization with its first token.
// The secret is shown here and never again. It fails with a *Refusal.
func (s *Service) CreateDirectory(ctx context.Context, n NewDirectory) (d Directory, secret string, err error) {
	return s.createDirectory(ctx, n, table.Actor{})
}

// CreateDirectory creates a directory of an organization with its first token.
// The secret is shown here and never again.
func (o *Operator) CreateDirectory(ctx context.Context, n NewDirectory) (d Directory, first Token, secret string, err error) {
	if d, secret, err = o.createDirectory(ctx, n, o.actor); err == nil {
		first = o.listed(table.Token{TokenRef: d.Tokens[0], DirectoryID: d.ID, OrganizationID: d.OrganizationID})
	}
	return d, first, secret, err
}

func (s *Service) createDirectory(ctx context.Context, n NewDirectory, actor table.Actor) (d Directory, secret string, err error) {
	at := s.clock()
	d = Directory{
		OrganizationID: n.OrganizationID, Name: n.Name, Type: n.Type, State: table.Validating,
		SCIMConfig: table.SCIMConfig{Pending: true, CursorKey: make([]byte, cursorKeyBytes)},
		Version:    1, Created: at, Modified: at, Actor: actor,
	}
	if d.Type == "" {
		d.Type = Entra
	}
	var wrong problems
	wrong.name("name", d.Name)
	wrong.id("organization_id", id.Organization, d.OrganizationID)
	if !slices.Contains(DirectoryTypes, d.Type) {
		wrong.add("type", "type must be one of %s.", strings.Join(DirectoryTypes, ", "))
	}
	if err := describe(&d.SCIMConfig, n.Settings, n.Extensions, &wrong); err != nil {
		return d, "", err
	}
	if err := wrong.err(); err != nil {
		return d, "", err
	}
	if _, err := io.ReadFull(s.entropy, d.CursorKey); err != nil {
		return d, "", fmt.Errorf("directory: cursor key: %w", err)
	}
	if d.ID, err = id.New(id.Directory, at, s.entropy); err != nil {
		return d, "", fmt.Errorf("directory: %w", err)
	}
	if d.ExternalKey, err = newExternalKey(s.entropy); err != nil {
		return d, "", err
	}
	token, secret, err := s.newToken(at)
	if err != nil {
		return d, "", err
	}
	d.Tokens = []table.TokenRef{token}
	err = busy(s.table.CreateDirectory(ctx, d))
	if errors.Is(err, table.ErrNotFound) {
		err = missing(organization, d.OrganizationID)
	}
	return d, secret, err
}

// cursorKeyBytes is the size of the key that signs a directory's cursors.
const cursorKeyBytes = 32

// describe gives a directory schemas and settings. A mapping may name
// attributes of the schemas that come with it.
func describe(p *table.SCIMConfig, settings SettingsChange, extensions []json.RawMessage, wrong *problems) error {
	if err := extend(p, extensions, wrong); err != nil {
		return err
	}
	users, err := extended(*p)
	if err != nil {
		return err
	}
	return set(p, settings, users, wrong)
}

// The kinds of objects, as errors name them.
const (
	organization = "Organization"
	directory    = "Directory"
)

// Directory reads a directory.
func (o *Operator) Directory(ctx context.Context, name string) (Directory, error) {
	if !id.Directory.Valid(name) {
		return Directory{}, missing(directory, name)
	}
	d, err := o.table.Directory(ctx, name)
	if errors.Is(err, table.ErrNotFound) {
		err = missing(directory, name)
	}
	return d, err
}

// Directories lists the directories, or those of an organization, whose name
// holds the search text, if there is one.
func (o *Operator) Directories(ctx context.Context, organizationID, search string, p Portion) (Found[Directory], error) {
	all := table.Directories()
	if organizationID != "" {
		all = table.DirectoriesOf(organizationID)
	}
	return list(ctx, p, stretches(o.table, all), naming(search, func(d Directory) string { return d.Name }))
}

// naming tells the records whose name holds a text, in any letter case; nil
// for no text.
func naming[T any](search string, name func(T) string) func(T) bool {
	if search == "" {
		return nil
	}
	search = scim.Fold(search)
	return func(record T) bool { return strings.Contains(scim.Fold(name(record)), search) }
}

// DirectoryUpdate is what of a directory is to change.
type DirectoryUpdate struct {
	Name     *string
	Settings SettingsChange
	// Extensions are custom schemas that are to be there, too.
	Extensions []json.RawMessage
}

// UpdateDirectory changes a directory. When that changes what its users look
// like, a job shows all of them anew.
func (o *Operator) UpdateDirectory(ctx context.Context, name string, u DirectoryUpdate) (Directory, error) {
	return o.change(ctx, name, func(d *Directory) error {
		var wrong problems
		if u.Name != nil {
			wrong.name("name", *u.Name)
			d.Name = *u.Name
		}
		if err := describe(&d.SCIMConfig, u.Settings, u.Extensions, &wrong); err != nil {
			return err
		}
		return wrong.err()
	})
}

// PauseDirectory lets no request in until ResumeDirectory.
func (o *Operator) PauseDirectory(ctx context.Context, name string) (Directory, error) {
	return o.change(ctx, name, func(d *Directory) error {
		d.State, d.Paused = table.Unlinked, true
		return nil
	})
}

// ResumeDirectory ends a pause.
func (o *Operator) ResumeDirectory(ctx context.Context, name string) (Directory, error) {
	return o.change(ctx, name, func(d *Directory) error {
		if d.State == table.Unlinked {
			d.State, d.Paused = table.Linked, false
			if d.Pending {
				d.State = table.Validating
			}
		}
		return nil
	})
}

// DeleteDirectory lets no request in any more and starts a job that removes
// all of the directory. What is being deleted already stays as it is.
func (o *Operator) DeleteDirectory(ctx context.Context, name string) error {
	return race(func() error {
		old, err := o.Directory(ctx, name)
		if err != nil || old.State == table.Deleting {
			return err
		}
		next := o.next(old)
		next.State, next.Tokens = table.Deleting, nil
		job, err := o.job(table.Purge, old.ID, next.Modified, o.actor)
		if err != nil {
			return err
		}
		job.Subject = old.ID
		return o.table.ReplaceDirectory(ctx, old, next, &job)
	})
}

// next is a directory as it is to be written over old. A token that has
// expired goes in silence.
func (o *Operator) next(old Directory) table.Directory {
	next := old
	next.Version++
	next.Modified, next.Actor = o.clock(), o.actor
	next.Tokens = slices.DeleteFunc(slices.Clone(old.Tokens), func(r table.TokenRef) bool { return r.Expired(next.Modified) })
	return next
}

// change writes a directory that edit has changed; it begins anew when another
// change came in between. Nothing is written if nothing changes. Each change is
// one event at most (dsync.DirectoryChange).
func (o *Operator) change(ctx context.Context, name string, edit func(*Directory) error) (changed Directory, err error) {
	err = race(func() error {
		old, err := o.Directory(ctx, name)
		if err != nil {
			return err
		}
		if old.State == table.Deleting {
			return conflict("directory_deleting", "The directory is being deleted.")
		}
		next := o.next(old)
		before := next
		if err := edit(&next); err != nil {
			return err
		}
		if changed = old; reflect.DeepEqual(next, before) {
			return nil
		}
		var follow *table.Job
		if next.View != old.View {
			job, err := o.job(table.Project, old.ID, next.Modified, o.actor)
			if err != nil {
				return err
			}
			follow = &job
		}
		changed = next
		return o.table.ReplaceDirectory(ctx, old, next, follow)
	})
	return changed, err
}

// Jobs lists the long work of a directory.
func (o *Operator) Jobs(ctx context.Context, name string, p Portion) (Found[Job], error) {
	if _, err := o.Directory(ctx, name); err != nil {
		return Found[Job]{}, err
	}
	return list(ctx, p, stretches(o.table, table.Jobs(name)), nil)
}

// Job reads one piece of long work.
func (o *Operator) Job(ctx context.Context, name string) (Job, error) {
	if !id.Job.Valid(name) {
		return Job{}, missing("Job", name)
	}
	j, err := o.table.Job(ctx, name)
	if errors.Is(err, table.ErrNotFound) {
		err = missing("Job", name)
	}
	return j, err
}
