package console

import (
	"context"
	"errors"
	"time"

	"dsync/internal/eventlog"
	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/web"
	"dsync/internal/wording"
)

// story is what happened to a user or group, newest first. The log is in the order
// of the directory, so the others' events are read and left out.
type story struct {
	Changes []wording.Change
	Read    int    // events that were read
	Older   string // link to what is older, "" if nothing is
	subject string // name in the newest event
}

const (
	storyPage  = 100 // events of one read
	storyReads = 3   // at most: then a link goes on
	storySize  = 25  // changes that are enough
	// storySlack is how much older than a resource its first event can be, by the
	// clocks of two processes.
	storySlack = time.Minute
)

// storyOf reads the story of a user or group that was created then; zero if that is
// not known.
func (r *request) storyOf(directoryID, resourceID string, created time.Time) (story, error) {
	q := eventlog.Query{DirectoryID: directoryID, Limit: storyPage, Descending: true, After: r.Cursor("older")}
	if !created.IsZero() {
		q.From = created.Add(-storySlack)
	}
	var s story
	for range storyReads {
		found, err := r.events(q)
		if err != nil {
			return s, err
		}
		changes, err := changesOf(found.Events)
		if err != nil {
			return s, err
		}
		s.Read += len(changes)
		for _, c := range changes {
			if c.SubjectID != resourceID && c.ObjectID != resourceID {
				continue
			}
			if s.subject == "" && c.SubjectID == resourceID {
				s.subject = c.Subject
			}
			s.Changes = append(s.Changes, c)
		}
		q.After = found.After
		if q.After == "" || len(s.Changes) >= storySize {
			break
		}
	}
	if q.After != "" {
		s.Older = web.WithQuery(r.Request.URL.Path, "older", q.After)
	}
	return s, nil
}

// events reads the log.
func (r *request) events(q eventlog.Query) (eventlog.Page, error) {
	return r.read(r.session.Events, q)
}

// read reads the log. A cursor that it does not know is the caller's mistake.
func (r *request) read(from func(context.Context, management.EventLog, eventlog.Query) (eventlog.Page, error), q eventlog.Query) (eventlog.Page, error) {
	found, err := from(r.Request.Context(), r.console.events, q)
	switch {
	case errors.Is(err, eventlog.ErrCursor):
		err = fault.New(fault.Invalid, "", "The page of changes is unknown, or older than the log. Load the page anew.").Because(err)
	case errors.Is(err, eventlog.ErrMigrating):
		err = fault.New(fault.Busy, "", "").Because(err)
	}
	return found, err
}
