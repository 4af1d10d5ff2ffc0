package management

import (
	"context"

	"dsync/internal/table"
)

// Requests lists the SCIM requests to a directory that were refused, or of
// which something was tolerated.
func (s *Session) Requests(ctx context.Context, directoryID string, p PageRequest) (Page[Request], error) {
	if _, err := s.Directory(ctx, directoryID); err != nil {
		return Page[Request]{}, err
	}
	return list(ctx, p, chunksOf(s.table, table.Requests(directoryID)), nil)
}

// LastDay is the counts of the last day on which a directory got requests; nil
// if it got none, or none before the last minute.
func (s *Session) LastDay(ctx context.Context, d Directory) (*Day, error) {
	days, err := s.table.Days(ctx, d.ID, 1)
	if err != nil || len(days) == 0 {
		return nil, err
	}
	return &days[0], nil
}
