package provider

import (
	"net/http"
	"strings"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/discovery"
	"dsync/internal/scim/query"
	"dsync/internal/session"
)

// discoveryRoutes are the endpoints of RFC 7644 section 4. They ignore filters and
// paging.
var discoveryRoutes = routes{
	"/ServiceProviderConfig": {http.MethodGet: func(r *request) (response, error) {
		return response{status: http.StatusOK, body: discovery.ServiceProviderConfig(r.baseURL)}, nil
	}},
	"/ResourceTypes": {http.MethodGet: func(r *request) (response, error) {
		var all []map[string]any
		for _, rt := range types(r) {
			all = append(all, discovery.ResourceType(rt, r.baseURL))
		}
		return response{status: http.StatusOK, body: query.ListResponse(all, len(all), 1)}, nil
	}},
	"/ResourceTypes/{id}": {http.MethodGet: func(r *request) (response, error) {
		for _, rt := range types(r) {
			if strings.EqualFold(rt.Name, r.id) {
				return response{status: http.StatusOK, body: discovery.ResourceType(rt, r.baseURL)}, nil
			}
		}
		return response{}, fault.New(fault.NotFound, "", "there is no such resource type")
	}},
	"/Schemas": {http.MethodGet: func(r *request) (response, error) {
		var all []map[string]any
		for _, s := range schemas(r) {
			all = append(all, discovery.Schema(s, r.baseURL))
		}
		return response{status: http.StatusOK, body: query.ListResponse(all, len(all), 1)}, nil
	}},
	"/Schemas/{id}": {http.MethodGet: func(r *request) (response, error) {
		s := discovery.FindSchema(schemas(r), r.id)
		if s == nil {
			return response{}, fault.New(fault.NotFound, "", "there is no such schema")
		}
		return response{status: http.StatusOK, body: discovery.Schema(s, r.baseURL)}, nil
	}},
}

// types are the resource types of the request's directory.
func types(r *request) []*scim.ResourceType {
	return []*scim.ResourceType{r.session.Type(session.Users).ResourceType, r.session.Type(session.Groups).ResourceType}
}

func schemas(r *request) []*scim.Schema { return discovery.SchemasOf(types(r)...) }
