// Package onboarding is what one request of a customer's admin may do on the setup
// page of a directory. A setup link opens once, by a press on a button, and starts a
// session; the session reaches that directory and nothing else, and ends with the
// link. It is the way of the REST API: the same checks, and an audit event with the
// link for each change. All types are safe for concurrent use.
package onboarding

import (
	"context"
	"errors"
	"io"
	"time"

	"dsync/internal/branding"
	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
	"dsync/internal/table/setuplink"
)

// Why a setup link does not open. Whoever has its secret may know; without it there
// is no reason but LinkUnknown.
const (
	LinkUnknown fault.Code = "link_unknown"
	LinkOpened  fault.Code = "link_opened" // in another browser
	LinkExpired fault.Code = "link_expired"
	LinkRevoked fault.Code = "link_revoked"
	LinkDeleted fault.Code = "link_directory_deleted"
)

// Links opens the sessions of customers' admins.
type Links struct {
	table   *table.Table
	now     func() time.Time
	entropy io.Reader
}

// New returns Links. now is the clock, entropy the source of ids and secrets:
// crypto/rand.Reader outside tests.
func New(t *table.Table, now func() time.Time, entropy io.Reader) *Links {
	return &Links{t, now, entropy}
}

// Offer is what a setup link is for, before it is opened.
type Offer struct{ Organization, Directory string }

// Offer says what a link is for. It does not open it: what scans mails and previews
// links gets no further. It fails with a fault of kind Unauthorized, whose code says
// why the link does not open.
func (u *Links) Offer(ctx context.Context, link string) (Offer, error) {
	l, err := u.find(ctx, link)
	if err != nil {
		return Offer{}, err
	}
	s := u.session(l, management.Origin{})
	d, err := s.Directory(ctx)
	if err != nil {
		return Offer{}, err
	}
	name, err := s.Organization(ctx)
	return Offer{name, d.Name}, err
}

// Page is how the setup page looks. It is the same for everybody.
func (u *Links) Page(ctx context.Context) (management.SetupPage, error) {
	return setuplink.ReadPage(ctx, u.table)
}

// find reads a link that can be opened.
func (u *Links) find(ctx context.Context, secret string) (setuplink.Link, error) {
	if !credential.SetupLinkPrefix.WellFormed(secret) {
		return setuplink.Link{}, refused(LinkUnknown)
	}
	l, err := setuplink.Find(ctx, u.table, credential.Hash(secret))
	if errors.Is(err, table.ErrNotFound) {
		return l, refused(LinkUnknown)
	} else if err != nil {
		return l, err
	}
	if err := u.usable(l); err != nil {
		return l, err
	}
	if l.Used {
		return l, refused(LinkOpened)
	}
	return l, nil
}

// usable fails if a link was revoked or has expired.
func (u *Links) usable(l setuplink.Link) error {
	switch credential.StateOf(l.Revoked, l.Expires, u.now()) {
	case credential.Revoked:
		return refused(LinkRevoked)
	case credential.Expired:
		return refused(LinkExpired)
	}
	return nil
}

func refused(code fault.Code) error { return fault.New(fault.Unauthorized, code, "") }

// Open opens a link, which works once, and returns the secret of the session. The
// session ends with the link. It fails as Offer does.
func (u *Links) Open(ctx context.Context, link string, from management.Origin) (secret string, expires time.Time, err error) {
	l, err := u.find(ctx, link)
	if err != nil {
		return "", expires, err
	}
	made, err := credential.NewSecret(credential.SetupSessionPrefix, u.entropy)
	if err != nil {
		return "", expires, err
	}
	s := u.session(l, from)
	if _, err := s.Directory(ctx); err != nil {
		return "", expires, err
	}
	err = s.session.OpenSetupLink(ctx, l, made.Hash)
	if errors.Is(err, table.ErrStale) {
		return "", expires, refused(LinkOpened)
	}
	return made.Value, l.Expires, err
}

// Authenticate opens the session of a request with the secret of a session. It reads
// the link each time, so that a link that was revoked ends its session at once. It
// fails with a fault of kind Unauthorized, whose code says why.
func (u *Links) Authenticate(ctx context.Context, secret string, from management.Origin) (*Session, error) {
	if !credential.SetupSessionPrefix.WellFormed(secret) {
		return nil, refused(LinkUnknown)
	}
	l, err := setuplink.OfSession(ctx, u.table, credential.Hash(secret))
	if errors.Is(err, table.ErrNotFound) {
		return nil, refused(LinkUnknown)
	} else if err != nil {
		return nil, err
	}
	if err := u.usable(l); err != nil {
		return nil, err
	}
	return u.session(l, from), nil
}

func (u *Links) session(l setuplink.Link, from management.Origin) *Session {
	return &Session{l, u.table, management.InDirectory(u.table, u.now, u.entropy, l, from)}
}

// Session is what one request of a customer's admin may do: it reaches one
// directory and nothing else.
type Session struct {
	link    setuplink.Link
	table   *table.Table
	session *management.Session
}

// LinkID is the id of the link that opened the session.
func (s *Session) LinkID() string { return s.link.ID }

// Expires is when the session ends.
func (s *Session) Expires() time.Time { return s.link.Expires }

// Directory reads the directory. It fails with a fault of kind Unauthorized when the
// directory was deleted.
func (s *Session) Directory(ctx context.Context) (management.Directory, error) {
	d, err := s.session.Directory(ctx, s.link.DirectoryID)
	if fault.KindOf(err) == fault.NotFound || err == nil && d.State == table.Deleting {
		return d, refused(LinkDeleted)
	}
	return d, err
}

// Organization is the name of the organization.
func (s *Session) Organization(ctx context.Context) (string, error) {
	o, err := s.session.Organization(ctx, s.link.OrganizationID)
	return o.Name, err
}

// Page is how the page looks, with where its logo and its end lead: "" where that is
// in no allowed origin any more.
func (s *Session) Page(ctx context.Context) (p management.SetupPage, returnURL, successURL string, err error) {
	p, err = setuplink.ReadPage(ctx, s.table)
	if branding.Allows(p.Origins, s.link.ReturnURL) {
		returnURL = s.link.ReturnURL
	}
	if branding.Allows(p.Origins, s.link.SuccessURL) {
		successURL = s.link.SuccessURL
	}
	return p, returnURL, successURL, err
}

// Counts are the numbers of users and groups.
func (s *Session) Counts(ctx context.Context) (management.Counts, error) {
	counts, err := s.session.Counts(ctx, s.link.DirectoryID)
	return counts[s.link.DirectoryID], err
}

// Tokens are the tokens, newest first.
func (s *Session) Tokens(ctx context.Context) ([]management.Token, error) {
	page, err := s.session.Tokens(ctx, s.link.DirectoryID, management.PageRequest{Limit: management.DefaultLimit})
	return page.Items, err
}

// CreateToken creates a token that does not expire. The secret is returned here and
// cannot be read again. No other token is revoked.
func (s *Session) CreateToken(ctx context.Context) (secret string, err error) {
	_, secret, err = s.session.CreateToken(ctx, s.link.DirectoryID, time.Time{})
	return secret, err
}

// RevokeToken revokes a token of the directory.
func (s *Session) RevokeToken(ctx context.Context, tokenID string) error {
	return s.session.RevokeToken(ctx, s.link.DirectoryID, tokenID)
}

// Requests are the newest requests that were refused or of which a part was ignored.
func (s *Session) Requests(ctx context.Context, limit int) ([]management.Request, error) {
	page, err := s.session.Requests(ctx, s.link.DirectoryID, management.RequestFilter{}, management.PageRequest{Limit: limit})
	return page.Items, err
}

// Arrival is a user or a group as it was received.
type Arrival struct {
	ID                string
	Document          map[string]any // in the form of SCIM
	Created, Modified time.Time
	Members           int  // of a group; at most maxMembersCounted
	More              bool // there are more members
}

// maxMembersCounted bounds the members that a list of groups counts.
const maxMembersCounted = 99

// Users are the newest users.
func (s *Session) Users(ctx context.Context, limit int) ([]Arrival, error) {
	return s.arrivals(ctx, table.User, limit)
}

// Groups are the newest groups.
func (s *Session) Groups(ctx context.Context, limit int) ([]Arrival, error) {
	all, err := s.arrivals(ctx, table.Group, limit)
	for i := range all {
		if err != nil {
			break
		}
		var ids []string
		ids, all[i].More, err = table.UsersIn(s.link.DirectoryID, all[i].ID).IDs(ctx, s.table, "", true, maxMembersCounted)
		all[i].Members = len(ids)
	}
	return all, err
}

func (s *Session) arrivals(ctx context.Context, k table.Kind, limit int) ([]Arrival, error) {
	page, err := table.ResourcesOf(k, s.link.DirectoryID).Read(ctx, s.table, "", true, limit)
	if err != nil {
		return nil, err
	}
	all := make([]Arrival, len(page.Entries))
	for i, e := range page.Entries {
		r := e.Record
		all[i] = Arrival{ID: r.ID, Created: r.Created, Modified: r.Modified}
		if all[i].Document, err = resource.Decode(r.Document); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Opened reports whether a link is the one that opened the session.
func (s *Session) Opened(link string) bool { return credential.Hash(link) == s.link.Hash }
