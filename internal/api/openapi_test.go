package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dsync/internal/api"
	"dsync/internal/dsync"
	"dsync/internal/management"
	"dsync/internal/settings"

	"github.com/google/go-cmp/cmp"
)

// Whoever asks gets the document, and nothing else.
func TestDocument(t *testing.T) {
	w := open(t)
	before := w.records(t)
	s := w.call(t, "", "GET", api.DocumentPath, "")
	if s.status != 200 || s.body != served() || s.header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("%d %v", s.status, s.header)
	}
	if s := w.call(t, w.read, "GET", api.DocumentPath, ""); s.status != 200 || s.body != served() {
		t.Errorf("with a key: %d", s.status)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} {
		if s := w.call(t, "", method, api.DocumentPath, ""); s.status != 401 {
			t.Errorf("%s: %d", method, s.status)
		}
		if s := w.call(t, w.read, method, api.DocumentPath, ""); s.status != 405 || s.header.Get("Allow") != "GET" {
			t.Errorf("%s with a key: %d %v", method, s.status, s.header)
		}
	}
	if s := w.call(t, "", "GET", api.DocumentPath+"?colour=red", ""); s.status != 422 {
		t.Errorf("%d", s.status)
	}
	w.unchanged(t, before)
	open := 0
	for _, r := range api.Routes() {
		if r.Scope == api.Public {
			open++
		}
	}
	if open != 1 {
		t.Errorf("%d routes need no key", open)
	}
}

// It is what OpenAPI 3.1 takes: references lead somewhere, ids are unique,
// parameters of paths are declared, and schemas are schemas of 2020-12.
func TestDocumentStructure(t *testing.T) {
	doc := parsed()
	if doc["openapi"] != "3.1.0" || text(at(doc, "info").(tree), "title") == "" || text(at(doc, "info").(tree), "version") == "" {
		t.Errorf("%v %v", doc["openapi"], doc["info"])
	}
	each(doc, func(o tree) {
		to, ok := o["$ref"].(string)
		if !ok {
			return
		}
		path, local := strings.CutPrefix(to, "#/")
		if !local || at(doc, strings.Split(path, "/")...) == nil {
			t.Errorf("%s leads nowhere", to)
		}
	})
	for _, kind := range []string{"schemas", "responses"} {
		for name := range at(doc, "components", kind).(tree) {
			if to := `"#/components/` + kind + "/" + name + `"`; !strings.Contains(served(), to) {
				t.Errorf("nothing leads to %s", to)
			}
		}
	}
	for name := range at(doc, "components", "schemas").(tree) {
		schemas()(pointer("components", "schemas", name))
	}
	ids := map[string]bool{}
	for path, item := range doc["paths"].(tree) {
		for method, o := range item.(tree) {
			name, o := method+" "+path, o.(tree)
			id := text(o, "operationId")
			if ids[id] || !regexp.MustCompile(`^[a-z_]+$`).MatchString(id) {
				t.Errorf("%s: the id %q", name, id)
			}
			ids[id] = true
			if text(o, "summary") == "" || len(o["tags"].([]any)) != 1 {
				t.Errorf("%s is not described", name)
			}
			var inPath, declared []string
			for _, m := range regexp.MustCompile(`\{([^}]+)\}`).FindAllStringSubmatch(path, -1) {
				inPath = append(inPath, m[1])
			}
			list, _ := o["parameters"].([]any)
			seen := map[string]bool{}
			for i, p := range list {
				p := p.(tree)
				if at := text(p, "in") + " " + text(p, "name"); seen[at] {
					t.Errorf("%s: %s is there twice", name, at)
				} else {
					seen[at] = true
				}
				if p["in"] == "path" {
					declared = append(declared, text(p, "name"))
					if p["required"] != true {
						t.Errorf("%s: %v must be required", name, p["name"])
					}
				}
				schemas()(pointer("paths", path, method, "parameters", strconv.Itoa(i), "schema"))
			}
			if !slices.Equal(inPath, declared) {
				t.Errorf("%s: the path has %v, the parameters %v", name, inPath, declared)
			}
			successes := 0
			for status, r := range o["responses"].(tree) {
				r := r.(tree)
				if status[0] == '2' {
					successes++
				}
				if r["$ref"] == nil && text(r, "description") == "" {
					t.Errorf("%s: %s is not described", name, status)
				}
			}
			if successes != 1 {
				t.Errorf("%s: %d ways to succeed", name, successes)
			}
		}
	}
}

// The document has the routes, and the routes are those of the document, with
// their scopes, parameters and members.
func TestDocumentIsOfTheRoutes(t *testing.T) {
	type operation struct {
		Scopes, Parameters, Members, Required []string
	}
	want, got := map[string]operation{}, map[string]operation{}
	for _, r := range api.Routes() {
		o := operation{Scopes: []string{r.Scope}}
		if r.Scope == api.Public {
			o.Scopes = nil
		}
		for _, m := range regexp.MustCompile(`\{(\w+)\+?\}`).FindAllStringSubmatch(r.Pattern, -1) {
			o.Parameters = append(o.Parameters, "path "+m[1])
		}
		for _, p := range r.Parameters {
			o.Parameters = append(o.Parameters, "query "+p.Name)
		}
		for _, f := range r.Body {
			o.Members = append(o.Members, f.Name)
			if f.Required {
				o.Required = append(o.Required, f.Name)
			}
		}
		slices.Sort(o.Members)
		want[r.Method+" "+strings.ReplaceAll(r.Pattern, "+}", "}")] = o
	}
	for path, item := range parsed()["paths"].(tree) {
		for method, v := range item.(tree) {
			var o operation
			v := v.(tree)
			security, own := v["security"].([]any)
			if !own {
				t.Errorf("%s %s does not say who may", method, path)
			}
			for _, s := range security {
				o.Scopes = append(o.Scopes, texts(s.(tree)["api_key"])...)
			}
			list, _ := v["parameters"].([]any)
			for _, p := range list {
				o.Parameters = append(o.Parameters, text(p.(tree), "in")+" "+text(p.(tree), "name"))
			}
			schema := at(v, "requestBody", "content", "application/json", "schema")
			if members, ok := at(schema, "properties").(tree); ok {
				o.Members = sortedKeys(members)
			}
			o.Required = texts(at(schema, "required"))
			if must := at(v, "requestBody", "required"); must != nil && must != (o.Required != nil) {
				t.Errorf("%s %s: a body is required: %v", method, path, must)
			}
			got[strings.ToUpper(method)+" "+path] = o
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-), document (+):\n%s", diff)
	}
}

func texts(v any) (all []string) {
	list, _ := v.([]any)
	for _, e := range list {
		s, _ := e.(string)
		all = append(all, s)
	}
	return all
}

// What the schemas list is what the code knows.
func TestEnumerations(t *testing.T) {
	doc := parsed()
	schema := func(path ...string) any { return at(doc, append([]string{"components", "schemas"}, path...)...) }
	for name, c := range map[string]struct {
		is   any
		want []string
	}{
		"types":       {schema("directory", "properties", "type", "enum"), settings.DirectoryTypes},
		"event types": {schema("event_directory", "properties", "type", "enum"), settings.DirectoryTypes},
		"scopes":      {schema("api_key", "properties", "scope", "enum"), management.Scopes},
	} {
		if !slices.Equal(texts(c.is), c.want) {
			t.Errorf("%s: %v, not %v", name, c.is, c.want)
		}
	}
	var events []string
	for _, shape := range schema("event", "oneOf").([]any) {
		events = append(events, texts(at(shape, "properties", "event", "enum"))...)
	}
	slices.Sort(events)
	if want := slices.Sorted(slices.Values(dsync.Names)); !slices.Equal(events, want) {
		t.Errorf("%v, not %v", events, want)
	}
	for name := range schema().(tree) {
		if strings.HasPrefix(name, "dsync.") && !slices.Contains(dsync.Names, name) {
			t.Errorf("%s is described, but is no event", name)
		}
	}

	// Settings: their names and defaults, and the same for what changes them.
	b, err := json.Marshal(settings.Default(settings.Entra))
	if err != nil {
		t.Fatal(err)
	}
	var byDefault, documented = tree{}, tree{}
	numbers := json.NewDecoder(bytes.NewReader(b))
	numbers.UseNumber()
	if err := numbers.Decode(&byDefault); err != nil {
		t.Fatal(err)
	}
	for name, s := range schema("directory_settings", "properties").(tree) {
		documented[name] = at(s, "default")
	}
	delete(byDefault, "attribute_mapping")
	delete(documented, "attribute_mapping")
	if diff := cmp.Diff(byDefault, documented); diff != "" {
		t.Error(diff)
	}
	settings, changes := schema("directory_settings", "properties").(tree), schema("directory_settings_change", "properties").(tree)
	if !slices.Equal(slices.Sorted(maps.Keys(settings)), slices.Sorted(maps.Keys(changes))) {
		t.Errorf("%v, and to change: %v", slices.Sorted(maps.Keys(settings)), slices.Sorted(maps.Keys(changes)))
	}
	for name, s := range settings {
		if is, want := texts(at(changes[name], "enum")), texts(at(s, "enum")); want != nil && !slices.Equal(is, append(want, "")) {
			t.Errorf("%s: %q, and to change: %q", name, want, is)
		}
	}
}
