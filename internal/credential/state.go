package credential

import (
	"context"
	"log/slog"
	"time"

	"dsync/internal/redact"
)

// State is whether a token or API key can be used, as the REST API names it.
type State string

// The states.
const (
	Active  State = "active"
	Expired State = "expired"
	Revoked State = "revoked"
)

// StateOf is the state of a credential that expires at a time, or never for the
// zero time.
func StateOf(revoked bool, expires, now time.Time) State {
	switch {
	case revoked:
		return Revoked
	case !expires.IsZero() && !now.Before(expires):
		return Expired
	}
	return Active
}

// Use is the use of a credential in a request: its id, the hash of its secret
// and the day on which it was used last, as 2026-01-31.
type Use struct{ ID, Hash, LastUsed string }

// Record writes the day of a use, unless it is written already. It informs
// people: the request goes on if it fails.
func (u Use) Record(ctx context.Context, now time.Time, log *slog.Logger, write func(ctx context.Context, hash, day string) error) {
	day := now.UTC().Format(time.DateOnly)
	if day == u.LastUsed {
		return
	}
	if err := write(ctx, u.Hash, day); err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "the day of use was not noted", slog.String("id", u.ID), slog.String("error", redact.Error(err)))
	}
}
