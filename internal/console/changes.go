package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"dsync/internal/eventlog"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/web"
	"dsync/internal/wording"
)

var changeRoutes = []Route{
	{Pattern: "GET " + Base + "/changes", Scope: management.Read, serve: showAllChanges},
	{Pattern: "GET " + Base + "/changes/news", Scope: management.Read, serve: pollAllChanges, poll: true},
	{Pattern: "GET " + Base + "/directories/{directory}/changes", Scope: management.Read, serve: pollChanges, poll: true},
}

// feed is the newest changes, and where the next ones are polled.
type feed struct {
	Changes    []wording.Change
	Poll       string // path with the log's cursor
	Everywhere bool   // of all directories: it is polled less often
}

// pollLimit is how many changes one poll takes: the next poll takes the others.
const pollLimit = 50

// newestChanges reads the newest changes of a directory.
func (r *request) newestChanges(directoryID string) (feed, error) {
	found, err := r.events(eventlog.Query{DirectoryID: directoryID, Limit: pageSize, Descending: true})
	if err != nil {
		return feed{}, err
	}
	changes, err := changesOf(found.Events)
	return feed{Changes: changes, Poll: pollPath(directoryID, found.Newest)}, err
}

func pollPath(directoryID, after string) string {
	return web.WithQuery(directoryPath(directoryID)+"/changes", "after", after)
}

// pollChanges answers what was logged after the cursor, and 204 if that is nothing.
// It reads the session and the end of the log, and nothing else, at half the price of
// other reads.
func pollChanges(r *request) error {
	directoryID := r.Request.PathValue("directory")
	found, err := r.read(r.session.News, eventlog.Query{DirectoryID: directoryID, After: r.Cursor("after"), Limit: pollLimit})
	if err != nil {
		return err
	}
	if len(found.Events) == 0 {
		r.Write(http.StatusNoContent, nil)
		return nil
	}
	changes, err := changesOf(found.Events)
	if err != nil {
		return err
	}
	slices.Reverse(changes) // newest first, as the page has them
	return r.Execute("directory", "news", http.StatusOK, feed{Changes: changes, Poll: pollPath(directoryID, found.Newest)})
}

// changesOf describes events, with the paths of the pages of whom they changed.
func changesOf(events []json.RawMessage) ([]wording.Change, error) {
	changes, err := wording.ChangesOf(events)
	for i, c := range changes {
		changes[i].Path, changes[i].To = resourcePath(c.DirectoryID, c.SubjectID), resourcePath(c.DirectoryID, c.ObjectID)
	}
	return changes, err
}

// resourcePath is the path of the page of a user or group, "" for what has none.
func resourcePath(directoryID, resourceID string) string {
	switch path := directoryPath(url.PathEscape(directoryID)); {
	case id.User.Valid(resourceID):
		return path + "/users/" + resourceID
	case id.Group.Valid(resourceID):
		return path + "/groups/" + resourceID
	}
	return ""
}
