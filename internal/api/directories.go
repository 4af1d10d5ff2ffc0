package api

import (
	"encoding/json"
	"net/http"

	"dsync/internal/doctor"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/settings"
)

var directoryFields = []Field{
	{Name: "name", Type: String, Description: "Name, 1 to 256 characters."},
	{Name: "settings", Type: Object, Schema: "directory_settings_change", Description: "Settings to change. null resets a setting to its default."},
	{Name: "extensions", Type: Array, Schema: "extension", Description: "Custom schemas of users to add, in the JSON form of RFC 7643 section 7."},
}

var directoryRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/directories", Scope: management.Read,
		Parameters: pageParameters(id.Directory,
			Parameter{Name: "organization_id", Kind: ID, Of: id.Organization, Description: "Return directories of this organization."},
			Parameter{Name: "search", Kind: Text, Description: "Return directories whose name contains this text, case-insensitive."}),
		Status: http.StatusOK, Object: "directory", List: true, Summary: "List directories.",
		serve: func(r *request) (response, error) {
			found, err := r.session.Directories(r.context(), r.query.text("organization_id"), r.query.text("search"), r.query.page())
			if err != nil {
				return response{}, err
			}
			directoryIDs := make([]string, len(found.Items))
			for i, d := range found.Items {
				directoryIDs[i] = d.ID
			}
			counts, err := r.session.Counts(r.context(), directoryIDs...)
			return many(func(d management.Directory) any { return counted(r.directory(d), counts[d.ID]) })(found, err)
		},
	},
	{
		Method: http.MethodPost, Pattern: "/directories", Scope: management.Manage,
		Body: append(required(directoryFields, "name"),
			Field{Name: "organization_id", Type: String, Required: true, Description: "Organization that the directory belongs to."},
			Field{Name: "type", Type: String, Choices: settings.DirectoryTypes, Description: "Type of the identity provider. The first value is the default."}),
		Status: http.StatusCreated, Object: "directory", Summary: "Create a directory and its first token. The response contains the secret; it cannot be read again.",
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
		Status: http.StatusOK, Object: "directory", Summary: "Read a directory.",
		serve: func(r *request) (response, error) {
			d, err := r.session.Directory(r.context(), r.parameters["id"])
			if err != nil {
				return response{}, err
			}
			activity, err := r.session.Activity(r.context(), d)
			if err != nil {
				return response{}, err
			}
			counts, err := r.session.Counts(r.context(), d.ID)
			return one(func(map[string]management.Counts) any { return counted(r.active(d, activity), counts[d.ID]) })(counts, err)
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directories/{id}/requests", Scope: management.Read,
		Parameters: pageParameters(management.RequestKind,
			Parameter{Name: "outcome", Kind: Choice, Choices: management.Outcomes, Description: "Return requests that were refused, or those that succeeded and of which a part was ignored (partial)."},
			Parameter{Name: "request_id", Kind: Text, Description: "Return the request whose response had this X-Request-Id; of a bulk request, all its records."}),
		Status: http.StatusOK, Object: "scim_request", List: true, Summary: "List the SCIM requests of the last 7 days that failed or were only partly applied.",
		serve: func(r *request) (response, error) {
			return many(scimRequest)(r.session.Requests(r.context(), r.parameters["id"], management.RequestFilter{Outcome: r.query.text("outcome"), RequestID: r.query.text("request_id")}, r.query.page()))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directories/{id}/findings", Scope: management.Read,
		Status: http.StatusOK, Object: "finding", List: true, Summary: "List all findings of a directory, blocking ones first: the problems that its traffic shows, and how to fix each.",
		serve: func(r *request) (response, error) {
			found, err := r.session.Findings(r.context(), r.parameters["id"])
			return many(finding)(management.Page[doctor.Finding]{Items: found}, err)
		},
	},
	{
		Method: http.MethodPatch, Pattern: "/directories/{id}", Scope: management.Manage, Body: directoryFields,
		Status: http.StatusOK, Object: "directory", Summary: "Update the given members of a directory. If the payloads of users change, a job updates all users.",
		serve: func(r *request) (response, error) {
			return one(r.whole)(r.session.UpdateDirectory(r.context(), r.parameters["id"], management.DirectoryUpdate{
				Name: r.body.text("name"), Settings: r.body.members("settings"), Extensions: r.body.raw("extensions"),
			}))
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/directories/{id}", Scope: management.Manage,
		Status: http.StatusAccepted, Summary: "Delete a directory with its users, groups and tokens. The tokens stop working at once.",
		serve: func(r *request) (response, error) {
			return accepted, r.session.DeleteDirectory(r.context(), r.parameters["id"])
		},
	},
	{
		Method: http.MethodPost, Pattern: "/directories/{id}/pause", Scope: management.Manage,
		Status: http.StatusOK, Object: "directory", Summary: "Reject SCIM requests to a directory until it is resumed.",
		serve: func(r *request) (response, error) {
			return one(r.whole)(r.session.PauseDirectory(r.context(), r.parameters["id"]))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/directories/{id}/resume", Scope: management.Manage,
		Status: http.StatusOK, Object: "directory", Summary: "Accept SCIM requests to a directory again.",
		serve: func(r *request) (response, error) {
			return one(r.whole)(r.session.ResumeDirectory(r.context(), r.parameters["id"]))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/directories/{id}/jobs", Scope: management.Read, Parameters: pageParameters(id.Job),
		Status: http.StatusOK, Object: "job", List: true, Summary: "List the jobs of a directory.",
		serve: func(r *request) (response, error) {
			return many(job)(r.session.Jobs(r.context(), r.parameters["id"], r.query.page()))
		},
	},
	{
		Method: http.MethodGet, Pattern: "/jobs/{id}", Scope: management.Read,
		Status: http.StatusOK, Object: "job", Summary: "Read a job.",
		serve: func(r *request) (response, error) {
			return one(job)(r.session.Job(r.context(), r.parameters["id"]))
		},
	},
}

// directory is the wire format of a directory (workos.md section 1.2), with
// members that WorkOS's lacks: key, Tenant URL and settings.
func (r *request) directory(d management.Directory) map[string]any {
	settings, err := settings.Parse(d.SCIMConfig)
	if err != nil {
		panic(err) // they were valid when they were written
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

// whole is directory with the members that are too large for a list.
func (r *request) whole(d management.Directory) map[string]any {
	body := r.directory(d)
	body["extensions"] = json.RawMessage("[]")
	if d.Extensions != "" {
		body["extensions"] = json.RawMessage(d.Extensions)
	}
	return body
}

// active is whole with the time of the last request and the counts of its day,
// null without a request, and the requests of the last hours.
func (r *request) active(d management.Directory, a management.Activity) map[string]any {
	body := r.whole(d)
	body["last_sync_at"], body["last_day"], body["hourly_requests"] = nil, nil, a.Hours
	if day := a.Day; day != nil {
		body["last_sync_at"] = scim.Timestamp(day.Last)
		body["last_day"] = map[string]any{"date": day.Date, "requests": day.Requests, "refused": day.Refused, "writes": day.Writes}
	}
	return body
}

// counted adds the counts to a directory, if they are known (workos.md section
// 1.2).
func counted(body map[string]any, c management.Counts) map[string]any {
	if c.Known {
		body["metadata"] = map[string]any{"users": map[string]any{"active": c.Active, "inactive": c.Inactive}, "groups": c.Groups}
	}
	return body
}

// finding is the wire format of a finding.
func finding(f doctor.Finding) any {
	ids := f.IDs
	if ids == nil {
		ids = []string{}
	}
	return map[string]any{
		"object": "finding", "code": f.Code, "severity": f.Severity, "since": scim.Timestamp(f.Since), "last_seen_at": scim.Timestamp(f.Last),
		"count": f.Count, "ids": ids, "text": f.Text, "remedy": f.Remedy, "for_team": f.Team,
	}
}

// scimRequest is the wire format of the record of a SCIM request.
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
		"reason":         nullable(q.Reason),
		"tolerated":      tolerated,
		"unrecorded":     q.Unrecorded,
		"created_at":     scim.Timestamp(q.At),
	}
}

// position is a number counted from 1, null for 0.
func position(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// job renders a job. The error of a failed attempt is in the log of the
// function that runs jobs: it may name internals.
func job(j management.Job) map[string]any {
	var due, failure any
	if !j.Due.IsZero() {
		due = scim.Timestamp(j.Due)
	}
	if j.Failed() {
		failure = j.Error
	}
	return map[string]any{
		"object":       "job",
		"id":           j.ID,
		"directory_id": j.DirectoryID,
		"task":         j.Task,
		"state":        j.State,
		"steps":        j.Steps,
		"done":         j.Done,
		"failures":     j.Failures,
		"error":        failure,
		"due_at":       due,
		"created_at":   scim.Timestamp(j.Created),
		"updated_at":   scim.Timestamp(j.Modified),
	}
}
