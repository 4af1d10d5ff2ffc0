package management

import (
	"context"
	"time"

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

// ActivityHours is of how many hours the requests are told, with the present one.
const ActivityHours = 48

// Activity is what came to a directory, up to a quarter of an hour behind.
type Activity struct {
	// Day is the last day with requests; nil if there is none.
	Day *Day
	// Hours are the numbers of requests in each of the last ActivityHours, oldest
	// first.
	Hours []int64
}

// Activity reads what came to a directory.
func (s *Session) Activity(ctx context.Context, d Directory) (Activity, error) {
	a := Activity{Hours: make([]int64, ActivityHours)}
	days, err := s.table.Days(ctx, d.ID, ActivityHours/24+1)
	if err != nil || len(days) == 0 {
		return a, err
	}
	a.Day = &days[0]
	first := s.now().UTC().Truncate(time.Hour).Add(-(ActivityHours - 1) * time.Hour)
	for i := range a.Hours {
		hour := first.Add(time.Duration(i) * time.Hour)
		for _, day := range days {
			if day.Date == hour.Format(time.DateOnly) {
				a.Hours[i] = day.Hours[hour.Hour()]
			}
		}
	}
	return a, nil
}
