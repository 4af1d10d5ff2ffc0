package management

import (
	"context"

	"dsync/internal/doctor"
)

// Finding is what the traffic of a directory tells.
type Finding = doctor.Finding

// Findings returns what the traffic of a directory tells, what blocks first.
func (s *Session) Findings(ctx context.Context, directoryID string) ([]Finding, error) {
	d, err := s.Directory(ctx, directoryID)
	if err != nil || d.State == Deleting {
		return nil, err
	}
	return doctor.NewReader(s.table, s.now).Findings(ctx, d, true)
}
