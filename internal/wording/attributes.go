package wording

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Attribute is an attribute as the provider sent it. Its name is a path.
type Attribute struct{ Name, Value string }

// MaxAttributes is how many attributes of a user or group a page shows.
const MaxAttributes = 200

// AttributesOf are the attributes of a resource, by path. Schemas and metadata are
// left out: they say nothing about who it is.
func AttributesOf(raw map[string]any) (all []Attribute, more int) {
	var collect func(path string, v any)
	collect = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				at := path + "." + name
				if path == "" {
					at = name
				} else if _, schema := raw[path]; schema && strings.HasPrefix(path, "urn:") {
					at = path + ":" + name
				}
				collect(at, v[name])
			}
		case []any:
			for i, item := range v {
				collect(fmt.Sprintf("%s[%d]", path, i), item)
			}
		default:
			if len(all) >= MaxAttributes {
				more++
				return
			}
			all = append(all, Attribute{path, Brief(v)})
		}
	}
	raw = maps.Clone(raw)
	delete(raw, "schemas")
	delete(raw, "meta")
	collect("", raw)
	return all, more
}
