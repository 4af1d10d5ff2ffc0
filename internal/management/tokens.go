package management

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"
)

// MaxTokens is how many tokens of a directory may be active: a new one and the
// one that it replaces (workos.md section 4.1).
const MaxTokens = 2

// Token is a token with its state.
type Token struct {
	table.Token
	State credential.State
}

func (s *Session) token(t table.Token) Token {
	return Token{t, credential.StateOf(t.Revoked, t.Expires, s.now())}
}

// newToken makes a token that is not written yet.
func (s *Session) newToken(at, expires time.Time) (ref table.TokenRef, secret string, err error) {
	ref.Created, ref.Expires = at, expires
	if ref.ID, err = id.New(id.Token, at, s.entropy); err != nil {
		return ref, "", fmt.Errorf("management: %w", err)
	}
	made, err := credential.NewSecret(credential.TokenPrefix, s.entropy)
	if err != nil {
		return ref, "", err
	}
	ref.Hash, ref.Suffix = made.Hash, made.Suffix
	return ref, made.Value, nil
}

// CreateToken creates a token of a directory, which expires at that time; zero
// is never. The secret is returned here and cannot be read again.
func (s *Session) CreateToken(ctx context.Context, directoryID string, expires time.Time) (t Token, secret string, err error) {
	at := s.timestamp()
	var invalid fault.Validation
	checkExpiry(&invalid, "expires_at", expires, at)
	if err := invalid.Err(); err != nil {
		return t, "", err
	}
	ref, secret, err := s.newToken(at, expires)
	if err != nil {
		return t, "", err
	}
	created := func(_, d Directory) (AuditEvent, error) {
		return s.changeIn(d, tokenCreated, ref.ID, nil, tokenMembers(ref))
	}
	d, err := s.changeDirectory(ctx, directoryID, created, func(d *Directory) error {
		if len(d.Tokens) >= MaxTokens {
			return conflict("too_many_tokens", "The directory has %d active tokens: revoke one of them first.", len(d.Tokens))
		}
		d.Tokens = append(d.Tokens, ref)
		return nil
	})
	if err != nil {
		return t, "", err
	}
	return s.token(table.Token{TokenRef: ref, DirectoryID: d.ID, OrganizationID: d.OrganizationID}), secret, nil
}

// Tokens lists the tokens of a directory; those that were revoked or have
// expired, for a week.
func (s *Session) Tokens(ctx context.Context, directoryID string, p PageRequest) (Page[Token], error) {
	if _, err := s.Directory(ctx, directoryID); err != nil {
		return Page[Token]{}, err
	}
	page, err := list(ctx, p, chunksOf(s.table, table.Tokens(directoryID)), nil)
	return convert(page, s.token), err
}

// RevokeToken revokes a token. One that cannot be used any more stays as it is.
func (s *Session) RevokeToken(ctx context.Context, directoryID, tokenID string) error {
	revoked := func(_, d Directory) (AuditEvent, error) {
		return s.changeIn(d, tokenRevoked, tokenID, map[string]any{"state": credential.Active}, map[string]any{"state": credential.Revoked})
	}
	_, err := s.changeDirectory(ctx, directoryID, revoked, func(d *Directory) error {
		is := func(r table.TokenRef) bool { return r.ID == tokenID }
		if slices.ContainsFunc(d.Tokens, is) {
			d.Tokens = slices.DeleteFunc(d.Tokens, is)
			return nil
		}
		if !id.Token.Valid(tokenID) {
			return fault.Missing("Token", tokenID)
		}
		_, err := table.Tokens(directoryID).Find(ctx, s.table, tokenID)
		if errors.Is(err, table.ErrNotFound) {
			err = fault.Missing("Token", tokenID)
		}
		return err
	})
	return err
}
