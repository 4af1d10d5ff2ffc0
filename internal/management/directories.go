package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"dsync/internal/credential"
	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/settings"
	"dsync/internal/table"
	"dsync/internal/table/finding"
)

// NewDirectory describes a directory to be created.
type NewDirectory struct {
	OrganizationID string
	Name           string
	Type           string // one of settings.DirectoryTypes; "" for the first
	// Settings are the settings that differ from the default.
	Settings settings.Change
	// Extensions are custom schemas of the directory's users, in the JSON form
	// of RFC 7643 section 7.
	Extensions []json.RawMessage
	// WithoutToken leaves the first token to the setup page: then CreateDirectory
	// returns none.
	WithoutToken bool
}

// CreateDirectory creates a directory of an organization with its first token.
// The secret is returned here and cannot be read again.
func (s *Session) CreateDirectory(ctx context.Context, n NewDirectory) (d Directory, first Token, secret string, err error) {
	at := s.timestamp()
	d = Directory{
		OrganizationID: n.OrganizationID, Name: n.Name, State: table.Validating,
		SCIMConfig: table.SCIMConfig{Type: n.Type, Pending: true, AllEmails: true, CursorKey: make([]byte, cursorKeyBytes)},
		Version:    1, Created: at, Modified: at, Actor: s.actor(),
	}
	if d.Type == "" {
		d.Type = settings.DirectoryTypes[0]
	}
	var invalid fault.Validation
	checkName(&invalid, "name", d.Name)
	checkID(&invalid, "organization_id", id.Organization, d.OrganizationID)
	if !slices.Contains(settings.DirectoryTypes, d.Type) {
		invalid.Add("type", "type must be one of %s.", strings.Join(settings.DirectoryTypes, ", "))
	}
	if err := settings.Apply(&d.SCIMConfig, n.Settings, n.Extensions, &invalid); err != nil {
		return d, first, "", err
	}
	if err := invalid.Err(); err != nil {
		return d, first, "", err
	}
	if _, err := s.reach.owner(d.OrganizationID); err != nil {
		return d, first, "", err
	}
	if err := s.setVerifiedDomains(ctx, &d); err != nil {
		return d, first, "", err
	}
	if _, err := io.ReadFull(s.entropy, d.CursorKey); err != nil {
		return d, first, "", fmt.Errorf("management: cursor key: %w", err)
	}
	if d.ID, err = id.New(id.Directory, at, s.entropy); err != nil {
		return d, first, "", fmt.Errorf("management: %w", err)
	}
	if d.ExternalKey, err = credential.NewExternalKey(s.entropy); err != nil {
		return d, first, "", err
	}
	var token table.TokenRef
	if !n.WithoutToken {
		if token, secret, err = s.newToken(at, time.Time{}); err != nil {
			return d, first, "", err
		}
		d.Tokens = []table.TokenRef{token}
	}
	members, err := directoryMembers(d)
	if err != nil {
		return d, first, "", err
	}
	event, err := s.changeIn(d, directoryCreated, d.ID, nil, members)
	if err != nil {
		return d, first, "", err
	}
	err = s.table.CreateDirectory(ctx, d, append(event.Actions(), finding.Point(d))...)
	if errors.Is(err, table.ErrNotFound) {
		return d, first, "", fault.Missing(organization, d.OrganizationID)
	} else if err != nil {
		return d, first, "", busy(err)
	}
	return d, s.token(table.Token{TokenRef: token, DirectoryID: d.ID, OrganizationID: d.OrganizationID}), secret, nil
}

// setVerifiedDomains gives a new directory the verified domains of its
// organization. Later changes of the domains are the work of table.ApplyDomains.
func (s *Session) setVerifiedDomains(ctx context.Context, d *Directory) error {
	o, err := s.Organization(ctx, d.OrganizationID)
	if err != nil {
		return err
	}
	view, err := dsync.ParseProjection(d.View)
	if err != nil {
		return err
	}
	view.Domains = o.VerifiedDomains()
	d.View = view.Encode()
	return nil
}

// cursorKeyBytes is the size of the key that signs a directory's cursors.
const cursorKeyBytes = 32

// Directory reads a directory.
func (s *Session) Directory(ctx context.Context, directoryID string) (Directory, error) {
	if !id.Directory.Valid(directoryID) {
		return Directory{}, fault.Missing(directory, directoryID)
	}
	d, err := s.reach.directory(ctx, directoryID)
	if errors.Is(err, table.ErrNotFound) {
		err = fault.Missing(directory, directoryID)
	}
	return d, err
}

// Counts reads how many users and groups directories have, by directory id. It is
// as far behind as their events.
func (s *Session) Counts(ctx context.Context, directoryIDs ...string) (map[string]Counts, error) {
	heads, err := s.table.LogHeads(ctx, directoryIDs)
	counts := make(map[string]Counts, len(heads))
	for directoryID, h := range heads {
		counts[directoryID] = h.Count
	}
	return counts, err
}

// Directories lists the directories, or those of an organization, whose name
// contains the search text; "" lists all.
func (s *Session) Directories(ctx context.Context, organizationID, search string, p PageRequest) (Page[Directory], error) {
	return list(ctx, p, s.reach.directories(organizationID), nameContains(search, func(d Directory) string { return d.Name }))
}

// nameContains matches the records whose name contains a text, in any letter
// case; nil for no text.
func nameContains[T any](search string, name func(T) string) func(T) bool {
	if search == "" {
		return nil
	}
	search = scim.Fold(search)
	return func(record T) bool { return strings.Contains(scim.Fold(name(record)), search) }
}

// DirectoryUpdate is a change of a directory.
type DirectoryUpdate struct {
	Name     *string // nil: no change
	Settings settings.Change
	// Extensions are custom schemas to add.
	Extensions []json.RawMessage
}

// UpdateDirectory changes a directory. If that changes the payloads of its users,
// a job updates all of them.
func (s *Session) UpdateDirectory(ctx context.Context, directoryID string, u DirectoryUpdate) (Directory, error) {
	return s.changeDirectory(ctx, directoryID, s.directoryEvent(directoryUpdated), func(d *Directory) error {
		var invalid fault.Validation
		if u.Name != nil {
			checkName(&invalid, "name", *u.Name)
			d.Name = *u.Name
		}
		if err := settings.Apply(&d.SCIMConfig, u.Settings, u.Extensions, &invalid); err != nil {
			return err
		}
		return invalid.Err()
	})
}

// PauseDirectory rejects SCIM requests to a directory until ResumeDirectory.
func (s *Session) PauseDirectory(ctx context.Context, directoryID string) (Directory, error) {
	return s.changeDirectory(ctx, directoryID, s.directoryEvent(directoryPaused), func(d *Directory) error {
		d.State, d.Paused = table.Unlinked, true
		return nil
	})
}

// ResumeDirectory ends a pause.
func (s *Session) ResumeDirectory(ctx context.Context, directoryID string) (Directory, error) {
	return s.changeDirectory(ctx, directoryID, s.directoryEvent(directoryResumed), func(d *Directory) error {
		if d.State == table.Unlinked {
			d.State, d.Paused = table.Linked, false
			if d.Pending {
				d.State = table.Validating
			}
		}
		return nil
	})
}

// DeleteDirectory revokes the tokens of a directory and starts a job that removes
// its records. It does nothing if the directory is being deleted.
func (s *Session) DeleteDirectory(ctx context.Context, directoryID string) error {
	return retryStale(func() error {
		old, err := s.Directory(ctx, directoryID)
		if err != nil || old.State == table.Deleting {
			return err
		}
		updated := s.updated(old)
		updated.State, updated.Tokens = table.Deleting, nil
		job, err := table.NewJob(table.Purge, old.ID, updated.Modified, s.actor(), s.entropy)
		if err != nil {
			return err
		}
		job.Subject = old.ID
		event, err := s.directoryEvent(directoryDeleted)(old, updated)
		if err != nil {
			return err
		}
		return s.table.ReplaceDirectory(ctx, old, updated, &job, append(event.Actions(), finding.Unpoint(old))...)
	})
}

// updated is the next version of a directory, without changes. Tokens that have
// expired are left out, without an event.
func (s *Session) updated(old Directory) table.Directory {
	updated := old
	updated.Version++
	updated.Modified, updated.Actor = s.timestamp(), s.actor()
	updated.Tokens = slices.DeleteFunc(slices.Clone(old.Tokens), func(r table.TokenRef) bool { return r.Expired(updated.Modified) })
	return updated
}

// changeDirectory writes a directory that edit has changed. It begins anew when
// another change came in between, and writes nothing if nothing changes. Each
// change is one event at most (dsync.DirectoryChange). record makes its audit
// event.
func (s *Session) changeDirectory(ctx context.Context, directoryID string, record func(before, after Directory) (AuditEvent, error), edit func(*Directory) error) (changed Directory, err error) {
	err = retryStale(func() error {
		old, err := s.Directory(ctx, directoryID)
		if err != nil {
			return err
		}
		if old.State == table.Deleting {
			return conflict("directory_deleting", "The directory is being deleted.")
		}
		updated := s.updated(old)
		before := updated
		if err := edit(&updated); err != nil {
			return err
		}
		changed = old
		if reflect.DeepEqual(updated, before) {
			return nil
		}
		var follow *table.Job
		if updated.View != old.View {
			job, err := table.NewJob(table.Project, old.ID, updated.Modified, s.actor(), s.entropy)
			if err != nil {
				return err
			}
			follow = &job
		}
		event, err := record(before, updated)
		if err != nil {
			return err
		}
		changed = updated
		// A directory of an earlier version gets its pointer with the next change.
		return s.table.ReplaceDirectory(ctx, old, updated, follow, append(event.Actions(), finding.Point(updated))...)
	})
	return changed, err
}
