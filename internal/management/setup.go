package management

import (
	"context"
	"io"
	"time"

	"dsync/internal/owner"
	"dsync/internal/table"
	"dsync/internal/table/setuplink"
)

// InDirectory returns the session of a customer's admin, who came with a setup link:
// it reaches the directory of the link and nothing else, and may do everything in it.
func InDirectory(t *table.Table, now func() time.Time, entropy io.Reader, l setuplink.Link, from Origin) *Session {
	return &Session{
		table: t, now: now, entropy: entropy, owners: owner.NewMemory(), reach: oneDirectory{t, l.OrganizationID, l.DirectoryID},
		origin: from, setupLinkID: l.ID,
	}
}

// OpenSetupLink writes that a setup link is opened, with the session whose secret has
// that hash. It fails with table.ErrStale when the link was opened or revoked before.
func (s *Session) OpenSetupLink(ctx context.Context, l setuplink.Link, sessionHash string) error {
	at := s.timestamp()
	event, err := s.setupLinkChange(setupLinkOpened, l, at, nil, map[string]any{"opened_at": expiry(at)})
	if err != nil {
		return err
	}
	opened := setuplink.Session{Hash: sessionHash, LinkHash: l.Hash, Created: at, SourceIP: s.origin.SourceIP, UserAgent: s.origin.userAgent()}
	return busy(setuplink.Open(ctx, s.table, l, opened, event.Actions()...))
}
