package api_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"dsync/internal/api"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// served is the document as a client gets it.
var served = sync.OnceValue(func() string {
	w := httptest.NewRecorder()
	api.New(api.Options{Log: slog.New(slog.DiscardHandler)}).ServeHTTP(w, httptest.NewRequest("GET", api.DocumentPath, nil))
	return w.Body.String()
})

// tree is a JSON object.
type tree = map[string]any

// parsed is the document, for each caller anew.
func parsed() tree {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(served()))
	if err != nil {
		panic(err)
	}
	return v.(tree)
}

// at goes down a path of members.
func at(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(tree)
		v = o[name]
	}
	return v
}

const document = "https://dsync.example/openapi.json"

// schemas compiles the schemas of the document. What it says of an object is
// all that there is: a client may find more one day, a test may not.
var schemas = sync.OnceValue(func() func(pointer string) *jsonschema.Schema {
	doc := parsed()
	bases := map[string]bool{}
	each(doc, func(o tree) {
		all, _ := o["allOf"].([]any)
		for _, e := range all {
			bases[strings.TrimPrefix(fmt.Sprint(at(e, "$ref")), "#/components/schemas/")] = true
		}
	})
	components := at(doc, "components", "schemas").(tree)
	for _, name := range sortedKeys(components) {
		closeAll(components[name], bases, bases[name])
	}
	closeAll(doc["paths"], bases, false)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(document, doc); err != nil {
		panic(err)
	}
	var mu sync.Mutex
	return func(pointer string) *jsonschema.Schema {
		mu.Lock()
		defer mu.Unlock()
		s, err := c.Compile(document + "#" + pointer)
		if err != nil {
			panic(err)
		}
		return s
	}
})

// each visits the objects below a value.
func each(v any, visit func(tree)) {
	switch v := v.(type) {
	case tree:
		visit(v)
		for _, e := range v {
			each(e, visit)
		}
	case []any:
		for _, e := range v {
			each(e, visit)
		}
	}
}

// closeAll closes every object that a schema describes, where it is used: not
// what others extend.
func closeAll(v any, bases map[string]bool, extended bool) {
	switch v := v.(type) {
	case tree:
		_, properties := v["properties"].(tree)
		name, _ := v["$ref"].(string)
		_, open := v["additionalProperties"]
		if !open && !extended && (properties || bases[strings.TrimPrefix(name, "#/components/schemas/")]) {
			v["unevaluatedProperties"] = false
		}
		for member, e := range v {
			closeAll(e, bases, member == "allOf")
		}
	case []any:
		for _, e := range v {
			closeAll(e, bases, extended)
		}
	}
}

func sortedKeys(o tree) []string {
	var names []string
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// pointer is a JSON pointer.
func pointer(path ...string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return b.String()
}

// operations are the paths of the document, by the form of the paths of requests.
var operations = sync.OnceValue(func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for p := range parsedOnce()["paths"].(tree) {
		segment := "[^/]+"
		if strings.HasSuffix(p, "{external_id}") {
			segment = ".+"
		}
		all[p] = regexp.MustCompile("^" + regexp.MustCompile(`\{[^}]+\}`).ReplaceAllLiteralString(p, segment) + "$")
	}
	return all
})

// operation finds the path and method of the document that a request is of.
func operation(method, path string) (pattern string, o tree) {
	for pattern, form := range operations() {
		if form.MatchString(strings.TrimSuffix(path, "/")) {
			o, _ = at(parsedOnce(), "paths", pattern, strings.ToLower(method)).(tree)
			return pattern, o
		}
	}
	return "", nil
}

var parsedOnce = sync.OnceValue(parsed)

// conform fails the test unless the document says that a request may be
// answered like this.
func conform(t testing.TB, method, path string, s said) {
	t.Helper()
	pattern, o := operation(method, path)
	if o == nil {
		schema := map[int]string{404: "not_found", 429: "too_fast"}[s.status]
		if schema == "" {
			schema = "error"
		}
		matches(t, method+" "+path, pointer("components", "schemas", schema), s)
		return
	}
	status := fmt.Sprint(s.status)
	place := []string{"paths", pattern, strings.ToLower(method), "responses", status}
	response, ok := at(o, "responses", status).(tree)
	if !ok {
		t.Errorf("%s %s: %d is not documented: %s", method, pattern, s.status, s.body)
		return
	}
	if name, shared := response["$ref"].(string); shared {
		name = strings.TrimPrefix(name, "#/components/responses/")
		place = []string{"components", "responses", name}
		response = at(parsedOnce(), place...).(tree)
	}
	for name := range response["headers"].(tree) {
		if s.header.Get(name) == "" {
			t.Errorf("%s %s: %d without %s", method, pattern, s.status, name)
		}
	}
	content, _ := response["content"].(tree)
	mediaType, _, _ := strings.Cut(s.header.Get("Content-Type"), ";")
	switch {
	case content == nil && s.body != "":
		t.Errorf("%s %s: %d has a body: %s", method, pattern, s.status, s.body)
	case content == nil:
	case content[mediaType] == nil:
		t.Errorf("%s %s: %d is %q", method, pattern, s.status, mediaType)
	default:
		matches(t, method+" "+pattern, pointer(append(place, "content", mediaType, "schema")...), s)
	}
}

// matches fails the test unless the body is what the schema says.
func matches(t testing.TB, name, pointer string, s said) {
	t.Helper()
	var v any = s.body
	if strings.HasPrefix(s.header.Get("Content-Type"), "application/json") {
		var err error
		if v, err = jsonschema.UnmarshalJSON(strings.NewReader(s.body)); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
	if err := schemas()(pointer).Validate(v); err != nil {
		t.Errorf("%s: %d is not as documented: %v\n%.1000s", name, s.status, err, s.body)
	}
}
