package provider

import (
	"errors"
	"net/http"

	"dsync/internal/directory"
	"dsync/internal/scim"
)

// resources are the endpoints of one resource type (RFC 7644 section 3.2).
type resources struct{ directory.Type }

func (t resources) routes() routes {
	return routes{
		t.Endpoint: {
			http.MethodGet:  on(t, resources.list),
			http.MethodPost: on(t, resources.create),
		},
		t.Endpoint + searchPath: {
			http.MethodPost: on(t, resources.search),
		},
		t.Endpoint + "/{id}": {
			http.MethodGet:    on(t, resources.get),
			http.MethodPut:    on(t, resources.replace),
			http.MethodPatch:  on(t, resources.patch),
			http.MethodDelete: on(t, resources.delete),
		},
	}
}

// on serves with the type as the request's directory has it.
func on(t resources, serve func(resources, *request) (answer, error)) endpoint {
	return func(r *request) (answer, error) { return serve(resources{r.session.Type(t.Type)}, r) }
}

func (t resources) list(r *request) (answer, error) {
	q, err := t.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	return t.page(r, q)
}

// search is list with the query in the body (RFC 7644 section 3.4.3).
func (t resources) search(r *request) (answer, error) {
	object, err := r.object()
	if err != nil {
		return answer{}, err
	}
	q, err := t.ParseSearch(object)
	if err != nil {
		return answer{}, err
	}
	return t.page(r, q)
}

func (t resources) page(r *request, q scim.Query) (answer, error) {
	found, err := r.session.List(r.Context(), t.Type, q)
	if err != nil {
		return answer{}, err
	}
	room := directory.NewRoom()
	shown := make([]map[string]any, 0, len(found.Resources))
	for _, resource := range found.Resources {
		one, err := t.show(r, resource, q.Projection, room)
		var tooMany *scim.Error
		if errors.As(err, &tooMany) && len(shown) > 0 && q.Cursor == nil {
			break // what fits is a shorter page
		} else if err != nil {
			return answer{}, err
		}
		shown = append(shown, one)
	}
	if q.Cursor != nil {
		return answer{status: http.StatusOK, body: scim.CursorResponse(shown, found.Total, found.Next)}, nil
	}
	return answer{status: http.StatusOK, body: scim.ListResponse(shown, found.Total, q.StartIndex)}, nil
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
	body, err := t.show(r, found, q.Projection, directory.NewRoom())
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
	return t.written(r, http.StatusCreated, created, q, members != nil || q.Projection.Named()), nil
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
	return t.written(r, http.StatusOK, replaced, q, true), nil
}

// patch answers a user as it is now. Of a group it answers nothing, because
// Entra wants no list of members back (entra.md section 15), unless the client
// names what it wants to see (RFC 7644 section 3.5.2).
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
	if t.Name == scim.Groups.Name {
		if !q.Projection.Named() {
			return answer{status: http.StatusNoContent}, nil
		}
		if patched, err = r.session.Get(r.Context(), t.Type, r.id); err != nil {
			return answer{}, err
		}
	}
	return t.written(r, http.StatusOK, patched, q, true), nil
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
	object, err := r.object()
	if err != nil {
		return
	}
	doc, members, err = t.Parse(object)
	return
}

// written answers a write with the resource. Its memberships are among it only
// if they can be shown: the write is done, and must not look as if it failed.
func (t resources) written(r *request, status int, resource directory.Resource, q scim.Query, memberships bool) answer {
	full := t.render(r, resource)
	if memberships && q.Projection.Wants(t.Keyed) {
		if list, err := t.memberships(r, resource, directory.NewRoom()); err == nil {
			full[t.Keyed] = list
		}
	}
	return t.answer(r, status, resource, q.Projection.Apply(full))
}

// show is a resource as the client asked to see it, with what fits of its
// memberships.
func (t resources) show(r *request, resource directory.Resource, p scim.Projection, room *directory.Room) (map[string]any, error) {
	full := t.render(r, resource)
	if p.Wants(t.Keyed) {
		list, err := t.memberships(r, resource, room)
		if err != nil {
			return nil, err
		}
		full[t.Keyed] = list
	}
	return p.Apply(full), nil
}

// memberships are the elements of the attribute that is not stored in the
// resource: the members of a group, the groups of a user.
func (t resources) memberships(r *request, resource directory.Resource, room *directory.Room) ([]any, error) {
	if t.Name == scim.Groups.Name {
		return r.session.Members(r.Context(), resource.Meta.ID, room)
	}
	return r.session.Groups(r.Context(), resource.Meta.ID)
}

func (t resources) render(r *request, resource directory.Resource) map[string]any {
	resource.Meta.Location = t.location(r, resource)
	return t.Render(resource.Document, resource.Meta)
}

func (t resources) location(r *request, resource directory.Resource) string {
	return r.base + t.Endpoint + "/" + resource.Meta.ID
}

func (t resources) answer(r *request, status int, resource directory.Resource, body map[string]any) answer {
	return answer{status, map[string]string{"Location": t.location(r, resource), "ETag": resource.Meta.ETag()}, body}
}
