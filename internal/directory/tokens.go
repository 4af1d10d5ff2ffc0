package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
)

// MaxTokens is how many tokens of a directory may be active: a new one and the
// one that it replaces (workos.md section 4.1).
const MaxTokens = 2

// newToken makes a token.
func (s *Service) newToken(at time.Time) (ref table.TokenRef, secret string, err error) {
	ref.Created = at
	if ref.ID, err = id.New(id.Token, at, s.entropy); err != nil {
		return ref, "", fmt.Errorf("directory: %w", err)
	}
	secret, err = tokenPrefix.newSecret(s.entropy)
	if err != nil {
		return ref, "", err
	}
	ref.Hash, ref.Suffix = hashSecret(secret), suffix(secret)
	return ref, secret, nil
}

// Token is a token as it is listed.
type Token struct {
	table.Token
	State string // active, expired or revoked
}

func (s *Service) listed(t table.Token) Token {
	return Token{t, standing(t.Revoked, t.Expires, s.now())}
}

// standing is the state of a token or key.
func standing(revoked bool, expires, now time.Time) string {
	switch {
	case revoked:
		return "revoked"
	case !expires.IsZero() && !now.Before(expires):
		return "expired"
	}
	return "active"
}

// CreateToken creates a token of a directory, which expires at that time; zero
// is never. The secret is shown here and never again.
func (o *Operator) CreateToken(ctx context.Context, name string, expires time.Time) (t Token, secret string, err error) {
	at := o.clock()
	if err := future("expires_at", expires, at); err != nil {
		return t, "", err
	}
	ref, secret, err := o.newToken(at)
	if err != nil {
		return t, "", err
	}
	ref.Expires = expires
	d, err := o.change(ctx, name, func(d *Directory) error {
		if len(d.Tokens) >= MaxTokens {
			return conflict("too_many_tokens", "The directory has %d active tokens: revoke one of them first.", len(d.Tokens))
		}
		d.Tokens = append(d.Tokens, ref)
		return nil
	})
	if err != nil {
		return t, "", err
	}
	return o.listed(table.Token{TokenRef: ref, DirectoryID: d.ID, OrganizationID: d.OrganizationID}), secret, nil
}

// future refuses a time that is not to come.
func future(field string, t, now time.Time) error {
	if !t.IsZero() && !t.After(now) {
		return invalid(field, "%s must be in the future.", field)
	}
	return nil
}

// Tokens lists the tokens of a directory: those that were revoked, or have
// expired, for a week.
func (o *Operator) Tokens(ctx context.Context, name string, p Portion) (Found[Token], error) {
	if _, err := o.Directory(ctx, name); err != nil {
		return Found[Token]{}, err
	}
	found, err := list(ctx, p, stretches(o.table, table.Tokens(name)), nil)
	all := Found[Token]{After: found.After, Before: found.Before}
	for _, t := range found.Items {
		all.Items = append(all.Items, o.listed(t))
	}
	return all, err
}

// RevokeToken revokes a token. One that cannot be used any more stays as it is.
func (o *Operator) RevokeToken(ctx context.Context, name, token string) error {
	_, err := o.change(ctx, name, func(d *Directory) error {
		is := func(r table.TokenRef) bool { return r.ID == token }
		if slices.ContainsFunc(d.Tokens, is) {
			d.Tokens = slices.DeleteFunc(d.Tokens, is)
			return nil
		}
		if !id.Token.Valid(token) {
			return missing("Token", token)
		}
		_, err := table.Tokens(name).Find(ctx, o.table, token)
		if errors.Is(err, table.ErrNotFound) {
			err = missing("Token", token)
		}
		return err
	})
	return err
}
