package provider

import (
	"net/http"

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
		for _, rt := range scim.ResourceTypes {
			all = append(all, rt.Discovery(r.base))
		}
		return answer{status: http.StatusOK, body: scim.ListResponse(all, len(all), 1)}, nil
	}},
	"/ResourceTypes/{id}": {http.MethodGet: func(r *request) (answer, error) {
		rt := scim.FindResourceType(r.id)
		if rt == nil {
			return answer{}, scim.Errorf(http.StatusNotFound, "", "there is no such resource type")
		}
		return answer{status: http.StatusOK, body: rt.Discovery(r.base)}, nil
	}},
	"/Schemas": {http.MethodGet: func(r *request) (answer, error) {
		var all []map[string]any
		for _, s := range scim.Schemas() {
			all = append(all, s.Discovery(r.base))
		}
		return answer{status: http.StatusOK, body: scim.ListResponse(all, len(all), 1)}, nil
	}},
	"/Schemas/{id}": {http.MethodGet: func(r *request) (answer, error) {
		s := scim.FindSchema(r.id)
		if s == nil {
			return answer{}, scim.Errorf(http.StatusNotFound, "", "there is no such schema")
		}
		return answer{status: http.StatusOK, body: s.Discovery(r.base)}, nil
	}},
}
