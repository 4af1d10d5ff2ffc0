package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/events"
	"dsync/internal/dsync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// published returns the schema of an event from the folder schemas.
func published(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("schemas", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// registered returns the schema of an event for the schema registry.
func registered(t testing.TB, s events.Schema) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(s.Content))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource("registry:"+s.Name, document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("registry:" + s.Name)
	if err != nil {
		t.Fatal(err)
	}
	if compiled.DraftVersion != 4 {
		t.Errorf("%s has draft %d", s.Name, compiled.DraftVersion)
	}
	return compiled
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is an external reference", url)
}

func sample(t testing.TB, name string) map[string]any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(readFile(t, filepath.Join("samples", name+".json"))))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

// The schema in the folder and that of the registry accept every sample, and
// reject every small corruption of it.
func TestSchemas(t *testing.T) {
	all, err := events.Schemas()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, s := range all {
		found = append(found, s.Name)
		folder, registry := published(t, s.Name), registered(t, s)
		valid := func(whole map[string]any) bool {
			a, b := folder.Validate(whole["detail"]), registry.Validate(whole)
			if (a == nil) != (b == nil) {
				t.Errorf("%s: schema in the folder: %v; of the registry: %v", s.Name, a, b)
			}
			return a == nil
		}
		if whole := sample(t, s.Name); !valid(whole) {
			t.Errorf("%s: %v", s.Name, registry.Validate(whole))
		}
		tried := 0
		for what, whole := range corruptions(t, s.Name) {
			tried++
			if valid(whole) {
				t.Errorf("%s accepts %s", s.Name, what)
			}
		}
		if tried < 30 {
			t.Errorf("%s: only %d corruptions", s.Name, tried)
		}
		for _, other := range dsync.Names {
			if other != s.Name && valid(sample(t, other)) {
				t.Errorf("the schema of %[2]s accepts %[1]s", other, s.Name)
			}
		}
	}
	if want := slices.Sorted(slices.Values(dsync.Names)); !slices.Equal(found, want) {
		t.Errorf("schemas for the registry of %v, want %v", found, want)
	}
}

var (
	// optional properties may be missing.
	optional = regexp.MustCompile(`/context/(request_id|token_id)$|/custom_attributes/.*`)
	// open objects may have any content. Of custom_attributes, two are described.
	open      = regexp.MustCompile(`/(raw|previous|custom)_attributes$`)
	described = regexp.MustCompile(`/custom_attributes/(emails|addresses)$`)
	anID      = regexp.MustCompile(`^(event|org|org_domain|directory|directory_user|directory_group|directory_token)_[0-9A-Z]{26}$`)
)

// corruptions returns copies of a sample, each with one invalid value, for every
// value in its detail.
func corruptions(t testing.TB, name string) map[string]map[string]any {
	all := map[string]map[string]any{}
	// wrong adds a copy in which the value at a path is changed.
	wrong := func(what, path string, change func(parent map[string]any, key string)) {
		whole := sample(t, name)
		var at any = whole
		steps := strings.Split(path, "/")[1:]
		for _, step := range steps[:len(steps)-1] {
			if list, ok := at.([]any); ok {
				at = list[0]
			} else {
				at = at.(map[string]any)[step]
			}
		}
		change(at.(map[string]any), steps[len(steps)-1])
		all[path+" "+what] = whole
	}
	set := func(what, path string, v any) {
		wrong(what, path, func(parent map[string]any, key string) { parent[key] = v })
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case []any:
			set("of another type", path, json.Number("1"))
			if len(v) > 0 {
				walk(path+"/0", v[0])
			}
		case map[string]any:
			if !strings.HasSuffix(path, "/0") {
				set("of another type", path, json.Number("1"))
			}
			if !open.MatchString(path) {
				set("is unknown", path+"/unknown", "x")
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				below := path + "/" + key
				if open.MatchString(path) && !described.MatchString(below) {
					continue
				}
				if !optional.MatchString(below) {
					wrong("missing", below, func(parent map[string]any, key string) { delete(parent, key) })
				}
				walk(below, v[key])
			}
		case string:
			set("of another type", path, json.Number("1"))
			switch {
			case anID.MatchString(v):
				set("with a wrong prefix", path, "other_"+v[strings.LastIndexByte(v, '_')+1:])
				set("in lower case", path, strings.ToLower(v))
				set("too short", path, v[:len(v)-1])
			case strings.HasSuffix(path, "_at"):
				set("without milliseconds", path, "2026-11-23T12:00:00Z")
				set("with an offset", path, "2026-11-23T12:00:00.155+01:00")
				set("no time", path, "2026-13-23T12:00:00.155Z")
			case strings.HasSuffix(path, "/object"), strings.HasSuffix(path, "/event"), strings.HasSuffix(path, "/state"):
				set("of another value", path, "suspended")
			}
		case json.Number: // the sequence
			set("of another type", path, string(v))
			set("that is zero", path, json.Number("0"))
			set("that is negative", path, json.Number("-1"))
			set("that is not whole", path, json.Number("1.5"))
		default:
			set("of another type", path, json.Number("1"))
		}
	}
	walk("/detail", sample(t, name)["detail"])
	return all
}

// The schemas allow more than the samples contain.
func TestSchemasAllow(t *testing.T) {
	schema := published(t, dsync.UserUpdated)
	for what, change := range map[string]func(detail, data map[string]any){
		"no actor": func(detail, _ map[string]any) { detail["context"] = map[string]any{"sequence": json.Number("1")} },
		"a large number": func(detail, _ map[string]any) {
			detail["context"] = map[string]any{"sequence": json.Number("9223372036854775807")}
		},
		"truncated": func(detail, data map[string]any) {
			detail["context"] = map[string]any{"sequence": json.Number("1"), "truncated": []any{"raw_attributes"}}
			data["raw_attributes"] = map[string]any{}
		},
		"no names": func(_, data map[string]any) {
			data["email"], data["first_name"], data["last_name"], data["name"] = nil, nil, nil, nil
		},
		"own mapping": func(_, data map[string]any) {
			data["custom_attributes"] = map[string]any{"license": json.Number("3"), "emails": nil, "manager": map[string]any{"value": "x"}}
		},
		"active again": func(_, data map[string]any) {
			data["state"], data["previous_attributes"] = "active", map[string]any{"state": "inactive"}
		},
	} {
		detail := sample(t, dsync.UserUpdated)["detail"].(map[string]any)
		change(detail, detail["data"].(map[string]any))
		if err := schema.Validate(detail); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	detail := sample(t, dsync.UserUpdated)["detail"].(map[string]any)
	for _, truncated := range []any{[]any{}, []any{"name"}, "raw_attributes", []any{"raw_attributes", "raw_attributes"}} {
		detail["context"] = map[string]any{"sequence": json.Number("1"), "truncated": truncated}
		if schema.Validate(detail) == nil {
			t.Errorf("truncated may be %v", truncated)
		}
	}
}

// The schemas accept events in each form in which they are reduced to their
// greatest size.
func TestSchemasAllowReducedEvents(t *testing.T) {
	large := strings.Repeat("x", dsync.MaxBytes)
	for what, c := range map[string]struct {
		change func(data map[string]any)
		want   []string
	}{
		"raw_attributes": {func(data map[string]any) { data["raw_attributes"] = map[string]any{"x": large} }, []string{"raw_attributes"}},
		"previous_attributes": {
			func(data map[string]any) { data["previous_attributes"] = map[string]any{"x": large} },
			[]string{"raw_attributes", "previous_attributes"},
		},
		"custom_attributes": {
			func(data map[string]any) { data["custom_attributes"] = map[string]any{"x": large} },
			[]string{"raw_attributes", "previous_attributes", "custom_attributes"},
		},
		"texts": {func(data map[string]any) { data["name"] = large }, []string{"raw_attributes", "previous_attributes", "custom_attributes", "texts"}},
	} {
		var e dsync.Event
		whole, err := json.Marshal(sample(t, dsync.UserUpdated)["detail"])
		if err == nil {
			err = json.Unmarshal(whole, &e)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.change(e.Data)
		encoded, err := e.Encode()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		detail, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded.JSON(7)))
		if err != nil {
			t.Fatal(err)
		}
		if err := published(t, dsync.UserUpdated).Validate(detail); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := json.Unmarshal(encoded.JSON(7), &e); err != nil || !slices.Equal(e.Context.Truncated, c.want) {
			t.Errorf("%s: truncated %v, want %v, %v", what, e.Context.Truncated, c.want, err)
		}
	}
}

// The schemas for the registry respect its limits and describe EventBridge's
// fields.
func TestRegistry(t *testing.T) {
	all, err := events.Schemas()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if len(s.Content) > events.MaxContent || len(s.Description) > 256 || s.Description == "" {
			t.Errorf("%s: %d characters, and %d of description", s.Name, len(s.Content), len(s.Description))
		}
		if strings.Contains(s.Content, "common.json") || strings.Contains(s.Content, "$defs") || strings.Contains(s.Content, "const") {
			t.Errorf("%s is not draft 4", s.Name)
		}
		schema, whole := registered(t, s), sample(t, s.Name)
		whole["replay-name"] = "again"
		if err := schema.Validate(whole); err != nil {
			t.Errorf("%s, replayed: %v", s.Name, err)
		}
		for _, field := range []string{"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"} {
			whole := sample(t, s.Name)
			delete(whole, field)
			if schema.Validate(whole) == nil {
				t.Errorf("%s accepts an event without %s", s.Name, field)
			}
		}
		whole["source"] = "other"
		if schema.Validate(whole) == nil {
			t.Errorf("%s accepts another source", s.Name)
		}
	}
}
