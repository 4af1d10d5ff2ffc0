package management

import (
	"context"

	"dsync/internal/doctor"
)

// Finding is a problem that the traffic of a directory shows.
type Finding = doctor.Finding

// Findings returns the findings of a directory, blocking ones first.
func (s *Session) Findings(ctx context.Context, directoryID string) ([]Finding, error) {
	d, err := s.Directory(ctx, directoryID)
	if err != nil || d.State == Deleting {
		return nil, err
	}
	return doctor.NewReader(s.table, s.now).Findings(ctx, d, true)
}
