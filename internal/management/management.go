// Package management is what one request of the REST API or of the console may do:
// manage organizations, directories, tokens, API keys and jobs, and read users,
// groups and the records of SCIM requests.
//
// A Session comes from a valid API key, from a person's session of the console, or
// from Bootstrap where there is no key yet. That of a key that is bound to an organization reaches nothing else: what
// belongs to others answers as what does not exist. Every change has an audit
// event, which is written in the transaction of the change. What a caller did
// wrong is a *fault.Error; any other error is an internal failure. A request that
// fails changes nothing. All types are safe for concurrent use.
//
// Lists are in the order of creation and follow a write within moments. Each
// request reads a bounded number of records, so a page may be short, even
// empty, and go on as long as it has a cursor.
package management

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/owner"
	"dsync/internal/table"
	"dsync/internal/table/apikey"
	"dsync/internal/table/audit"
	"dsync/internal/table/count"
)

// What the REST API shows as it is stored.
type (
	Organization = table.Organization
	Directory    = table.Directory
	Job          = table.Job
	Request      = table.Request
	Day          = table.Day
	Counts       = count.Counts
)

// The states of a directory (workos.md section 1.2).
const (
	Linked     = table.Linked     // accepts requests
	Validating = table.Validating // waits for the first request
	Unlinked   = table.Unlinked   // paused
	Deleting   = table.Deleting   // a job deletes its records
)

// RequestKind is the kind of the ids of requests.
const RequestKind = table.RequestKind

// Authenticator opens sessions.
type Authenticator struct {
	table   *table.Table
	now     func() time.Time
	entropy io.Reader
	keys    *credential.Keys
	owners  *owner.Memory
}

// NewAuthenticator returns an authenticator of the API keys in a table. now is
// the clock, entropy the source of ids and secrets: crypto/rand.Reader outside
// tests.
func NewAuthenticator(t *table.Table, now func() time.Time, entropy io.Reader, log *slog.Logger) *Authenticator {
	return &Authenticator{t, now, entropy, credential.NewKeys(t, now, log), owner.NewMemory()}
}

// Authenticate opens the session of a request with an API key. The origin is
// recorded with every change. It fails with a fault of kind Unauthorized.
func (a *Authenticator) Authenticate(ctx context.Context, value string, from Origin) (*Session, error) {
	key, err := a.keys.Authenticate(ctx, value)
	if err != nil {
		return nil, err
	}
	key.Scope = scopeOf(key)
	known := a.owners
	if key.OrganizationID != "" {
		known = a.owners.OfTenant()
	}
	return &Session{table: a.table, now: a.now, entropy: a.entropy, owners: known, reach: reachOf(a.table, key), key: key, origin: from}, nil
}

// Bootstrap returns a session that no API key has opened, with all scopes: it
// creates the first key, and serves programs that may write the table anyway.
func Bootstrap(t *table.Table, now func() time.Time, entropy io.Reader) *Session {
	return BootstrapFrom(t, now, entropy, Origin{})
}

// BootstrapFrom is Bootstrap for the request of an operator.
func BootstrapFrom(t *table.Table, now func() time.Time, entropy io.Reader, from Origin) *Session {
	key := apikey.Key{ID: audit.Bootstrap, Scope: allScopes}
	return &Session{table: t, now: now, entropy: entropy, owners: owner.NewMemory(), reach: environment{t}, key: key, origin: from}
}

// Session is what one request may do.
type Session struct {
	table   *table.Table
	now     func() time.Time
	entropy io.Reader
	owners  *owner.Memory
	reach   reach
	key     apikey.Key // of a person: the id of the session, and the scopes of the role
	person  *Person    // nil for an API key
	// setupLinkID is the setup link of a customer's admin, "" for others.
	setupLinkID string
	origin      Origin
}

// KeyID is the id of the API key that opened the session.
func (s *Session) KeyID() string { return s.key.ID }

// Watched is until when the requests with the key are counted together by all
// processes; a time in the past if they are not.
func (s *Session) Watched() time.Time { return time.Unix(s.key.Watched, 0) }

// Watch records until when all processes count the requests with the key together.
func (s *Session) Watch(ctx context.Context, until time.Time) error {
	return apikey.Watch(ctx, s.table, s.key.Hash, until)
}

// actor is the actor of changes, as events show it.
func (s *Session) actor() table.Actor { return table.Actor{RequestID: s.origin.RequestID} }

// timestamp is the time of a change.
func (s *Session) timestamp() time.Time { return table.Timestamp(s.now()) }

// retryStale applies a change until no other one comes in between.
func retryStale(attempt func() error) error { return busy(table.RetryStale(attempt)) }

// busy asks the caller to retry when other requests keep writing the same
// records: nothing was changed.
func busy(err error) error {
	if errors.Is(err, table.ErrBusy) {
		return fault.TooManyChanges()
	}
	return err
}

// The kinds of objects, as errors name them.
const (
	organization = "Organization"
	directory    = "Directory"
)

func conflict(code fault.Code, format string, args ...any) error {
	return fault.New(fault.Conflict, code, format, args...)
}
