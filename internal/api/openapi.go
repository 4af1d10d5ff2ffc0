package api

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"dsync/internal/management"
	"dsync/internal/release"
)

// The OpenAPI 3.1 document is made of the routes and of schemas.json, which holds
// the schemas of objects by the name of the object.

//go:embed schemas.json
var schemas []byte

// DocumentPath is the path of the document. It is public, because it contains
// nothing of a deployment.
const DocumentPath = "/openapi.json"

var documentRoutes = []Route{{
	Method: http.MethodGet, Pattern: DocumentPath, Scope: Public,
	Status: http.StatusOK, Object: "openapi", Summary: "Read this document.",
	serve: func(r *request) (response, error) {
		return response{status: http.StatusOK, header: map[string]string{"Cache-Control": "public, max-age=3600"}, body: r.api.document()}, nil
	},
}}

// document is encoded for the first request.
var document = sync.OnceValue(func() json.RawMessage {
	b, err := json.Marshal(describe(routes))
	if err != nil {
		panic(err) // maps, lists, strings and embedded JSON always marshal
	}
	return b
})

// tree is a JSON object.
type tree = map[string]any

// security is the name of the security scheme.
const security = "api_key"

// describe is the OpenAPI document of these routes.
func describe(routes []Route) tree {
	paths := tree{}
	for _, r := range routes {
		path := strings.ReplaceAll(r.Pattern, "+}", "}")
		item, ok := paths[path].(tree)
		if !ok {
			item = tree{}
			paths[path] = item
		}
		item[strings.ToLower(r.Method)] = r.operation()
	}
	return tree{
		"openapi": "3.1.0",
		"info": tree{
			"title": "dsync", "version": release.Version,
			"description": "Directory Sync in the wire format of WorkOS, and its management. Responses can get more members.",
		},
		"servers":  []any{tree{"url": "/"}},
		"paths":    paths,
		"security": []any{tree{security: []string{}}},
		"components": tree{
			"schemas":         components(),
			"responses":       errorResponses(),
			"headers":         tree{"X-Request-Id": tree{"schema": tree{"type": "string"}, "description": "ID of the request, as in the log."}},
			"securitySchemes": tree{security: tree{"type": "http", "scheme": "bearer", "description": "API key with the scope of the operation. manage includes read. A key that is bound to an organization reaches nothing else: what belongs to others is 404, and absent from lists."}},
		},
	}
}

// operation is the OpenAPI operation of a route.
func (r Route) operation() tree {
	o := tree{"operationId": r.operationID(), "summary": r.Summary, "responses": r.responses()}
	tag, _, _ := strings.Cut(r.Pattern[1:], "/")
	o["tags"] = []string{tag}
	switch r.Scope {
	case Public:
		o["security"] = []any{}
	default:
		o["security"] = []any{tree{security: []string{r.Scope}}}
	}
	var parameters []any
	for segment := range strings.SplitSeq(r.Pattern, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			parameters = append(parameters, tree{"name": strings.TrimRight(name, "+}"), "in": "path", "required": true, "schema": tree{"type": "string", "minLength": 1}})
		}
	}
	for _, p := range r.Parameters {
		parameters = append(parameters, p.describe())
	}
	if parameters != nil {
		o["parameters"] = parameters
	}
	if r.Body != nil {
		o["requestBody"] = tree{
			"required": slices.ContainsFunc(r.Body, func(f Field) bool { return f.Required }),
			"content":  tree{"application/json": tree{"schema": members(r.Body)}},
		}
	}
	return o
}

// operationID is made of the method and the segments of the path.
func (r Route) operationID() string {
	words := []string{strings.ToLower(r.Method)}
	for segment := range strings.SplitSeq(strings.TrimSuffix(r.Pattern[1:], ".json"), "/") {
		if strings.HasPrefix(segment, "{") {
			words = append(words, "by")
		}
		words = append(words, strings.Trim(segment, "{+}"))
	}
	return strings.Join(words, "_")
}

func ref(kind, name string) tree { return tree{"$ref": "#/components/" + kind + "/" + name} }

// responses are the responses of the route by status.
func (r Route) responses() tree {
	success := tree{"description": http.StatusText(r.Status), "headers": tree{"X-Request-Id": ref("headers", "X-Request-Id")}}
	switch {
	case r.Object != "":
		schema := ref("schemas", r.Object)
		if r.List {
			schema = list(schema)
		}
		success["content"] = tree{"application/json": tree{"schema": schema}}
	case r.Status == http.StatusAccepted:
		success["content"] = tree{"text/plain": tree{"schema": tree{"const": accepted.text}}}
	}
	all := tree{strconv.Itoa(r.Status): success}
	for _, f := range errorStatuses {
		if f.of(r) {
			all[strconv.Itoa(f.status)] = ref("responses", f.name())
		}
	}
	return all
}

// list is the schema of a list.
func list(of tree) tree {
	cursor := func(about string) tree { return tree{"type": []string{"string", "null"}, "description": about} }
	return tree{
		"type": "object", "required": []string{"object", "data", "list_metadata"},
		"properties": tree{
			"object": tree{"const": "list"},
			"data":   tree{"type": "array", "items": of, "maxItems": management.MaxLimit},
			"list_metadata": tree{
				"type": "object", "required": []string{"before", "after"},
				"properties": tree{"before": cursor("Cursor of the previous page."), "after": cursor("Cursor of the next page.")},
			},
		},
	}
}

// errorStatus is a status of failed requests.
type errorStatus struct {
	status int
	schema string           // of its body
	header string           // of the response; "" for none
	of     func(Route) bool // reports whether a route has it
}

// name is the name of the component.
func (s errorStatus) name() string { return strings.ReplaceAll(http.StatusText(s.status), " ", "") }

// errorStatuses are all of them.
var errorStatuses = []errorStatus{
	{http.StatusBadRequest, "error", "", everywhere},
	{http.StatusUnauthorized, "error", "WWW-Authenticate", func(r Route) bool { return r.Scope != Public }},
	{http.StatusForbidden, "error", "", func(r Route) bool { return r.Scope != Public }},
	{http.StatusNotFound, "not_found", "", func(r Route) bool {
		return strings.Contains(r.Pattern, "{") || r.writes() || slices.ContainsFunc(r.Parameters, func(p Parameter) bool { return p.Name == inDirectory.Name })
	}},
	{http.StatusConflict, "error", "", Route.writes},
	{http.StatusRequestEntityTooLarge, "error", "", Route.hasBody},
	{http.StatusUnsupportedMediaType, "error", "", Route.hasBody},
	{http.StatusUnprocessableEntity, "invalid", "", everywhere},
	{http.StatusTooManyRequests, "too_fast", "Retry-After", func(r Route) bool { return r.Scope != Public }},
	{http.StatusInternalServerError, "failure", "", everywhere},
}

func everywhere(Route) bool   { return true }
func (r Route) writes() bool  { return r.Method != http.MethodGet }
func (r Route) hasBody() bool { return r.Method != http.MethodGet && r.Method != http.MethodDelete }

// errorResponses are the responses of failed requests, as components.
func errorResponses() tree {
	all := tree{}
	for _, f := range errorStatuses {
		headers := tree{"X-Request-Id": ref("headers", "X-Request-Id")}
		if f.header != "" {
			headers[f.header] = tree{"schema": tree{"type": "string"}}
		}
		all[f.name()] = tree{
			"description": http.StatusText(f.status), "headers": headers,
			"content": tree{"application/json": tree{"schema": ref("schemas", f.schema)}},
		}
	}
	return all
}
