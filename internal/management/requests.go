package management

import (
	"context"

	"dsync/internal/table"
)

// The outcomes of SCIM requests that have a record.
const (
	Refused = "refused"
	Partial = "partial" // it succeeded, and a part of it was ignored
)

// refusedFrom is the lowest status of a refusal (RFC 9110 section 15.5).
const refusedFrom = 400

// Outcomes are all outcomes.
var Outcomes = []string{Refused, Partial}

// OutcomeOf is the outcome of a request.
func OutcomeOf(r Request) string {
	if r.Status >= refusedFrom {
		return Refused
	}
	return Partial
}

// RequestFilter says which requests to list. "" is all.
type RequestFilter struct {
	Outcome   string // one of Outcomes
	RequestID string // X-Request-Id of the response
}

// selects reports whether the filter selects the request.
func (f RequestFilter) selects(r Request) bool {
	return (f.Outcome == "" || f.Outcome == OutcomeOf(r)) && (f.RequestID == "" || f.RequestID == r.RequestID)
}

// Requests lists the SCIM requests to a directory that were refused, or of
// which something was tolerated.
func (s *Session) Requests(ctx context.Context, directoryID string, f RequestFilter, p PageRequest) (Page[Request], error) {
	if _, err := s.Directory(ctx, directoryID); err != nil {
		return Page[Request]{}, err
	}
	var wanted func(Request) bool
	if f != (RequestFilter{}) {
		wanted = f.selects
	}
	return list(ctx, p, chunksOf(s.table, table.Requests(directoryID)), wanted)
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
