package management

import (
	"context"
	"errors"
	"io"
	"time"

	"dsync/internal/credential"
	"dsync/internal/fault"
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

// Setup opens the sessions of customers' admins. It is safe for concurrent use.
type Setup struct {
	table   *table.Table
	now     func() time.Time
	entropy io.Reader
}

// NewSetup returns a Setup. now is the clock, entropy the source of ids and secrets:
// crypto/rand.Reader outside tests.
func NewSetup(t *table.Table, now func() time.Time, entropy io.Reader) *Setup {
	return &Setup{t, now, entropy}
}

// SetupOffer is what a setup link is for, before it is opened.
type SetupOffer struct{ Organization, Directory string }

// Offer says what a link is for. It does not open it: what scans mails and previews
// links gets no further. It fails with a fault of kind Unauthorized, whose code says
// why the link does not open.
func (u *Setup) Offer(ctx context.Context, link string) (SetupOffer, error) {
	l, err := u.find(ctx, link)
	if err != nil {
		return SetupOffer{}, err
	}
	s := u.session(l, Origin{})
	d, err := s.Directory(ctx)
	if err != nil {
		return SetupOffer{}, err
	}
	name, err := s.Organization(ctx)
	return SetupOffer{name, d.Name}, err
}

// Page is how the setup page looks. It is the same for everybody.
func (u *Setup) Page(ctx context.Context) (SetupPage, error) { return setuplink.ReadPage(ctx, u.table) }

// find reads a link that can be opened.
func (u *Setup) find(ctx context.Context, secret string) (setuplink.Link, error) {
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
func (u *Setup) usable(l setuplink.Link) error {
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
func (u *Setup) Open(ctx context.Context, link string, from Origin) (secret string, expires time.Time, err error) {
	l, err := u.find(ctx, link)
	if err != nil {
		return "", expires, err
	}
	made, err := credential.NewSecret(credential.SetupSessionPrefix, u.entropy)
	if err != nil {
		return "", expires, err
	}
	at := table.Timestamp(u.now())
	s := u.session(l, from)
	if _, err := s.Directory(ctx); err != nil {
		return "", expires, err
	}
	event, err := s.session.setupLinkChange(setupLinkOpened, l, at, nil, map[string]any{"opened_at": expiry(at)})
	if err != nil {
		return "", expires, err
	}
	opened := setuplink.Session{Hash: made.Hash, LinkHash: l.Hash, Created: at, SourceIP: from.SourceIP, UserAgent: from.userAgent()}
	err = setuplink.Open(ctx, u.table, l, opened, event.Actions()...)
	if errors.Is(err, table.ErrStale) {
		return "", expires, refused(LinkOpened)
	}
	return made.Value, l.Expires, busy(err)
}

// Authenticate opens the session of a request with the secret of a session. It reads
// the link each time, so that a link that was revoked ends its session at once. It
// fails with a fault of kind Unauthorized, whose code says why.
func (u *Setup) Authenticate(ctx context.Context, secret string, from Origin) (*SetupSession, error) {
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

func (u *Setup) session(l setuplink.Link, from Origin) *SetupSession {
	return &SetupSession{l, &Session{
		table: u.table, now: u.now, entropy: u.entropy, owners: newOwners(), reach: single{u.table, l.OrganizationID, l.DirectoryID},
		origin: from, setupLinkID: l.ID,
	}}
}

// SetupSession is what one request of a customer's admin may do: it reaches one
// directory and nothing else.
type SetupSession struct {
	link    setuplink.Link
	session *Session
}

// LinkID is the id of the link that opened the session.
func (s *SetupSession) LinkID() string { return s.link.ID }

// Expires is when the session ends.
func (s *SetupSession) Expires() time.Time { return s.link.Expires }

// Directory reads the directory. It fails with a fault of kind Unauthorized when the
// directory was deleted.
func (s *SetupSession) Directory(ctx context.Context) (Directory, error) {
	d, err := s.session.Directory(ctx, s.link.DirectoryID)
	if fault.KindOf(err) == fault.NotFound || err == nil && d.State == table.Deleting {
		return d, refused(LinkDeleted)
	}
	return d, err
}

// Organization is the name of the organization.
func (s *SetupSession) Organization(ctx context.Context) (string, error) {
	o, err := s.session.Organization(ctx, s.link.OrganizationID)
	return o.Name, err
}

// Page is how the page looks, with where its logo and its end lead: "" where that is
// in no allowed origin any more.
func (s *SetupSession) Page(ctx context.Context) (p SetupPage, returnURL, successURL string, err error) {
	p, err = setuplink.ReadPage(ctx, s.session.table)
	if leadsTo(p, s.link.ReturnURL) {
		returnURL = s.link.ReturnURL
	}
	if leadsTo(p, s.link.SuccessURL) {
		successURL = s.link.SuccessURL
	}
	return p, returnURL, successURL, err
}

// Step is the step that the setup has reached.
func (s *SetupSession) Step(d Directory, c Counts) string { return setupStep(true, d, c) }

// Counts are the numbers of users and groups.
func (s *SetupSession) Counts(ctx context.Context) (Counts, error) {
	counts, err := s.session.Counts(ctx, s.link.DirectoryID)
	return counts[s.link.DirectoryID], err
}

// Tokens are the tokens, newest first.
func (s *SetupSession) Tokens(ctx context.Context) ([]Token, error) {
	page, err := s.session.Tokens(ctx, s.link.DirectoryID, PageRequest{Limit: DefaultLimit})
	return page.Items, err
}

// CreateToken creates a token that does not expire. The secret is returned here and
// cannot be read again. No other token is revoked.
func (s *SetupSession) CreateToken(ctx context.Context) (secret string, err error) {
	_, secret, err = s.session.CreateToken(ctx, s.link.DirectoryID, time.Time{})
	return secret, err
}

// RevokeToken revokes a token of the directory.
func (s *SetupSession) RevokeToken(ctx context.Context, tokenID string) error {
	return s.session.RevokeToken(ctx, s.link.DirectoryID, tokenID)
}

// Requests are the newest requests that were refused or of which a part was ignored.
func (s *SetupSession) Requests(ctx context.Context, limit int) ([]Request, error) {
	page, err := s.session.Requests(ctx, s.link.DirectoryID, RequestFilter{}, PageRequest{Limit: limit})
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
func (s *SetupSession) Users(ctx context.Context, limit int) ([]Arrival, error) {
	return s.arrivals(ctx, table.User, limit)
}

// Groups are the newest groups.
func (s *SetupSession) Groups(ctx context.Context, limit int) ([]Arrival, error) {
	all, err := s.arrivals(ctx, table.Group, limit)
	for i := range all {
		if err != nil {
			break
		}
		var ids []string
		ids, all[i].More, err = table.UsersIn(s.link.DirectoryID, all[i].ID).IDs(ctx, s.session.table, "", true, maxMembersCounted)
		all[i].Members = len(ids)
	}
	return all, err
}

func (s *SetupSession) arrivals(ctx context.Context, k table.Kind, limit int) ([]Arrival, error) {
	page, err := list(ctx, PageRequest{Limit: limit}, chunksOf(s.session.table, table.ResourcesOf(k, s.link.DirectoryID)), nil)
	if err != nil {
		return nil, err
	}
	all := make([]Arrival, len(page.Items))
	for i, r := range page.Items {
		all[i] = Arrival{ID: r.ID, Created: r.Created, Modified: r.Modified}
		if all[i].Document, err = resource.Decode(r.Document); err != nil {
			return nil, err
		}
	}
	return all, nil
}
