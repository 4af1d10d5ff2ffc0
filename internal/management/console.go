package management

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/apikey"
	"dsync/internal/table/signin"
)

// The roles of people in the console.
const (
	Viewer   = "viewer"   // reads everything but the API keys and sessions
	Operator = "operator" // changes everything but the API keys and sessions
	Admin    = "admin"    // changes everything
)

// Roles are all roles, the one that may do least first.
var Roles = []string{Viewer, Operator, Admin}

// scopesOf are the scopes of a role; none for a role that is unknown.
var scopesOf = map[string]string{Viewer: Read, Operator: Manage, Admin: allScopes}

const (
	// LinkLifetime is how long a sign-in link works: long enough to open it, too
	// short to be found in a log later.
	LinkLifetime = 5 * time.Minute
	// SessionLifetime is how long a session of the console lasts: a working day.
	SessionLifetime = 8 * time.Hour
)

// Person is who uses the console.
type Person struct {
	SessionID string
	Name      string // as the audit log has it
	Role      string
	Expires   time.Time // of the session
}

// ConsoleSession is a session of the console with its state.
type ConsoleSession struct {
	signin.Session
	State credential.State
}

// Console opens the sessions of people. It is safe for concurrent use.
type Console struct {
	table   *table.Table
	now     func() time.Time
	entropy io.Reader
	owners  *owners
}

// NewConsole returns a Console. now is the clock, entropy the source of ids and
// secrets: crypto/rand.Reader outside tests.
func NewConsole(t *table.Table, now func() time.Time, entropy io.Reader) *Console {
	return &Console{t, now, entropy, newOwners()}
}

// Link makes a sign-in link for whoever may invoke the function. The secret works
// once, for LinkLifetime.
func (c *Console) Link(ctx context.Context, person, role string) (secret string, expires time.Time, err error) {
	var invalid fault.Validation
	checkName(&invalid, "person", person)
	if !slices.Contains(Roles, role) {
		invalid.Add("role", "role must be one of %s.", strings.Join(Roles, ", "))
	}
	if err := invalid.Err(); err != nil {
		return "", expires, err
	}
	made, err := credential.NewSecret(credential.LinkPrefix, c.entropy)
	if err != nil {
		return "", expires, err
	}
	at := table.Timestamp(c.now())
	l := signin.Link{Hash: made.Hash, Person: person, Role: role, Created: at, Expires: at.Add(LinkLifetime)}
	return made.Value, l.Expires, busy(signin.CreateLink(ctx, c.table, l))
}

// SignIn uses a link up and opens a session. The secret of the session is returned
// here and cannot be read again. A link that is unknown, used or expired fails
// with the same fault, of kind Unauthorized.
func (c *Console) SignIn(ctx context.Context, link string, from Origin) (secret string, p Person, err error) {
	unauthorized := fault.New(fault.Unauthorized, "", "")
	if !credential.LinkPrefix.WellFormed(link) {
		return "", p, unauthorized
	}
	l, err := signin.FindLink(ctx, c.table, credential.Hash(link))
	if errors.Is(err, table.ErrNotFound) {
		return "", p, unauthorized
	} else if err != nil {
		return "", p, err
	}
	at := table.Timestamp(c.now())
	if l.Used || !at.Before(l.Expires) {
		return "", p, unauthorized
	}
	return c.open(ctx, signin.Redeem, l, from)
}

// Identity is who an identity provider has signed in.
type Identity struct {
	Person  string // as the audit log shall name the person
	Role    string // one of Roles
	Subject string // how the provider names the person, with the provider
	// Attempt is the hash of what the provider answers once, until Expires.
	Attempt string
	Expires time.Time
}

// SignInWith opens a session for whom an identity provider has signed in, as SignIn
// does. An attempt that was used before fails with a fault of kind Unauthorized.
func (c *Console) SignInWith(ctx context.Context, who Identity, from Origin) (secret string, p Person, err error) {
	var invalid fault.Validation
	checkName(&invalid, "person", who.Person)
	if err := invalid.Err(); err != nil || !slices.Contains(Roles, who.Role) || who.Attempt == "" {
		return "", p, fault.New(fault.Unauthorized, "", "").Because(err)
	}
	return c.open(ctx, signin.Open, signin.Link{
		Hash: who.Attempt, Person: who.Person, Role: who.Role, Subject: who.Subject, Created: table.Timestamp(c.now()), Expires: who.Expires,
	}, from)
}

// open opens a session with what lets the person in, which is used up.
func (c *Console) open(ctx context.Context, use signin.Opening, l signin.Link, from Origin) (secret string, p Person, err error) {
	at := table.Timestamp(c.now())
	made, err := credential.NewSecret(credential.SessionPrefix, c.entropy)
	if err != nil {
		return "", p, err
	}
	opened := signin.Session{
		Hash: made.Hash, Person: l.Person, Role: l.Role, Created: at, Expires: at.Add(SessionLifetime), SourceIP: from.SourceIP, UserAgent: from.userAgent(),
	}
	if opened.ID, err = id.New(id.ConsoleSession, at, c.entropy); err != nil {
		return "", p, fmt.Errorf("management: %w", err)
	}
	s := c.session(opened, from)
	members := consoleSessionMembers(opened, credential.Active)
	if l.Subject != "" {
		members["subject"] = l.Subject
	}
	event, err := s.changeOf(sessionCreated, opened.ID, at, nil, members)
	if err != nil {
		return "", p, err
	}
	err = use(ctx, c.table, l, opened, event.Actions()...)
	if errors.Is(err, table.ErrNotFound) {
		return "", p, fault.New(fault.Unauthorized, "", "")
	}
	return made.Value, *s.person, busy(err)
}

// Authenticate opens the session of a request with the secret of a session. It
// reads the session each time, so that one that has ended is refused at once. It
// fails with a fault of kind Unauthorized.
func (c *Console) Authenticate(ctx context.Context, secret string, from Origin) (*Session, error) {
	unauthorized := fault.New(fault.Unauthorized, "", "")
	if !credential.SessionPrefix.WellFormed(secret) {
		return nil, unauthorized
	}
	found, err := signin.Find(ctx, c.table, credential.Hash(secret))
	if errors.Is(err, table.ErrNotFound) {
		return nil, unauthorized
	} else if err != nil {
		return nil, err
	}
	if credential.StateOf(found.Revoked, found.Expires, c.now()) != credential.Active {
		return nil, unauthorized
	}
	return c.session(found, from), nil
}

// AuthenticatePoll is Authenticate for half the price: a session that ended within the
// last moments, about a second, may still open. It is for what asks again soon.
func (c *Console) AuthenticatePoll(ctx context.Context, secret string, from Origin) (*Session, error) {
	return c.Authenticate(table.Eventually(ctx), secret, from)
}

func (c *Console) session(found signin.Session, from Origin) *Session {
	return &Session{
		table: c.table, now: c.now, entropy: c.entropy, owners: c.owners, reach: environment{c.table}, origin: from,
		key:    apikey.Key{ID: found.ID, Name: found.Person, Scope: scopesOf[found.Role]},
		person: &Person{found.ID, found.Person, found.Role, found.Expires},
	}
}

func consoleSessionMembers(s signin.Session, state credential.State) map[string]any {
	return map[string]any{"person": s.Person, "role": s.Role, "state": state, "expires_at": expiry(s.Expires)}
}

// Person is who has the session; the zero Person for an API key.
func (s *Session) Person() Person {
	if s.person == nil {
		return Person{}
	}
	return *s.person
}

// ConsoleSessions lists the sessions of the console; those that have ended, for a
// week.
func (s *Session) ConsoleSessions(ctx context.Context, p PageRequest) (Page[ConsoleSession], error) {
	all, err := s.reach.consoleSessions()
	if err != nil {
		return Page[ConsoleSession]{}, err
	}
	page, err := list(ctx, p, chunksOf(s.table, all), nil)
	return convert(page, func(found signin.Session) ConsoleSession {
		return ConsoleSession{found, credential.StateOf(found.Revoked, found.Expires, s.now())}
	}), err
}

// RevokeConsoleSession ends a session of the console at once. One that has ended
// stays as it is.
func (s *Session) RevokeConsoleSession(ctx context.Context, sessionID string) error {
	all, err := s.reach.consoleSessions()
	if err != nil {
		return err
	}
	if !id.ConsoleSession.Valid(sessionID) {
		return fault.Missing("Session", sessionID)
	}
	found, err := all.Find(ctx, s.table, sessionID)
	if errors.Is(err, table.ErrNotFound) {
		return fault.Missing("Session", sessionID)
	} else if err != nil {
		return err
	}
	return s.endSession(ctx, found)
}

// SignOut ends the session itself.
func (c *Console) SignOut(ctx context.Context, secret string, from Origin) error {
	s, err := c.Authenticate(ctx, secret, from)
	if err != nil {
		return err
	}
	found, err := signin.Find(ctx, c.table, credential.Hash(secret))
	if err != nil {
		return err
	}
	return s.endSession(ctx, found)
}

func (s *Session) endSession(ctx context.Context, found signin.Session) error {
	at := s.timestamp()
	state := credential.StateOf(found.Revoked, found.Expires, at)
	if state != credential.Active {
		return nil
	}
	event, err := s.changeOf(sessionRevoked, found.ID, at, consoleSessionMembers(found, state), consoleSessionMembers(found, credential.Revoked))
	if err != nil {
		return err
	}
	return busy(signin.Revoke(ctx, s.table, found, at, event.Actions()...))
}
