package management

import (
	"context"
	"time"

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

// ActivityHours is of how many hours the requests are told, with the present one.
const ActivityHours = 48

// Activity is what came to a directory, up to a minute behind.
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
