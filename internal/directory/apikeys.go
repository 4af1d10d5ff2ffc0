package directory

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
)

// The scopes of an API key.
const (
	Read   = "read"   // what is there
	Manage = "manage" // read and change it
)

// Scopes are all scopes.
var Scopes = []string{Read, Manage}

// NewAPIKey describes an API key to be created.
type NewAPIKey struct {
	Name    string
	Scope   string
	Expires time.Time // zero for never
}

// CreateAPIKey creates a key of the REST API. Its value is shown here and
// never again. It fails with a *Refusal.
func (s *Service) CreateAPIKey(ctx context.Context, n NewAPIKey) (k APIKey, value string, err error) {
	at := s.clock()
	var wrong problems
	wrong.name("name", n.Name)
	if !slices.Contains(Scopes, n.Scope) {
		wrong.add("scope", "scope must be %s or %s.", Read, Manage)
	}
	if err := future("expires_at", n.Expires, at); err != nil {
		wrong.add("expires_at", "%s", err)
	}
	if err := wrong.err(); err != nil {
		return k, "", err
	}
	record := table.APIKey{Name: n.Name, Scope: n.Scope, Created: at, Expires: n.Expires}
	if record.ID, err = id.New(id.APIKey, at, s.entropy); err != nil {
		return k, "", fmt.Errorf("directory: %w", err)
	}
	if value, err = apiKeyPrefix.newSecret(s.entropy); err != nil {
		return k, "", err
	}
	record.Hash, record.Suffix = hashSecret(value), suffix(value)
	return APIKey{record, standing(false, n.Expires, at)}, value, s.table.CreateAPIKey(ctx, record)
}

// APIKey is an API key as it is listed.
type APIKey struct {
	table.APIKey
	State string // active, expired or revoked
}

// APIKeys lists the keys of the REST API: those that were revoked, or have
// expired, for a week.
func (o *Operator) APIKeys(ctx context.Context, p Portion) (Found[APIKey], error) {
	found, err := list(ctx, p, stretches(o.table, table.APIKeys()), nil)
	all := Found[APIKey]{After: found.After, Before: found.Before}
	for _, k := range found.Items {
		all.Items = append(all.Items, APIKey{k, standing(k.Revoked, k.Expires, o.now())})
	}
	return all, err
}

// RevokeAPIKey revokes a key of the REST API.
func (o *Operator) RevokeAPIKey(ctx context.Context, name string) error {
	if !id.APIKey.Valid(name) {
		return missing("API key", name)
	}
	k, err := table.APIKeys().Find(ctx, o.table, name)
	if errors.Is(err, table.ErrNotFound) {
		return missing("API key", name)
	} else if err != nil {
		return err
	}
	return busy(o.table.RevokeAPIKey(ctx, k.Hash, o.clock()))
}

// Operator is what one request of the REST API may do.
type Operator struct {
	*Service
	key   table.APIKey
	actor table.Actor
}

// pass is an API key that was read lately.
type pass struct {
	table.APIKey
	until time.Time // trusted without another read
}

func (p pass) trusted() (hash string, until time.Time) { return p.Hash, p.until }

// Operator lets in a request with that API key. requestID is noted with every
// change. It fails with a *Refusal that says nothing about what was wrong.
func (s *Service) Operator(ctx context.Context, value, requestID string) (*Operator, error) {
	refused := &Refusal{Reason: Unauthorized}
	if !apiKeyPrefix.wellFormed(value) {
		return nil, refused
	}
	hash, now := hashSecret(value), s.now()
	k, ok := s.keys.get(hash, now)
	if !ok {
		var err error
		if k.APIKey, err = s.table.APIKey(ctx, hash); errors.Is(err, table.ErrNotFound) {
			return nil, refused
		} else if err != nil {
			return nil, err
		}
		k.until = now.Add(tokenLife)
		s.keys.put(k)
	}
	if subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hash)) != 1 || standing(k.Revoked, k.Expires, now) != "active" {
		return nil, refused
	}
	if !ok {
		s.used(ctx, k.ID, hash, k.LastUsed, s.table.UseAPIKey)
	}
	return &Operator{s, k.APIKey, table.Actor{RequestID: requestID}}, nil
}

// used notes that a token or key was used today, if it is not noted yet. It is
// a note for people: the request goes on without it.
func (s *Service) used(ctx context.Context, id, hash, last string, note func(ctx context.Context, hash, day string) error) {
	day := s.now().UTC().Format(time.DateOnly)
	if day == last {
		return
	}
	if err := note(ctx, hash, day); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "the day of use was not noted", slog.String("id", id), slog.String("error", Discreet(err)))
	}
}

// KeyID is the id of the key that let the request in.
func (o *Operator) KeyID() string { return o.key.ID }

// May reports whether the key has the scope.
func (o *Operator) May(scope string) bool { return o.key.Scope == scope || o.key.Scope == Manage }
