package console

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dsync/internal/eventlog"
	"dsync/internal/management"
)

var changeRoutes = []Route{
	{"GET " + Base + "/changes", management.Read, showAllChanges},
	{"GET " + Base + "/changes/news", management.Read, pollAllChanges},
	{"GET " + Base + "/directories/{directory}/changes", management.Read, pollChanges},
}

// feed is the newest changes, and where the next ones are polled.
type feed struct {
	Changes    []change
	Poll       string // path with the log's cursor
	Everywhere bool   // of all directories: it is polled less often
}

// change is an event of the log as people read it.
type change struct {
	ID       string
	At       time.Time
	Sequence int64
	Event    string // dsync.user.updated
	Tone     string
	Subject  string // who or what was changed
	Verb     string // what happened, as a clause after the subject
	Object   string // of a membership: the group
	Path     string // of the page of the subject, "" for none
	To       string // of the page of the object
	Fields   []changedField
	More     int    // changed fields that are not in Fields
	JSON     string // the event, at most maxJSON characters
	Where    *place // the directory, where several are shown

	subjectID, objectID         string
	directoryID, organizationID string
}

// changedField is an attribute before and after a change. "" is none.
type changedField struct{ Name, Before, After string }

const (
	// maxFields is how many changed attributes of an event are shown.
	maxFields = 12
	// maxJSON bounds the JSON of a change, in characters: raw attributes can have
	// many.
	maxJSON = 8_000
	// pollLimit is how many changes one poll takes: the next poll takes the others.
	pollLimit = 50
)

// logged is the part of an event that a page shows.
type logged struct {
	ID      string         `json:"id"`
	Event   string         `json:"event"`
	Created time.Time      `json:"created_at"`
	Data    map[string]any `json:"data"`
	Context struct {
		Sequence int64 `json:"sequence"`
	} `json:"context"`
}

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
	return withQuery(directoryPath(directoryID)+"/changes", "after", after)
}

// pollChanges answers what was logged after the cursor, and 204 if that is nothing.
// It reads the session and the end of the log, and nothing else.
func pollChanges(r *request) error {
	directoryID := r.http.PathValue("directory")
	found, err := r.events(eventlog.Query{DirectoryID: directoryID, After: cursor(r.http.URL.Query().Get("after")), Limit: pollLimit})
	if err != nil {
		return err
	}
	if len(found.Events) == 0 {
		r.write(http.StatusNoContent, nil)
		return nil
	}
	changes, err := changesOf(found.Events)
	if err != nil {
		return err
	}
	slices.Reverse(changes) // newest first, as the page has them
	return r.part("directory", "news", feed{Changes: changes, Poll: pollPath(directoryID, found.Newest)})
}

func changesOf(events []json.RawMessage) ([]change, error) {
	changes := make([]change, len(events))
	for i, event := range events {
		var e logged
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, err
		}
		changes[i] = e.change()
		changes[i].JSON = indented(event)
	}
	return changes, nil
}

// indented is an event as people read JSON.
func indented(event json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, event, "", "  "); err != nil {
		return ""
	}
	return b.String()
}

// verbs say what the events mean, after their subject.
var verbs = map[string]struct{ tone, text string }{
	"dsync.activated":          {"good", "sent its first request"},
	"dsync.deleted":            {"bad", "was deleted"},
	"dsync.user.created":       {"good", "was created"},
	"dsync.user.updated":       {"wait", "was updated"},
	"dsync.user.deleted":       {"bad", "was deleted"},
	"dsync.group.created":      {"good", "was created"},
	"dsync.group.updated":      {"wait", "was updated"},
	"dsync.group.deleted":      {"bad", "was deleted"},
	"dsync.group.user_added":   {"good", "was added to"},
	"dsync.group.user_removed": {"bad", "was removed from"},
	"dsync.token.created":      {"wait", "was created"},
	"dsync.token.revoked":      {"bad", "was revoked"},
}

func (e logged) change() change {
	c := change{ID: e.ID, At: e.Created, Sequence: e.Context.Sequence, Event: e.Event, Verb: verbs[e.Event].text, Tone: verbs[e.Event].tone}
	c.directoryID, _ = e.Data["directory_id"].(string)
	c.organizationID, _ = e.Data["organization_id"].(string)
	if c.directoryID == "" && e.Data["object"] == "directory" {
		c.directoryID, _ = e.Data["id"].(string)
	}
	user, isMembership := e.Data["user"].(map[string]any)
	group, _ := e.Data["group"].(map[string]any)
	if c.organizationID == "" {
		c.organizationID, _ = user["organization_id"].(string)
	}
	switch {
	case isMembership:
		c.Subject, c.Object = called(user), called(group)
		c.subjectID, c.Path = placeOf(user, "users")
		c.objectID, c.To = placeOf(group, "groups")
	case strings.HasPrefix(e.Event, "dsync.token."):
		suffix, _ := e.Data["token_suffix"].(string)
		c.Subject = "Token …" + suffix
	case strings.HasPrefix(e.Event, "dsync.group."):
		c.Subject = "Group " + called(e.Data)
		c.subjectID, c.Path = placeOf(e.Data, "groups")
	case strings.HasPrefix(e.Event, "dsync.user."):
		c.Subject = called(e.Data)
		c.subjectID, c.Path = placeOf(e.Data, "users")
	default:
		c.Subject = called(e.Data)
	}
	if e.Event == "dsync.user.updated" && e.Data["state"] != nil {
		if previous, ok := e.Data["previous_attributes"].(map[string]any); ok && previous["state"] != nil {
			c.Verb, c.Tone = "was deactivated", "bad"
			if e.Data["state"] == "active" {
				c.Verb, c.Tone = "was activated again", "good"
			}
		}
	}
	previous, _ := e.Data["previous_attributes"].(map[string]any)
	c.Fields = fieldsOf(previous, e.Data)
	if len(c.Fields) > maxFields {
		c.More = len(c.Fields) - maxFields
		c.Fields = c.Fields[:maxFields]
	}
	return c
}

// placeOf is the id of a user or group of an event, and the path of its page.
func placeOf(object map[string]any, list string) (resourceID, path string) {
	resourceID, _ = object["id"].(string)
	directoryID, _ := object["directory_id"].(string)
	return resourceID, directoryPath(url.PathEscape(directoryID)) + "/" + list + "/" + url.PathEscape(resourceID)
}

// called is the name of a user, a group or a directory.
func called(object map[string]any) string {
	for _, name := range []string{"name", "email", "idp_id", "id"} {
		if s, ok := object[name].(string); ok && s != "" {
			return s
		}
	}
	return "Somebody"
}

// fieldsOf are the changed attributes: those of the payload and of
// custom_attributes, and of the raw attributes if nothing else changed.
func fieldsOf(previous, now map[string]any) (fields []changedField) {
	custom, _ := previous["custom_attributes"].(map[string]any)
	raw, _ := previous["raw_attributes"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(previous)) {
		if name != "custom_attributes" && name != "raw_attributes" {
			fields = append(fields, changedField{name, brief(previous[name]), brief(now[name])})
		}
	}
	within := func(old map[string]any, part string) {
		updated, _ := now[part].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(old)) {
			fields = append(fields, changedField{name, brief(old[name]), brief(updated[name])})
		}
	}
	within(custom, "custom_attributes")
	if len(fields) == 0 {
		within(raw, "raw_attributes")
	}
	return fields
}

// brief is a value as one line of text, "" for none.
func brief(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}
