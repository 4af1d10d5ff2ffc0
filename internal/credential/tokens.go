package credential

import (
	"context"
	"errors"
	"time"

	"dsync/internal/cache"
	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/settings"
	"dsync/internal/table"
)

const (
	// trustedFor is how long a process trusts a token or key without reading it
	// again: a revoked one is refused within 10 seconds everywhere.
	trustedFor = 5 * time.Second
	// maxCached bounds a cache. A process serves the burst of few directories
	// at a time.
	maxCached = 1_000
)

// Token is a valid SCIM token with the schemas and settings of its directory.
type Token struct {
	Record     table.Token
	Users      *scim.ResourceType
	Groups     *scim.ResourceType
	Settings   settings.Settings
	Projection dsync.Projection
	// Fresh says that the record was read for this request, and not cached.
	Fresh bool
}

// cached is a token or key that was read at most trustedFor ago.
type cached[T any] struct {
	value T
	until time.Time
}

// Tokens checks SCIM tokens.
type Tokens struct {
	table   *table.Table
	now     func() time.Time
	cache   *cache.Cache[string, cached[Token]] // by hash
	unknown cache.Unknown[string]
}

// NewTokens returns a checker of the tokens in a table.
func NewTokens(t *table.Table, now func() time.Time) *Tokens {
	return &Tokens{t, now, cache.New[string, cached[Token]](maxCached), newUnknown()}
}

// Diagnosis is why a token was refused. The caller does not see it: it is the cause
// of a fault, for the admin of the directory.
type Diagnosis struct {
	Reason Reason
	// DirectoryID and TokenID are the directory and the token, if the secret is that of
	// a token of the Tenant URL: Ended.
	DirectoryID, TokenID string
	State                State // of Ended: Expired or Revoked
}

// Reason is what is wrong with a token.
type Reason string

// The reasons.
const (
	Malformed Reason = "malformed"            // no token looks so
	Unknown   Reason = "unknown"              // it looks like a token, and there is none
	Elsewhere Reason = "of another directory" // it is a token of another Tenant URL
	Ended     Reason = "ended"                // it has expired, or was revoked
)

func (r Diagnosis) Error() string { return string(r.Reason) }

// unauthorized says nothing about what was wrong: an unknown directory, an
// unknown token and the token of another directory look the same. The cause alone
// tells.
func unauthorized(why Diagnosis) error {
	return fault.New(fault.Unauthorized, "", "the Secret Token does not open this Tenant URL").Because(why)
}

// Authenticate checks the secret of a request to the directory with that
// external key. The first request to a directory activates it; requestID is
// part of that change.
//
// It fails with a fault of kind Unauthorized, whose cause is a Diagnosis, or of kind
// Paused. With Paused the
// token is returned, too: it says whose request it was.
func (t *Tokens) Authenticate(ctx context.Context, externalKey, secret, requestID string) (Token, error) {
	if !TokenPrefix.WellFormed(secret) {
		return Token{}, unauthorized(Diagnosis{Reason: Malformed})
	}
	hash, now := Hash(secret), t.now()
	if t.unknown.Has(hash, now) {
		return Token{}, unauthorized(Diagnosis{Reason: Unknown})
	}
	token, err := t.read(ctx, hash, now)
	if errors.Is(err, table.ErrNotFound) {
		t.unknown.Add(hash, now)
		return Token{}, unauthorized(Diagnosis{Reason: Unknown})
	} else if err != nil {
		return Token{}, err
	}
	record := &token.Record
	if token.Fresh && !record.Pending {
		// Also a token that is refused below: it may come again and again.
		t.keep(hash, token, now)
	}
	state := StateOf(record.Revoked, record.Expires, now)
	if !equal(record.Hash, hash) || !equal(record.ExternalKey, externalKey) {
		return Token{}, unauthorized(Diagnosis{Reason: Elsewhere})
	} else if state != Active {
		return Token{}, unauthorized(Diagnosis{Ended, record.DirectoryID, record.ID, state})
	}
	if record.Paused {
		return token, fault.New(fault.Paused, "", "this directory is paused")
	}
	if record.Pending {
		actor := table.Actor{RequestID: requestID, TokenID: record.ID}
		err := t.table.Activate(ctx, record.DirectoryID, hash, table.Timestamp(now), actor)
		if errors.Is(err, table.ErrNotFound) {
			return Token{}, unauthorized(Diagnosis{Reason: Unknown})
		} else if err != nil {
			return Token{}, err
		}
		record.Pending = false
		t.keep(hash, token, now)
	}
	return token, nil
}

// keep remembers a token that was read now.
func (t *Tokens) keep(hash string, token Token, now time.Time) {
	token.Fresh = false
	t.cache.Put(hash, cached[Token]{token, now.Add(trustedFor)})
}

// read returns the token with that hash from the cache, else from the table. It
// fails with table.ErrNotFound.
func (t *Tokens) read(ctx context.Context, hash string, now time.Time) (Token, error) {
	known, ok := t.cache.Get(hash)
	if ok && now.Before(known.until) {
		return known.value, nil
	}
	record, err := t.table.Token(ctx, hash)
	if err != nil {
		return Token{}, err
	}
	token := Token{Record: record, Groups: scim.Groups, Fresh: true}
	if token.Users, err = settings.UserType(record.SCIMConfig); err != nil {
		return Token{}, err
	}
	if token.Projection, err = dsync.ParseProjection(record.View); err != nil {
		return Token{}, err
	}
	if token.Settings, err = settings.Parse(record.SCIMConfig); err != nil {
		return Token{}, err
	}
	if token.Settings.UserGroups == settings.OnLookup {
		token.Users = token.Users.Returning()
	}
	if token.Settings.LenientPatch {
		users, groups := *token.Users, *token.Groups
		users.Lenient, groups.Lenient = true, true
		token.Users, token.Groups = &users, &groups
	}
	return token, nil
}
