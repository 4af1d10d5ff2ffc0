package api

import (
	"encoding/json"
	"net/http"

	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/settings"
)

var directoryFields = []Field{
	{Name: "name", Type: String, About: "The name, of 1 to 256 characters."},
	{Name: "settings", Type: Object, Schema: "directory_settings_change", About: "Settings that are to change. null is the default of one."},
	{Name: "extensions", Type: Array, Schema: "extension", About: "Custom schemas of users, in the JSON form of RFC 7643 section 7, that are to be there, too."},
}

var directoryRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/directories", Scope: management.Read,
		Parameters: pageParameters(id.Directory,
			Parameter{Name: "organization_id", Kind: ID, Of: id.Organization, About: "Directories of this organization."},
			Parameter{Name: "search", Kind: Text, About: "Directories whose name holds this text, in any letter case."}),
		Status: http.StatusOK, Answer: "directory", List: true, About: "List directories.",
		serve: func(r *request) (response, error) {
			return many(r.directory)(r.session.Directories(r.context(), r.query.text("organization_id"), r.query.text("search"), r.query.page()))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/directories", Scope: management.Manage,
		Body: append(required(directoryFields, "name"),
			Field{Name: "organization_id", Type: String, Required: true, About: "The organization that it belongs to."},
			Field{Name: "type", Type: String, Choices: management.DirectoryTypes, About: "The first is the default."}),
		Status: http.StatusCreated, Answer: "directory", About: "Create a directory with its first token, whose secret is shown here and never again.",
		serve: func(r *request) (response, error) {
			d, first, secret, err := r.session.CreateDirectory(r.context(), management.NewDirectory{
				OrganizationID: r.body.value("organization_id"), Name: r.body.value("name"), Type: r.body.value("type"),
				Settings: r.body.members("settings"), Extensions: r.body.raw("extensions"),
			})
			if err != nil {
				return response{}, err
			}
			body := r.whole(d)
			body["token"] = shownOnce(token(first), "token", secret)
			return made(body, nil)
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directories/{id}", Scope: management.Read,
		Status: http.StatusOK, Answer: "directory", About: "Read a directory.",
		serve: func(r *request) (response, error) {
			d, err := r.session.Directory(r.context(), r.parameters["id"])
			if err != nil {
				return response{}, err
			}
			day, err := r.session.LastDay(r.context(), d.ID)
			return one(func(day *management.Day) any { return r.active(d, day) })(day, err)
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directories/{id}/requests", Scope: management.Read, Parameters: pageParameters(management.RequestKind),
		Status: http.StatusOK, Answer: "scim_request", List: true, About: "List the SCIM requests of the last week that were refused, or of which something was passed over.",
		serve: func(r *request) (response, error) {
			return many(scimRequest)(r.session.Requests(r.context(), r.parameters["id"], r.query.page()))
		},
	},
	{
		Method: http.MethodPatch, Pattern: "/directories/{id}", Scope: management.Manage, Body: directoryFields,
		Status: http.StatusOK, Answer: "directory", About: "Change what is given of a directory. What changes how users look starts a job that shows all of them anew.",
		serve: func(r *request) (response, error) {
			return one(r.whole)(r.session.UpdateDirectory(r.context(), r.parameters["id"], management.DirectoryUpdate{
				Name: r.body.text("name"), Settings: r.body.members("settings"), Extensions: r.body.raw("extensions"),
			}))
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/directories/{id}", Scope: management.Manage,
		Status: http.StatusAccepted, About: "Delete a directory with all that is in it. Its tokens stop working at once.",
		serve: func(r *request) (response, error) {
			return accepted, r.session.DeleteDirectory(r.context(), r.parameters["id"])
		},
	},
	{
		Method: http.MethodPost, Pattern: "/directories/{id}/pause", Scope: management.Manage,
		Status: http.StatusOK, Answer: "directory", About: "Let no SCIM request in until the directory is resumed.",
		serve: func(r *request) (response, error) {
			return one(r.whole)(r.session.PauseDirectory(r.context(), r.parameters["id"]))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/directories/{id}/resume", Scope: management.Manage,
		Status: http.StatusOK, Answer: "directory", About: "Let SCIM requests in again.",
		serve: func(r *request) (response, error) {
			return one(r.whole)(r.session.ResumeDirectory(r.context(), r.parameters["id"]))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directories/{id}/jobs", Scope: management.Read, Parameters: pageParameters(id.Job),
		Status: http.StatusOK, Answer: "job", List: true, About: "List the long work of a directory.",
		serve: func(r *request) (response, error) {
			return many(job)(r.session.Jobs(r.context(), r.parameters["id"], r.query.page()))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/jobs/{id}", Scope: management.Read,
		Status: http.StatusOK, Answer: "job", About: "Read how far a piece of long work is.",
		serve: func(r *request) (response, error) {
			return one(job)(r.session.Job(r.context(), r.parameters["id"]))
		},
	},
}

// directory is the wire format of a directory (workos.md section 1.2), with
// what a team needs to connect and manage it.
func (r *request) directory(d management.Directory) map[string]any {
	settings, err := settings.Parse(d.Settings)
	if err != nil {
		panic(err) // it was accepted once
	}
	return map[string]any{
		"object":          "directory",
		"id":              d.ID,
		"organization_id": d.OrganizationID,
		"external_key":    d.ExternalKey,
		"type":            d.Type,
		"state":           d.State,
		"name":            d.Name,
		"tenant_url":      r.http.URL.Scheme + "://" + r.http.Host + r.api.scimBase + d.ExternalKey,
		"settings":        settings,
		"created_at":      scim.Timestamp(d.Created),
		"updated_at":      scim.Timestamp(d.Modified),
	}
}

// whole is directory with what is too large for a list.
func (r *request) whole(d management.Directory) map[string]any {
	body := r.directory(d)
	body["extensions"] = json.RawMessage("[]")
	if d.Extensions != "" {
		body["extensions"] = json.RawMessage(d.Extensions)
	}
	return body
}

// active is whole with when the provider last called, and what came on that
// day; null for nothing.
func (r *request) active(d management.Directory, day *management.Day) map[string]any {
	body := r.whole(d)
	body["last_sync_at"], body["last_day"] = nil, nil
	if day != nil {
		body["last_sync_at"] = scim.Timestamp(day.Last)
		body["last_day"] = map[string]any{"date": day.Date, "requests": day.Requests, "refused": day.Refused, "writes": day.Writes}
	}
	return body
}

// scimRequest is what an IT admin is told when Entra says "failed".
func scimRequest(q management.Request) map[string]any {
	tolerated := make([]any, len(q.Tolerated))
	for i, t := range q.Tolerated {
		tolerated[i] = map[string]any{"what": t.What, "count": t.Count, "path": nullable(t.Path)}
	}
	return map[string]any{
		"object":         "scim_request",
		"id":             q.ID,
		"directory_id":   q.DirectoryID,
		"request_id":     nullable(q.RequestID),
		"token_id":       nullable(q.TokenID),
		"method":         q.Method,
		"path":           nullable(q.Route),
		"status":         q.Status,
		"scim_type":      nullable(q.ScimType),
		"attribute":      nullable(q.Path),
		"operation":      position(q.Operation),
		"bulk_operation": position(q.Bulk),
		"duration_ms":    q.Milliseconds,
		"tolerated":      tolerated,
		"unrecorded":     q.Unrecorded,
		"created_at":     scim.Timestamp(q.At),
	}
}

// position is a place counted from 1, null for none.
func position(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func job(j management.Job) map[string]any {
	return map[string]any{
		"object":       "job",
		"id":           j.ID,
		"directory_id": j.DirectoryID,
		"task":         j.Task,
		"state":        j.State,
		"steps":        j.Steps,
		"done":         j.Done,
		"created_at":   scim.Timestamp(j.Created),
		"updated_at":   scim.Timestamp(j.Modified),
	}
}
