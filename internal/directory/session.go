package directory

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"

	"dsync/internal/scim"
	"dsync/internal/table"
)

// Session is what one request may do: everything in one directory.
type Session struct {
	*Service
	token grant
	by    table.Cause
}

// Type is the type with what the directory declared of its own.
func (s *Session) Type(t Type) Type {
	if t.kind == table.User {
		t.ResourceType = s.token.users
	}
	return t
}

// errUnauthorized says nothing about what was wrong: an unknown directory, an
// unknown token and the token of another directory look the same.
var errUnauthorized = scim.Errorf(http.StatusUnauthorized, "", "the Secret Token does not open this Tenant URL")

// Authenticate opens the session of a request that came to the directory with
// that external key, with that secret. requestID is noted with every change.
func (s *Service) Authenticate(ctx context.Context, externalKey, secret, requestID string) (*Session, error) {
	if !wellFormed(secret) {
		return nil, errUnauthorized
	}
	hash, now := hashSecret(secret), s.now()
	token, ok := s.tokens.get(hash, now)
	if !ok {
		var err error
		if token.Token, err = s.table.Token(ctx, hash); errors.Is(err, table.ErrNotFound) {
			return nil, errUnauthorized
		} else if err != nil {
			return nil, err
		}
		if token.users, err = extended(token.Protocol); err != nil {
			return nil, err
		}
		token.until = now.Add(tokenLife)
		s.tokens.put(token)
	}
	if subtle.ConstantTimeCompare([]byte(token.Hash), []byte(hash)) != 1 ||
		subtle.ConstantTimeCompare([]byte(token.ExternalKey), []byte(externalKey)) != 1 ||
		token.Revoked || !token.Expires.IsZero() && !now.Before(token.Expires) {
		return nil, errUnauthorized
	}
	return &Session{s, token, table.Cause{RequestID: requestID, TokenID: token.ID}}, nil
}

// DirectoryID is the id of the session's directory.
func (s *Session) DirectoryID() string { return s.token.DirectoryID }

// TokenID is the id of the token that opened the session.
func (s *Session) TokenID() string { return s.token.ID }

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

// tolerated notes what a request asked for and did not get.
func (s *Session) tolerated(ctx context.Context, what string, count int) {
	s.log.LogAttrs(ctx, slog.LevelInfo, "tolerated",
		slog.String("what", what), slog.Int("count", count), slog.String("directory_id", s.token.DirectoryID),
		slog.String("token_id", s.by.TokenID), slog.String("request_id", s.by.RequestID))
}
