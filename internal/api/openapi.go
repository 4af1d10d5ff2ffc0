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
)

// The OpenAPI 3.1 document is drawn from the routes, and from the schemas of
// what they answer, which stand in schemas.json by name: an object's is named
// as the object is.

//go:embed schemas.json
var schemas []byte

// DocumentPath is where the document is served, to whoever asks: it says
// nothing of anybody.
const DocumentPath = "/openapi.json"

var documentRoutes = []Route{{
	Method: http.MethodGet, Pattern: DocumentPath, Scope: Public,
	Status: http.StatusOK, Answer: "openapi", About: "Read this document.",
	serve: func(r *request) (response, error) {
		return response{status: http.StatusOK, header: map[string]string{"Cache-Control": "public, max-age=3600"}, body: r.api.document()}, nil
	},
}}

// document is encoded when it is asked for first.
var document = sync.OnceValue(func() json.RawMessage {
	b, err := json.Marshal(describe(routes))
	if err != nil {
		panic(err) // maps, lists and strings, and JSON that was embedded
	}
	return b
})

// tree is a JSON object.
type tree = map[string]any

// security is the name of the way in.
const security = "api_key"

// describe is the document of these routes.
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
			"title": "dsync", "version": "1",
			"description": "Directory Sync in the wire format of WorkOS, and the management of it. Members may be added to what is answered.",
		},
		"servers":  []any{tree{"url": "/"}},
		"paths":    paths,
		"security": []any{tree{security: []string{}}},
		"components": tree{
			"schemas":         components(),
			"responses":       failures(),
			"headers":         tree{"X-Request-Id": tree{"schema": tree{"type": "string"}, "description": "What the log knows the request by."}},
			"securitySchemes": tree{security: tree{"type": "http", "scheme": "bearer", "description": "An API key. Its scope is read, or manage, which includes read."}},
		},
	}
}

// operation describes a route.
func (r Route) operation() tree {
	o := tree{"operationId": r.operationID(), "summary": r.About, "responses": r.responses()}
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

// operationID is the method with the words of the path.
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

// responses are all that the route may answer.
func (r Route) responses() tree {
	success := tree{"description": http.StatusText(r.Status), "headers": tree{"X-Request-Id": ref("headers", "X-Request-Id")}}
	switch {
	case r.Answer != "":
		schema := ref("schemas", r.Answer)
		if r.List {
			schema = list(schema)
		}
		success["content"] = tree{"application/json": tree{"schema": schema}}
	case r.Status == http.StatusAccepted:
		success["content"] = tree{"text/plain": tree{"schema": tree{"const": accepted.text}}}
	}
	all := tree{strconv.Itoa(r.Status): success}
	for _, f := range failing {
		if f.of(r) {
			all[strconv.Itoa(f.status)] = ref("responses", f.name())
		}
	}
	return all
}

// list is the schema of a list of these.
func list(of tree) tree {
	cursor := func(about string) tree { return tree{"type": []string{"string", "null"}, "description": about} }
	return tree{
		"type": "object", "required": []string{"object", "data", "list_metadata"},
		"properties": tree{
			"object": tree{"const": "list"},
			"data":   tree{"type": "array", "items": of, "maxItems": management.MaxLimit},
			"list_metadata": tree{
				"type": "object", "required": []string{"before", "after"},
				"properties": tree{"before": cursor("The cursor of the page before."), "after": cursor("The cursor of the page that follows.")},
			},
		},
	}
}

// refusing is a status with which routes refuse.
type refusing struct {
	status int
	schema string // of its body
	header string // that comes with it; "" for none
	of     func(Route) bool
}

// name is what the document calls it.
func (r refusing) name() string { return strings.ReplaceAll(http.StatusText(r.status), " ", "") }

// failing are all of them.
var failing = []refusing{
	{http.StatusBadRequest, "error", "", everywhere},
	{http.StatusUnauthorized, "error", "WWW-Authenticate", func(r Route) bool { return r.Scope != Public }},
	{http.StatusForbidden, "error", "", func(r Route) bool { return r.Scope == management.Manage }},
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
func (r Route) writes() bool  { return r.Scope == management.Manage }
func (r Route) hasBody() bool { return r.Method != http.MethodGet && r.Method != http.MethodDelete }

// failures are the refusals as components.
func failures() tree {
	all := tree{}
	for _, f := range failing {
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
