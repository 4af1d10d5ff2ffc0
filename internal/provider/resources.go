package provider

import (
	"net/http"

	"dsync/internal/directory"
	"dsync/internal/scim"
)

// resources are the endpoints of one resource type (RFC 7644 section 3.2).
type resources struct{ directory.Type }

func (t resources) routes() routes {
	return routes{
		t.Endpoint: {
			http.MethodGet:  t.list,
			http.MethodPost: t.create,
		},
		t.Endpoint + "/{id}": {
			http.MethodGet:    t.get,
			http.MethodPut:    t.replace,
			http.MethodPatch:  t.patch,
			http.MethodDelete: t.delete,
		},
	}
}

func (t resources) list(r *request) (answer, error) {
	q, err := t.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	found, total, err := r.session.List(r.Context(), t.Type, q)
	if err != nil {
		return answer{}, err
	}
	page := make([]map[string]any, len(found))
	room := directory.MaxInlineMembers
	for i, resource := range found {
		if page[i], err = t.show(r, resource, q.Projection, &room); err != nil {
			return answer{}, err
		}
	}
	return answer{status: http.StatusOK, body: scim.ListResponse(page, total, q.StartIndex)}, nil
}

func (t resources) get(r *request) (answer, error) {
	q, err := t.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	found, err := r.session.Get(r.Context(), t.Type, r.id)
	if err != nil {
		return answer{}, err
	}
	if tags := r.Header.Get("If-None-Match"); tags != "" && directory.ETags(tags).Match(found.Meta) {
		return answer{status: http.StatusNotModified, header: map[string]string{"ETag": found.Meta.ETag()}}, nil
	}
	room := directory.MaxInlineMembers
	body, err := t.show(r, found, q.Projection, &room)
	if err != nil {
		return answer{}, err
	}
	return t.answer(r, http.StatusOK, found, body), nil
}

func (t resources) create(r *request) (answer, error) {
	doc, members, q, err := t.parse(r)
	if err != nil {
		return answer{}, err
	}
	created, err := r.session.Create(r.Context(), t.Type, doc, members)
	if err != nil {
		return answer{}, err
	}
	return t.written(r, http.StatusCreated, created, q, members != nil)
}

func (t resources) replace(r *request) (answer, error) {
	doc, members, q, err := t.parse(r)
	if err != nil {
		return answer{}, err
	}
	replaced, err := r.session.Replace(r.Context(), t.Type, r.id, doc, members, ifMatch(r))
	if err != nil {
		return answer{}, err
	}
	return t.written(r, http.StatusOK, replaced, q, true)
}

// patch answers a user as it is now, and nothing for a group: Entra wants no
// list of members back (entra.md section 15).
func (t resources) patch(r *request) (answer, error) {
	q, err := t.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	body, err := r.body()
	if err != nil {
		return answer{}, err
	}
	operations, err := scim.ParsePatch(body)
	if err != nil {
		return answer{}, err
	}
	patched, err := r.session.Patch(r.Context(), t.Type, r.id, operations, ifMatch(r))
	if err != nil {
		return answer{}, err
	}
	if t.Keyed != "" {
		return answer{status: http.StatusNoContent}, nil
	}
	return t.written(r, http.StatusOK, patched, q, false)
}

func (t resources) delete(r *request) (answer, error) {
	if err := r.session.Delete(r.Context(), t.Type, r.id, ifMatch(r)); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func ifMatch(r *request) directory.Condition {
	return directory.Condition(r.Header.Get("If-Match"))
}

// parse reads the body of a POST or PUT, and the query string.
func (t resources) parse(r *request) (doc map[string]any, members *scim.Members, q scim.Query, err error) {
	if q, err = t.ParseQuery(r.URL.RawQuery); err != nil {
		return
	}
	body, err := r.body()
	if err != nil {
		return
	}
	object, err := scim.DecodeObject(body)
	if err != nil {
		return
	}
	doc, members, err = t.Parse(object)
	return
}

// written answers a write with the resource. A group's members are among it
// only if they fit: the write is done, and must not look as if it failed.
func (t resources) written(r *request, status int, resource directory.Resource, q scim.Query, members bool) (answer, error) {
	full := t.render(r, resource)
	if members && t.Keyed != "" && q.Projection.Wants(t.Keyed) {
		if list, err := r.session.Members(r.Context(), resource.Meta.ID, directory.MaxInlineMembers); err == nil {
			full[t.Keyed] = list
		}
	}
	return t.answer(r, status, resource, q.Projection.Apply(full)), nil
}

// show is a resource as the client asked to see it. room is how many members
// still fit the answer.
func (t resources) show(r *request, resource directory.Resource, p scim.Projection, room *int) (map[string]any, error) {
	full := t.render(r, resource)
	if t.Keyed != "" && p.Wants(t.Keyed) {
		members, err := r.session.Members(r.Context(), resource.Meta.ID, *room)
		if err != nil {
			return nil, err
		}
		full[t.Keyed] = members
		*room -= len(members)
	}
	return p.Apply(full), nil
}

func (t resources) render(r *request, resource directory.Resource) map[string]any {
	resource.Meta.Location = r.base + t.Endpoint + "/" + resource.Meta.ID
	return t.Render(resource.Document, resource.Meta)
}

func (t resources) answer(r *request, status int, resource directory.Resource, body map[string]any) answer {
	return answer{status, map[string]string{
		"Location": r.base + t.Endpoint + "/" + resource.Meta.ID,
		"ETag":     resource.Meta.ETag(),
	}, body}
}
