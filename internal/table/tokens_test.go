package table_test

import (
	"errors"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
)

// A token has expired from its expiry on.
func TestExpired(t *testing.T) {
	for name, row := range map[string]struct {
		expires, at time.Time
		want        bool
	}{
		"never":             {time.Time{}, now, false},
		"a moment before":   {now, now.Add(-time.Millisecond), false},
		"at the expiry":     {now, now, true},
		"a moment after it": {now, now.Add(time.Millisecond), true},
	} {
		if got := (table.TokenRef{Expires: row.expires}).Expired(row.at); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A change of the directory reaches its tokens: a new one is written, one that is
// gone is revoked, the others get the configuration. A token that was purged does
// not come back.
func TestTokensFollowTheDirectory(t *testing.T) {
	f, ctx := open(t), t.Context()
	ref := func(hash string) table.TokenRef {
		return table.TokenRef{ID: newID(t, id.Token), Hash: hash, Created: now}
	}
	kept, removed, expired := ref("kept"), ref("removed"), ref("expired")
	expired.Expires = now
	old := f.createDirectory(kept, removed, expired)
	change := func(edit func(*table.Directory)) error {
		next := old
		next.Version++
		edit(&next)
		err := f.ReplaceDirectory(ctx, old, next, nil)
		if err == nil {
			old = next
		}
		return err
	}
	f.do(change(func(d *table.Directory) { d.Tokens = []table.TokenRef{kept, expired}; d.Paused = true }))
	if token := must(f.Token(ctx, "kept")); !token.Paused || token.Revoked {
		t.Errorf("the token that stays is %+v", token)
	}
	if token := must(f.Token(ctx, "removed")); !token.Revoked {
		t.Errorf("the token that was removed is %+v", token)
	}
	if token := must(f.Token(ctx, "expired")); token.Paused {
		t.Errorf("the token that has expired was written: %+v", token)
	}
	f.do(f.UseToken(ctx, "removed", "2026-11-23"))
	if token := must(f.Token(ctx, "removed")); token.LastUsed != "" {
		t.Errorf("a revoked token was used: %+v", token)
	}
	for name, edit := range map[string]func(*table.Directory){
		"pending": func(d *table.Directory) { d.Pending = true }, "paused": func(d *table.Directory) { d.Paused = false },
		"view": func(d *table.Directory) { d.View = "v" }, "settings": func(d *table.Directory) { d.Settings = "s" }, "extensions": func(d *table.Directory) { d.Extensions = "e" },
	} {
		f.do(change(edit))
		if token := must(f.Token(ctx, "kept")); !token.SCIMConfig.Equal(old.SCIMConfig) {
			t.Errorf("%s: the token has %+v, the directory %+v", name, token.SCIMConfig, old.SCIMConfig)
		}
	}
	// The token is purged, as when it has expired in the meantime.
	f.do(f.RemoveDirectory(ctx, old))
	f.do(f.CreateDirectory(ctx, withoutTokens(old)))
	if err := change(func(d *table.Directory) { d.View = "w" }); !errors.Is(err, table.ErrStale) {
		t.Errorf("a change with a token that is gone: %v", err)
	}
	if _, err := f.Token(ctx, "kept"); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("a token that was purged is there again, %v", err)
	}
}

func withoutTokens(d table.Directory) table.Directory {
	d.Tokens = nil
	return d
}

// The first request activates a directory that waits for it, and no other. The
// token that is gone does not come back.
func TestActivate(t *testing.T) {
	for name, row := range map[string]struct {
		state   table.State
		pending bool
		want    table.State
	}{
		"waiting": {table.Validating, true, table.Linked},
		"active":  {table.Linked, false, table.Linked},
		"paused":  {table.Unlinked, true, table.Unlinked},
		"deleted": {table.Deleting, true, table.Deleting},
	} {
		f, ctx := open(t), t.Context()
		d := f.createDirectory(table.TokenRef{ID: newID(t, id.Token), Hash: "h"})
		next := d
		next.Version++
		next.State, next.Pending = row.state, row.pending
		f.do(f.ReplaceDirectory(ctx, d, next, nil))
		f.do(f.Activate(ctx, d.ID, "h", now, actor))
		if got := must(f.Directory(ctx, d.ID)); got.State != row.want || (got.Version == next.Version+1) != (row.state == table.Validating) {
			t.Errorf("%s: %+v", name, got)
		}
		if token := must(f.Token(ctx, "h")); token.Pending {
			t.Errorf("%s: the token is still pending", name)
		}
	}
}

// A directory needs its organization.
func TestDirectoryOfNoOrganization(t *testing.T) {
	f := open(t)
	err := f.CreateDirectory(t.Context(), table.Directory{ID: f.directoryID, OrganizationID: newID(t, id.Organization)})
	if items := f.items(); !errors.Is(err, table.ErrNotFound) || len(items) != 0 {
		t.Errorf("%v, %d items", err, len(items))
	}
}
