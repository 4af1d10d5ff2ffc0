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

// Grant is what a valid SCIM token opens: one directory, with its schemas and
// settings.
type Grant struct {
	Token    table.Token
	Users    *scim.ResourceType
	Groups   *scim.ResourceType
	Settings settings.Settings
	View     dsync.Projection
	// Fresh says that the token was read for this request, and not cached.
	Fresh bool
}

// cached is a grant or key that was read lately.
type cached[T any] struct {
	value T
	until time.Time // trusted without another read
}

// Tokens checks SCIM tokens.
type Tokens struct {
	table *table.Table
	now   func() time.Time
	cache *cache.Cache[string, cached[Grant]] // by hash
}

// NewTokens returns a checker of the tokens in a table.
func NewTokens(t *table.Table, now func() time.Time) *Tokens {
	return &Tokens{t, now, cache.New[string, cached[Grant]](maxCached)}
}

// unauthorized says nothing about what was wrong: an unknown directory, an
// unknown token and the token of another directory look the same.
func unauthorized() error {
	return fault.New(fault.Unauthorized, "", "the Secret Token does not open this Tenant URL")
}

// Authenticate checks the secret of a request to the directory with that
// external key. The first request to a directory activates it, and requestID is
// part of that change. It fails with a fault of kind Unauthorized, or of kind
// Paused: then the grant says whose request it was.
func (t *Tokens) Authenticate(ctx context.Context, externalKey, secret, requestID string) (Grant, error) {
	if !Token.wellFormed(secret) {
		return Grant{}, unauthorized()
	}
	hash, now := Hash(secret), t.now()
	known, ok := t.cache.Get(hash)
	grant := known.value
	if !ok || !now.Before(known.until) {
		record, err := t.table.Token(ctx, hash)
		if errors.Is(err, table.ErrNotFound) {
			return Grant{}, unauthorized()
		} else if err != nil {
			return Grant{}, err
		}
		if grant, err = newGrant(record); err != nil {
			return Grant{}, err
		}
		grant.Fresh = true
	}
	token := &grant.Token
	if !equal(token.Hash, hash) || !equal(token.ExternalKey, externalKey) || StateOf(token.Revoked, token.Expires, now) != Active {
		return Grant{}, unauthorized()
	}
	if token.Paused {
		// Entra tries again later.
		return grant, fault.New(fault.Paused, "", "this directory is paused")
	}
	if token.Pending {
		actor := table.Actor{RequestID: requestID, TokenID: token.ID}
		err := t.table.Activate(ctx, token.DirectoryID, hash, table.Timestamp(now), actor)
		if errors.Is(err, table.ErrNotFound) {
			return Grant{}, unauthorized()
		} else if err != nil {
			return Grant{}, err
		}
		token.Pending = false
	}
	if grant.Fresh {
		t.cache.Put(hash, cached[Grant]{grant.notFresh(), now.Add(trustedFor)})
	}
	return grant, nil
}

func (g Grant) notFresh() Grant {
	g.Fresh = false
	return g
}

// newGrant reads what a token opens.
func newGrant(t table.Token) (g Grant, err error) {
	g = Grant{Token: t, Groups: scim.Groups}
	if g.Users, err = settings.UserType(t.SCIMConfig); err != nil {
		return g, err
	}
	if g.View, err = dsync.ParseProjection(t.View); err != nil {
		return g, err
	}
	if g.Settings, err = settings.Parse(t.Settings); err != nil {
		return g, err
	}
	if g.Settings.LenientPatch {
		users, groups := *g.Users, *g.Groups
		users.Lenient, groups.Lenient = true, true
		g.Users, g.Groups = &users, &groups
	}
	return g, nil
}
