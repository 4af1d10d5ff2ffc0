package directory

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// Session is what one request may do: everything in one directory.
type Session struct {
	*Service
	token grant
	actor table.Actor
	visit *Visit
}

// Type is the type as the directory has it: with what it declared of its own,
// and as lenient as it is set.
func (s *Session) Type(t Type) Type {
	if t.ResourceType = s.token.groups; t.kind == table.User {
		t.ResourceType = s.token.users
	}
	return t
}

// errUnauthorized says nothing about what was wrong: an unknown directory, an
// unknown token and the token of another directory look the same.
var errUnauthorized = scim.Errorf(http.StatusUnauthorized, "", "the Secret Token does not open this Tenant URL")

// errPaused: the team has paused the directory. Entra tries again later.
var errPaused = scim.Errorf(http.StatusForbidden, "", "this directory is paused")

// Authenticate opens the session of a request that came to the directory with
// that external key, with that secret. requestID is noted with every change.
// VisitOf tells whose request it was that failed.
func (s *Service) Authenticate(ctx context.Context, externalKey, secret, requestID string) (*Session, error) {
	if !wellFormed(secret) {
		return nil, errUnauthorized
	}
	hash, now := hashSecret(secret), s.now()
	token, cached := s.tokens.get(hash, now)
	if !cached {
		record, err := s.table.Token(ctx, hash)
		if errors.Is(err, table.ErrNotFound) {
			return nil, errUnauthorized
		} else if err != nil {
			return nil, err
		}
		if token, err = newGrant(record, now.Add(tokenLife)); err != nil {
			return nil, err
		}
	}
	if subtle.ConstantTimeCompare([]byte(token.Hash), []byte(hash)) != 1 ||
		subtle.ConstantTimeCompare([]byte(token.ExternalKey), []byte(externalKey)) != 1 ||
		token.Revoked || !token.Expires.IsZero() && !now.Before(token.Expires) {
		return nil, errUnauthorized
	}
	actor := table.Actor{RequestID: requestID, TokenID: token.ID}
	visit := &Visit{token: token.Token, actor: actor, read: !cached}
	switch {
	case token.Paused:
		return nil, turnedAway{errPaused, visit}
	case token.Pending:
		// This is the first request: consumers are told of it.
		if err := s.table.Activate(ctx, token.DirectoryID, hash, s.clock(), actor); errors.Is(err, table.ErrNotFound) {
			return nil, errUnauthorized
		} else if err != nil {
			return nil, err
		}
		token.Pending = false
	}
	if !cached {
		s.tokens.put(token)
	}
	return &Session{s, token, actor, visit}, nil
}

// newGrant reads what a token opens.
func newGrant(t table.Token, until time.Time) (g grant, err error) {
	g = grant{Token: t, groups: scim.Groups, until: until}
	if g.users, err = extended(t.SCIMConfig); err != nil {
		return g, err
	}
	if g.view, err = dsync.ParseProjection(t.View); err != nil {
		return g, err
	}
	if g.settings, err = ParseSettings(t.Settings); err != nil {
		return g, err
	}
	if g.settings.LenientPatch {
		users, groups := *g.users, *g.groups
		users.Lenient, groups.Lenient = true, true
		g.users, g.groups = &users, &groups
	}
	return g, nil
}

// DirectoryID is the id of the session's directory.
func (s *Session) DirectoryID() string { return s.visit.DirectoryID() }

// TokenID is the id of the token that opened the session.
func (s *Session) TokenID() string { return s.visit.TokenID() }

// Condition is what a client demands of a resource's version (RFC 7644 section
// 3.14): an If-Match header, "" for none.
type Condition string

// check fails with 412 unless the resource fulfils the condition.
func (c Condition) check(m scim.Meta) error {
	if c == "" || ETags(c).Match(m) {
		return nil
	}
	return scim.Errorf(http.StatusPreconditionFailed, "", "the resource has version %s by now", m.ETag())
}

// maxRaces bounds how often a change is applied anew because another came in
// between. Each time somebody else got through.
const maxRaces = 60

// race runs attempt until it is not stale.
func race(attempt func() error) error {
	for range maxRaces {
		if err := attempt(); !errors.Is(err, table.ErrStale) {
			return busy(err)
		}
	}
	return busy(table.ErrBusy)
}

// busy tells the client to come again when others keep writing the same
// records: it is no fault of the request, and nothing was changed.
func busy(err error) error {
	if errors.Is(err, table.ErrBusy) {
		return scim.Errorf(http.StatusTooManyRequests, "", "too many changes of the same resource at once: try again")
	}
	return err
}

func notFound(t Type) *scim.Error {
	return scim.Errorf(http.StatusNotFound, "", "there is no such %s in this directory", t.Name)
}
