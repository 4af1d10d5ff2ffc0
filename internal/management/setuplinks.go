package management

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dsync/internal/branding"
	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/audit"
	"dsync/internal/table/setuplink"
)

// The steps of a setup, in their order.
const (
	StepWelcome     = setuplink.StepWelcome
	StepApplication = setuplink.StepApplication
	StepConnect     = setuplink.StepConnect
	StepMappings    = setuplink.StepMappings
	StepTestUser    = setuplink.StepTestUser
	StepPeople      = setuplink.StepPeople
	StepDone        = setuplink.StepDone
)

const (
	// SetupPath is the path of the setup page.
	SetupPath = "/setup/"
	// SetupLinkLifetime is how long a setup link works unless its creator says
	// otherwise: the customer's admin may be away, or wait for somebody's approval.
	// MaxSetupLinkLifetime is the longest.
	SetupLinkLifetime    = 14 * 24 * time.Hour
	MaxSetupLinkLifetime = 30 * 24 * time.Hour
	// MaxContacts is how many contacts a link may have (workos.md section 3).
	MaxContacts = 20
)

// SetupLink is a setup link with its state and the step that the setup of its
// directory has reached.
type SetupLink struct {
	setuplink.Link
	State credential.State
	Step  string
}

// NewSetupLink describes a setup link to be made.
type NewSetupLink struct {
	DirectoryID string
	Expires     time.Time // zero is in SetupLinkLifetime
	// ReturnURL is where the vendor's logo leads, SuccessURL where the end of the setup
	// leads. Both are in an allowed origin (SetupPage), or "".
	ReturnURL, SuccessURL string
	Contacts              []string // e-mail addresses of the customer's admins
}

// CreateSetupLink makes a link to the setup page of a directory. It revokes the link
// before, and with it the session that this one opened. The secret is returned here
// and cannot be read again.
func (s *Session) CreateSetupLink(ctx context.Context, n NewSetupLink) (l SetupLink, secret string, err error) {
	d, err := s.Directory(ctx, n.DirectoryID)
	if err != nil {
		return l, "", err
	}
	if d.State == table.Deleting {
		return l, "", conflict("directory_deleting", "The directory is being deleted.")
	}
	at := s.timestamp()
	if n.Expires.IsZero() {
		n.Expires = at.Add(SetupLinkLifetime)
	}
	if err := s.checkSetupLink(ctx, n, at); err != nil {
		return l, "", err
	}
	made, err := credential.NewSecret(credential.SetupLinkPrefix, s.entropy)
	if err != nil {
		return l, "", err
	}
	link := setuplink.Link{
		Hash: made.Hash, DirectoryID: d.ID, OrganizationID: d.OrganizationID, Created: at, Expires: n.Expires,
		ReturnURL: n.ReturnURL, SuccessURL: n.SuccessURL, Contacts: n.Contacts,
	}
	if link.ID, err = id.New(id.SetupLink, at, s.entropy); err != nil {
		return l, "", fmt.Errorf("management: %w", err)
	}
	err = retryStale(func() error {
		before, err := setuplink.Latest(ctx, s.table, d.ID)
		if err != nil && !errors.Is(err, table.ErrNotFound) {
			return err
		}
		last := &before
		if errors.Is(err, table.ErrNotFound) {
			last = nil
		}
		events, err := s.setupLinkEvents(link, last, at)
		if err != nil {
			return err
		}
		return setuplink.Create(ctx, s.table, link, last, audit.Actions(events...)...)
	})
	if err != nil {
		return l, "", err
	}
	counts, err := s.Counts(ctx, d.ID)
	return s.setupLink(link, d, counts[d.ID]), made.Value, err
}

// setupLinkEvents are the audit events of a new link, and of the end of the one
// before.
func (s *Session) setupLinkEvents(link setuplink.Link, before *setuplink.Link, at time.Time) ([]AuditEvent, error) {
	created, err := s.setupLinkChange(setupLinkCreated, link, at, nil, map[string]any{"state": credential.Active, "expires_at": expiry(link.Expires)})
	if err != nil || before == nil || before.Revoked {
		return []AuditEvent{created}, err
	}
	revoked, err := s.setupLinkRevocation(*before, at)
	return []AuditEvent{created, revoked}, err
}

func (s *Session) setupLinkRevocation(l setuplink.Link, at time.Time) (AuditEvent, error) {
	return s.setupLinkChange(setupLinkRevoked, l, at, map[string]any{"state": credential.StateOf(l.Revoked, l.Expires, at)}, map[string]any{"state": credential.Revoked})
}

func (s *Session) setupLinkChange(action string, l setuplink.Link, at time.Time, before, after map[string]any) (AuditEvent, error) {
	e, err := s.changeOf(action, l.ID, at, before, after)
	e.OrganizationID, e.DirectoryID = l.OrganizationID, l.DirectoryID
	return e, err
}

// checkSetupLink refuses a link that lives too long or leads to an origin that is not
// allowed.
func (s *Session) checkSetupLink(ctx context.Context, n NewSetupLink, at time.Time) error {
	var invalid fault.Validation
	checkExpiry(&invalid, "expires_at", n.Expires, at)
	if n.Expires.Sub(at) > MaxSetupLinkLifetime {
		invalid.Add("expires_at", "expires_at must be within %d days.", int(MaxSetupLinkLifetime.Hours()/24))
	}
	if len(n.Contacts) > MaxContacts || slices.ContainsFunc(n.Contacts, func(c string) bool { return !branding.IsEmail(c) }) {
		invalid.Add("it_contact_emails", "it_contact_emails must be at most %d e-mail addresses.", MaxContacts)
	}
	if n.ReturnURL+n.SuccessURL != "" {
		page, err := setuplink.ReadPage(ctx, s.table)
		if err != nil {
			return err
		}
		for _, u := range []struct{ field, url string }{{"return_url", n.ReturnURL}, {"success_url", n.SuccessURL}} {
			if u.url != "" && !branding.Allows(page.Origins, u.url) {
				invalid.Add(u.field, "%s must be a URL in one of the allowed_origins of the setup page.", u.field)
			}
		}
	}
	return invalid.Err()
}

// SetupLinks lists the setup links of a directory; those that have ended, for a week.
func (s *Session) SetupLinks(ctx context.Context, directoryID string, p PageRequest) (Page[SetupLink], error) {
	d, err := s.Directory(ctx, directoryID)
	if err != nil {
		return Page[SetupLink]{}, err
	}
	counts, err := s.Counts(ctx, d.ID)
	if err != nil {
		return Page[SetupLink]{}, err
	}
	page, err := list(ctx, p, chunksOf(s.table, setuplink.Of(d.ID)), nil)
	return convert(page, func(l setuplink.Link) SetupLink { return s.setupLink(l, d, counts[d.ID]) }), err
}

func (s *Session) setupLink(l setuplink.Link, d Directory, c Counts) SetupLink {
	return SetupLink{l, credential.StateOf(l.Revoked, l.Expires, s.now()), setuplink.Step(l.Used, d.Pending, len(d.Tokens), c.Active+c.Inactive, c.Groups)}
}

// RevokeSetupLink ends a setup link, and the session that it opened, at once. One
// that has ended stays as it is.
func (s *Session) RevokeSetupLink(ctx context.Context, directoryID, linkID string) error {
	d, err := s.Directory(ctx, directoryID)
	if err != nil {
		return err
	}
	if !id.SetupLink.Valid(linkID) {
		return fault.Missing("Setup link", linkID)
	}
	l, err := setuplink.Of(d.ID).Find(ctx, s.table, linkID)
	if errors.Is(err, table.ErrNotFound) {
		return fault.Missing("Setup link", linkID)
	} else if err != nil {
		return err
	}
	at := s.timestamp()
	if credential.StateOf(l.Revoked, l.Expires, at) != credential.Active {
		return nil
	}
	event, err := s.setupLinkRevocation(l, at)
	if err != nil {
		return err
	}
	return busy(setuplink.Revoke(ctx, s.table, l, at, event.Actions()...))
}

// DirectoryToSetUp is the directory of an organization that a setup link is for: the
// only one, or a new one where there is none.
func (s *Session) DirectoryToSetUp(ctx context.Context, organizationID string) (string, error) {
	o, err := s.Organization(ctx, organizationID)
	if err != nil {
		return "", err
	}
	all, err := list(ctx, PageRequest{Limit: MaxLimit}, s.reach.directories(o.ID), func(d Directory) bool { return d.State != table.Deleting })
	if err != nil {
		return "", err
	}
	switch len(all.Items) {
	case 1:
		return all.Items[0].ID, nil
	case 0:
		d, _, _, err := s.CreateDirectory(ctx, NewDirectory{OrganizationID: o.ID, Name: o.Name, WithoutToken: true})
		return d.ID, err
	}
	return "", fault.InvalidField("organization", "The organization has %d directories: use POST /directories/{id}/setup_links.", len(all.Items))
}
