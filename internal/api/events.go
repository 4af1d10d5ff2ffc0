package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/management"
)

var eventRoutes = []Route{{
	Method: http.MethodGet, Pattern: "/events", Scope: management.Read,
	Parameters: []Parameter{
		{Name: "events", Kind: Texts, Choices: dsync.Names, Description: "Return events with these names. Default: all."},
		{Name: "after", Kind: Text, Description: "Return what follows the event with this ID, or this cursor."},
		{Name: "before", Kind: Text, Description: "Return what precedes the event with this ID, or this cursor."},
		{Name: "limit", Kind: Number, Default: strconv.Itoa(management.DefaultLimit), Description: "Maximum number of events. A page can be shorter, even empty, and have a next page."},
		{Name: "order", Kind: Choice, Choices: orders, Default: "asc", Description: "Oldest first (asc) or newest first (desc, normal)."},
		{Name: "range_start", Kind: Time, Description: "Return events at or after this time. Cannot be combined with after: request the next pages of a range with after and range_end."},
		{Name: "range_end", Kind: Time, Description: "Return events up to this time."},
		{Name: "organization_id", Kind: ID, Of: id.Organization, Description: "Return events of this organization."},
		{Name: "directory", Kind: ID, Of: id.Directory, Description: "Return events of this directory. Cannot be combined with organization_id."},
	},
	Status: http.StatusOK, Object: "event", List: true, Summary: "List events.",
	serve: listEvents,
}}

// listEvents serves GET /events. A query that the log cannot answer is a 400 as
// in WorkOS's API (workos.md section 2.7).
func listEvents(r *request) (response, error) {
	q := eventlog.Query{
		OrganizationID: r.query.text("organization_id"), DirectoryID: r.query.text("directory"), Names: r.query["events"],
		After: r.query.text("after"), Before: r.query.text("before"), From: r.query.time("range_start"), To: r.query.time("range_end"),
		Limit: r.query.number("limit"), Descending: r.query.text("order") != "asc",
	}
	for _, name := range q.Names {
		if !slices.Contains(dsync.Names, name) {
			return response{}, badRequest("invalid_events_request", "There is no event %q. The events are %s.", name, strings.Join(dsync.Names, ", "))
		}
	}
	switch {
	case !q.From.IsZero() && q.After != "":
		return response{}, badRequest("invalid_events_request", "range_start cannot come with after: the cursor says where to begin. range_end can.")
	case !q.To.IsZero() && q.To.Before(q.From):
		return response{}, badRequest("invalid_events_request", "range_end is before range_start.")
	case q.OrganizationID != "" && q.DirectoryID != "":
		return response{}, validation([]fault.Field{{Name: "organization_id", Code: "organization_id must not come with directory."}})
	}
	found, err := r.session.Events(r.context(), r.api.events, q)
	if errors.Is(err, eventlog.ErrMigrating) {
		return response{}, fault.New(fault.Busy, "", "the event log is being migrated after an upgrade: try again in some minutes")
	}
	if errors.Is(err, eventlog.ErrCursor) {
		return response{}, badRequest("invalid_cursor", "There is no such cursor: it is unknown, or older than the log.")
	} else if err != nil {
		return response{}, err
	}
	return many(encoded)(management.Page[json.RawMessage]{Items: found.Events, Before: found.Before, After: found.After}, nil)
}
