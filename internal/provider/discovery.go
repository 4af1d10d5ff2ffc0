package provider

import (
	"net/http"
	"strings"

	"dsync/internal/directory"
	"dsync/internal/scim"
)

// discovery are the endpoints of RFC 7644 section 4. They ignore filters and
// paging.
var discovery = routes{
	"/ServiceProviderConfig": {http.MethodGet: func(r *request) (answer, error) {
		return answer{status: http.StatusOK, body: scim.ServiceProviderConfig(r.base)}, nil
	}},
	"/ResourceTypes": {http.MethodGet: func(r *request) (answer, error) {
		var all []map[string]any
		for _, rt := range types(r) {
			all = append(all, rt.Discovery(r.base))
		}
		return answer{status: http.StatusOK, body: scim.ListResponse(all, len(all), 1)}, nil
	}},
	"/ResourceTypes/{id}": {http.MethodGet: func(r *request) (answer, error) {
		for _, rt := range types(r) {
			if strings.EqualFold(rt.Name, r.id) {
				return answer{status: http.StatusOK, body: rt.Discovery(r.base)}, nil
			}
		}
		return answer{}, scim.Errorf(http.StatusNotFound, "", "there is no such resource type")
	}},
	"/Schemas": {http.MethodGet: func(r *request) (answer, error) {
		var all []map[string]any
		for _, s := range schemas(r) {
			all = append(all, s.Discovery(r.base))
		}
		return answer{status: http.StatusOK, body: scim.ListResponse(all, len(all), 1)}, nil
	}},
	"/Schemas/{id}": {http.MethodGet: func(r *request) (answer, error) {
		s := scim.FindSchema(schemas(r), r.id)
		if s == nil {
			return answer{}, scim.Errorf(http.StatusNotFound, "", "there is no such schema")
		}
		return answer{status: http.StatusOK, body: s.Discovery(r.base)}, nil
	}},
}

// types are the resource types of the request's directory.
func types(r *request) []*scim.ResourceType {
	return []*scim.ResourceType{r.session.Type(directory.Users).ResourceType, r.session.Type(directory.Groups).ResourceType}
}

func schemas(r *request) []*scim.Schema { return scim.SchemasOf(types(r)...) }
