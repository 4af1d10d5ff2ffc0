// Package session is what one SCIM request may do: read and change the users,
// groups and memberships of one directory.
//
// A tenant is isolated by construction. A Session comes from a valid token
// only, it reaches no directory but the token's, and a list of its methods is
// held by a test.
//
// What a client did wrong is a *fault.Error; any other error is an internal
// failure. Changes are atomic, but for a group's memberships beyond the first
// table.MaxCreateMembers of a request: those are written in batches, and
// repeating the request completes them. A concurrent change is never lost: a
// change that another one came before is applied anew. All types are safe for
// concurrent use.
package session

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"dsync/internal/cache"
	"dsync/internal/credential"
	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/settings"
	"dsync/internal/table"
	"dsync/internal/usage"
)

// Authenticator opens sessions.
type Authenticator struct {
	table     *table.Table
	now       func() time.Time
	entropy   io.Reader
	tokens    *credential.Tokens
	userNames *cache.Cache[userNameKey, string]
	quotas    *quotas
}

// NewAuthenticator returns an authenticator of the directories in a table. now
// is the clock, entropy the source of ids: crypto/rand.Reader outside tests.
func NewAuthenticator(t *table.Table, now func() time.Time, entropy io.Reader) *Authenticator {
	return &Authenticator{t, now, entropy, credential.NewTokens(t, now), cache.New[userNameKey, string](maxUserNames), newQuotas()}
}

// Authenticate opens the session of a request with a secret to the directory
// with that external key. requestID is recorded with every change.
//
// It fails with a fault of kind Unauthorized, or of kind Paused. The trace is
// what is recorded of the request: it is there with a session and with Paused,
// else nil.
func (a *Authenticator) Authenticate(ctx context.Context, externalKey, secret, requestID string) (*Session, *usage.Trace, error) {
	token, err := a.tokens.Authenticate(ctx, externalKey, secret, requestID)
	if err != nil && fault.KindOf(err) != fault.Paused {
		return nil, nil, err
	}
	actor := table.Actor{RequestID: requestID, TokenID: token.Record.ID}
	trace := usage.NewTrace(token.Record, actor, token.Fresh)
	if err != nil {
		return nil, trace, err
	}
	view := token.Projection.Current()
	return &Session{
		table: a.table, now: a.now, entropy: a.entropy, userNames: a.userNames, quotas: a.quotas, trace: trace, actor: actor,
		directoryID: token.Record.DirectoryID, organizationID: token.Record.OrganizationID, cursorKey: token.Record.CursorKey,
		users: token.Users, groups: token.Groups, settings: token.Settings, allEmails: token.Record.AllEmails, projection: view, encodedProjection: view.Encode(),
	}, trace, nil
}

// Session is what one request may do: everything in one directory.
type Session struct {
	table     *table.Table
	now       func() time.Time
	entropy   io.Reader
	userNames *cache.Cache[userNameKey, string]
	quotas    *quotas
	trace     *usage.Trace
	actor     table.Actor // of every change

	directoryID, organizationID string
	cursorKey                   []byte
	users, groups               *scim.ResourceType
	settings                    settings.Settings
	allEmails                   bool // every e-mail address has a look-up
	projection                  dsync.Projection
	encodedProjection           string

	compared atomic.Int64
}

// Compared is how many comparisons the PATCHes and lists of the session have made,
// as patch.MaxComparisons and maxCost count them.
func (s *Session) Compared() int { return int(s.compared.Load()) }

// Type is the type as the directory has it: with its custom schemas, and as
// lenient as it is set.
func (s *Session) Type(t Type) Type {
	t.ResourceType = s.groups
	if t.kind == table.User {
		t.ResourceType = s.users
	}
	return t
}

// Profile is how the directory treats its client.
func (s *Session) Profile() scim.Profile { return s.settings.Profile() }

// timestamp is the time of a change.
func (s *Session) timestamp() time.Time { return table.Timestamp(s.now()) }

// Condition is what a client demands of the version of a resource. The zero
// Condition demands nothing.
type Condition struct {
	demanded bool
	any      bool
	versions []int64
}

// AnyVersion demands that the resource exists.
func AnyVersion() Condition { return Condition{demanded: true, any: true} }

// Versions demands that the resource has one of the versions. With none it
// never holds.
func Versions(versions ...int64) Condition { return Condition{demanded: true, versions: versions} }

// Demanded reports whether the condition demands anything.
func (c Condition) Demanded() bool { return c.demanded }

// Holds reports whether a resource of that version fulfils the condition.
func (c Condition) Holds(version int64) bool {
	if !c.demanded || c.any {
		return true
	}
	for _, v := range c.versions {
		if v == version {
			return true
		}
	}
	return false
}

// check fails with PreconditionFailed unless the resource fulfils the condition.
func (c Condition) check(m resource.Meta) error {
	if c.Holds(m.Version) {
		return nil
	}
	return fault.New(fault.PreconditionFailed, "", "the resource has version %s by now", m.ETag())
}

// retryStale applies a change until no other one comes in between.
func retryStale(attempt func() error) error { return busy(table.RetryStale(attempt)) }

// busy asks the client to retry when other requests keep writing the same
// records: nothing was changed.
func busy(err error) error {
	if errors.Is(err, table.ErrBusy) {
		return fault.TooManyChanges()
	}
	return err
}

func notFound(t Type) error {
	return fault.New(fault.NotFound, "", "there is no such %s in this directory", t.Name)
}
