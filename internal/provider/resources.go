package provider

import (
	"errors"
	"net/http"

	"dsync/internal/doctor"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
	"dsync/internal/session"
)

// resourceRoutes are the endpoints of one resource type (RFC 7644 section 3.2).
func resourceRoutes(t session.Type) routes {
	return routes{
		t.Endpoint: {
			http.MethodGet:  serveType(t, resources.list),
			http.MethodPost: serveType(t, resources.create),
		},
		t.Endpoint + searchPath: {
			http.MethodPost: serveType(t, resources.search),
		},
		t.Endpoint + "/{id}": {
			http.MethodGet:    serveType(t, resources.get),
			http.MethodPut:    serveType(t, resources.replace),
			http.MethodPatch:  serveType(t, resources.patch),
			http.MethodDelete: serveType(t, resources.delete),
		},
	}
}

// serveType serves a request with the type as its directory has it.
func serveType(t session.Type, serve func(resources) (response, error)) endpoint {
	return func(r *request) (response, error) { return serve(resourcesOf(r, t)) }
}

// resources serves a request for resources of one type.
type resources struct {
	request *request
	session *session.Session
	typ     session.Type
}

func resourcesOf(r *request, t session.Type) resources {
	return resources{r, r.session, r.session.Type(t)}
}

func (rs resources) list() (response, error) {
	q, err := query.Parse(rs.typ.ResourceType, rs.request.http.URL.RawQuery)
	if err != nil {
		return response{}, err
	}
	return rs.page(q)
}

// search serves a list whose query is in the body (RFC 7644 section 3.4.3).
func (rs resources) search() (response, error) {
	object, err := rs.request.object()
	if err != nil {
		return response{}, err
	}
	q, err := query.ParseSearch(rs.typ.ResourceType, object)
	if err != nil {
		return response{}, err
	}
	return rs.page(q)
}

func (rs resources) page(q query.Query) (response, error) {
	found, err := rs.session.List(rs.request.context(), rs.typ, q)
	if err != nil {
		return response{}, err
	}
	room := session.NewRoom()
	lookup := q.Filter != nil && rs.session.FindsByKey(rs.typ, q.Filter)
	page := make([]map[string]any, 0, len(found.Resources))
	for _, resource := range found.Resources {
		projected, err := rs.project(resource, q.Projection, lookup, room)
		var tooMany *fault.Error
		if errors.As(err, &tooMany) && len(page) > 0 && q.Cursor == nil {
			break // the page is shorter
		} else if err != nil {
			return response{}, err
		}
		page = append(page, projected)
	}
	if q.Cursor != nil {
		return response{status: http.StatusOK, body: query.CursorResponse(page, found.Total, found.Next)}, nil
	}
	return response{status: http.StatusOK, body: query.ListResponse(page, found.Total, q.StartIndex)}, nil
}

func (rs resources) get() (response, error) {
	q, err := query.Parse(rs.typ.ResourceType, rs.request.http.URL.RawQuery)
	if err != nil {
		return response{}, err
	}
	found, err := rs.session.Get(rs.request.context(), rs.typ, rs.request.id)
	if err != nil {
		return response{}, err
	}
	known := condition(rs.request.http.Header.Get("If-None-Match"))
	if known.Demanded() && known.Holds(found.Meta.Version) {
		return response{status: http.StatusNotModified, header: map[string]string{"ETag": found.Meta.ETag()}}, nil
	}
	body, err := rs.project(found, q.Projection, true, session.NewRoom())
	if err != nil {
		return response{}, err
	}
	return rs.result(http.StatusOK, found, body), nil
}

// importHeader has the id that a new resource brings, as WorkOS's tool for
// migrations sends it. It counts only if the directory imports ids.
const importHeader = "X-WorkOS-Migrated-Id"

func (rs resources) create() (response, error) {
	doc, members, q, err := rs.parse()
	if err != nil {
		return response{}, err
	}
	var created session.Resource
	if id := rs.request.http.Header.Get(importHeader); id != "" && rs.session.Profile().ImportIDs {
		created, err = rs.session.Import(rs.request.context(), rs.typ, id, doc, members)
	} else {
		created, err = rs.session.Create(rs.request.context(), rs.typ, doc, members)
	}
	if err != nil {
		return response{}, err
	}
	return rs.written(http.StatusCreated, created, q, members != nil || q.Projection.Named()), nil
}

func (rs resources) replace() (response, error) {
	doc, members, q, err := rs.parse()
	if err != nil {
		return response{}, err
	}
	replaced, err := rs.session.Replace(rs.request.context(), rs.typ, rs.request.id, doc, members, rs.ifMatch())
	if err != nil {
		return response{}, err
	}
	return rs.written(http.StatusOK, replaced, q, true), nil
}

// patch responds with the updated user. For a group it responds with 204,
// because Entra wants no list of members (entra.md section 15), unless the
// client asks for attributes (RFC 7644 section 3.5.2) or the profile of the
// directory has the group in the response. Then it comes without its members:
// a change of members costs the same for a group of any size.
func (rs resources) patch() (response, error) {
	q, err := query.Parse(rs.typ.ResourceType, rs.request.http.URL.RawQuery)
	if err != nil {
		return response{}, err
	}
	body, err := rs.request.body()
	if err != nil {
		return response{}, err
	}
	operations, err := patch.Parse(body)
	if err != nil {
		return response{}, err
	}
	rs.request.exchange.trace.Observe(doctor.ExaminePatch(body)...)
	patched, err := rs.session.Patch(rs.request.context(), rs.typ, rs.request.id, operations, rs.ifMatch())
	if err != nil {
		return response{}, err
	}
	if rs.typ.Name == scim.Groups.Name {
		if !q.Projection.Named() && !rs.session.Profile().GroupAfterPatch {
			return response{status: http.StatusNoContent}, nil
		}
		if patched, err = rs.session.Get(rs.request.context(), rs.typ, rs.request.id); err != nil {
			return response{}, err
		}
	}
	return rs.written(http.StatusOK, patched, q, q.Projection.Named()), nil
}

func (rs resources) delete() (response, error) {
	if err := rs.session.Delete(rs.request.context(), rs.typ, rs.request.id, rs.ifMatch()); err != nil {
		return response{}, err
	}
	return response{status: http.StatusNoContent}, nil
}

func (rs resources) ifMatch() session.Condition {
	return condition(rs.request.http.Header.Get("If-Match"))
}

// parse reads the body of a POST or PUT, and the query string.
func (rs resources) parse() (doc map[string]any, members *resource.Members, q query.Query, err error) {
	if q, err = query.Parse(rs.typ.ResourceType, rs.request.http.URL.RawQuery); err != nil {
		return
	}
	object, err := rs.request.object()
	if err != nil {
		return
	}
	doc, members, err = resource.Parse(rs.typ.ResourceType, object)
	return
}

// written is the response to a write. It leaves memberships out if they cannot be
// read: the write succeeded, so the response must not be an error.
func (rs resources) written(status int, resource session.Resource, q query.Query, memberships bool) response {
	full := rs.render(resource)
	if memberships && rs.wantsMemberships(q.Projection, false) {
		if list, err := rs.memberships(resource, session.NewRoom()); err == nil {
			full[rs.typ.Keyed] = list
		}
	}
	return rs.result(status, resource, q.Projection.Apply(full))
}

// wantsMemberships reports whether a response has the memberships. Those of a
// group are returned by default. Those of a user are returned if the client names
// them, or in a response to a lookup if the profile of the directory says so: a
// query for each user of a long list would be too much.
func (rs resources) wantsMemberships(p query.Projection, lookup bool) bool {
	return p.Wants(rs.typ.Keyed) && (rs.typ.Name == scim.Groups.Name || p.Named() || lookup)
}

// project is a resource with the attributes that the client asks for. It takes
// the room of the memberships. lookup says that the client read the resource by
// its id or found it by a key.
func (rs resources) project(resource session.Resource, p query.Projection, lookup bool, room *session.Room) (map[string]any, error) {
	full := rs.render(resource)
	if rs.wantsMemberships(p, lookup) {
		list, err := rs.memberships(resource, room)
		if err != nil {
			return nil, err
		}
		full[rs.typ.Keyed] = list
	}
	return p.Apply(full), nil
}

// memberships are the members of a group or the groups of a user: the attribute
// whose elements are not stored in the resource.
func (rs resources) memberships(resource session.Resource, room *session.Room) ([]any, error) {
	if rs.typ.Name == scim.Groups.Name {
		return rs.session.Members(rs.request.context(), resource, rs.request.baseURL+scim.Users.Endpoint, room)
	}
	return rs.session.Groups(rs.request.context(), resource.Meta.ID, rs.request.baseURL+scim.Groups.Endpoint)
}

func (rs resources) render(found session.Resource) map[string]any {
	found.Meta.Location = rs.location(found)
	return resource.Render(rs.typ.ResourceType, found.Document, found.Meta)
}

func (rs resources) location(resource session.Resource) string {
	return rs.request.baseURL + rs.typ.Endpoint + "/" + resource.Meta.ID
}

func (rs resources) result(status int, resource session.Resource, body map[string]any) response {
	return response{status, map[string]string{"Location": rs.location(resource), "ETag": resource.Meta.ETag()}, body}
}
