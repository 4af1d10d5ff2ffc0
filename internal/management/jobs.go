package management

import (
	"context"
	"errors"

	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"
)

// Jobs lists the jobs of a directory.
func (s *Session) Jobs(ctx context.Context, directoryID string, p PageRequest) (Page[Job], error) {
	if _, err := s.Directory(ctx, directoryID); err != nil {
		return Page[Job]{}, err
	}
	return list(ctx, p, chunksOf(s.table, table.Jobs(directoryID)), nil)
}

// Job reads a job.
func (s *Session) Job(ctx context.Context, jobID string) (Job, error) {
	if !id.Job.Valid(jobID) {
		return Job{}, fault.Missing("Job", jobID)
	}
	j, err := s.reach.job(ctx, jobID)
	if errors.Is(err, table.ErrNotFound) {
		err = fault.Missing("Job", jobID)
	}
	return j, err
}
