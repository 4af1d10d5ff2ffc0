package onboarding

import (
	"context"
	"slices"

	"dsync/internal/management"
)

// Findings are the findings of the directory for its admin, blocking ones first. What is for the team alone is left out.
func (s *Session) Findings(ctx context.Context) ([]management.Finding, error) {
	all, err := s.session.Findings(ctx, s.link.DirectoryID)
	return slices.DeleteFunc(all, func(f management.Finding) bool { return f.Team }), err
}
