package wording

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Change is an event of the log as people read it.
type Change struct {
	ID       string
	At       time.Time
	Sequence int64
	Event    string // dsync.user.updated
	Tone     string
	Subject  string // who or what was changed
	Verb     string // what happened, as a clause after the subject
	Object   string // of a membership: the group
	Path     string // of the page of the subject, where the site has one
	To       string // of the page of the object
	Fields   []ChangedField
	More     int    // changed fields that are not in Fields
	JSON     string // the event, indented
	Where    *Place // the directory, where the site shows several

	SubjectID, ObjectID         string
	DirectoryID, OrganizationID string
}

// ChangedField is an attribute before and after a change. "" is none.
type ChangedField struct{ Name, Before, After string }

// Place is where a change was made.
type Place struct {
	Directory, Organization string // names
	Path                    string // of the directory's page
	Only                    string // of the changes of the organization
}

// maxFields is how many changed attributes of an event are shown.
const maxFields = 12

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

// ChangesOf describes events of a log, in their order.
func ChangesOf(events []json.RawMessage) ([]Change, error) {
	changes := make([]Change, len(events))
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

func (e logged) change() Change {
	c := Change{ID: e.ID, At: e.Created, Sequence: e.Context.Sequence, Event: e.Event, Verb: verbs[e.Event].text, Tone: verbs[e.Event].tone}
	c.DirectoryID, _ = e.Data["directory_id"].(string)
	c.OrganizationID, _ = e.Data["organization_id"].(string)
	if c.DirectoryID == "" && e.Data["object"] == "directory" {
		c.DirectoryID, _ = e.Data["id"].(string)
	}
	user, isMembership := e.Data["user"].(map[string]any)
	group, _ := e.Data["group"].(map[string]any)
	if c.OrganizationID == "" {
		c.OrganizationID, _ = user["organization_id"].(string)
	}
	switch {
	case isMembership:
		c.Subject, c.Object = called(user), called(group)
		c.SubjectID = idOf(user)
		c.ObjectID = idOf(group)
	case strings.HasPrefix(e.Event, "dsync.token."):
		suffix, _ := e.Data["token_suffix"].(string)
		c.Subject = "Token …" + suffix
	case strings.HasPrefix(e.Event, "dsync.group."):
		c.Subject = "Group " + called(e.Data)
		c.SubjectID = idOf(e.Data)
	case strings.HasPrefix(e.Event, "dsync.user."):
		c.Subject = called(e.Data)
		c.SubjectID = idOf(e.Data)
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

// idOf is the id of a user or group of an event.
func idOf(object map[string]any) string {
	resourceID, _ := object["id"].(string)
	return resourceID
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
func fieldsOf(previous, now map[string]any) (fields []ChangedField) {
	custom, _ := previous["custom_attributes"].(map[string]any)
	raw, _ := previous["raw_attributes"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(previous)) {
		if name != "custom_attributes" && name != "raw_attributes" {
			fields = append(fields, ChangedField{name, Brief(previous[name]), Brief(now[name])})
		}
	}
	within := func(old map[string]any, part string) {
		updated, _ := now[part].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(old)) {
			fields = append(fields, ChangedField{name, Brief(old[name]), Brief(updated[name])})
		}
	}
	within(custom, "custom_attributes")
	if len(fields) == 0 {
		within(raw, "raw_attributes")
	}
	return fields
}

// Brief is a value as one line of text, "" for none.
func Brief(v any) string {
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
