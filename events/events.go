// Package events is what the outside sees of dsync: the JSON Schemas of its
// events (schemas/), a sample of each (samples/), what its functions are
// invoked with (samples/requests, samples/stream, samples/operator), event
// patterns for rules (patterns/), and what Entra sends (entra/).
//
// The schemas are JSON Schema 2020-12 of the `detail` of an event, which is
// also what GET /events returns. Schemas gives the same as EventBridge's
// schema registry takes it.
package events

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed schemas/*.json
var schemas embed.FS

// shared is the file of the definitions that all schemas refer to.
const shared = "common.json"

// Schema is the schema of one event for the EventBridge schema registry, of
// type JSONSchemaDraft4: one document without references to others, of the
// whole event as EventBridge hands it to a target.
type Schema struct {
	Name        string // of the event: its detail-type
	Description string // one line
	Content     string
}

// MaxContent is the most characters of a schema that the registry takes.
const MaxContent = 100_000

// Schemas returns the schemas of all events, by name.
func Schemas() ([]Schema, error) {
	folder, err := fs.Sub(schemas, "schemas")
	if err != nil {
		return nil, err
	}
	return bundleAll(folder)
}

func bundleAll(folder fs.FS) ([]Schema, error) {
	files, err := fs.Glob(folder, "*.json")
	if err != nil {
		return nil, err
	}
	var all []Schema
	for _, file := range files { // in the order of their names
		if file == shared {
			continue
		}
		s, err := bundle(folder, strings.TrimSuffix(file, path.Ext(file)))
		if err != nil {
			return nil, fmt.Errorf("events: the schema of %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

// bundle makes the schema of one event.
func bundle(folder fs.FS, name string) (Schema, error) {
	var common struct {
		Defs map[string]object `json:"$defs"`
	}
	if err := read(folder, shared, &common); err != nil {
		return Schema{}, err
	}
	var event object
	if err := read(folder, name+".json", &event); err != nil {
		return Schema{}, err
	}
	d := draft4{from: common.Defs, definitions: object{}}
	detail, err := d.convert(event)
	if err != nil {
		return Schema{}, fmt.Errorf("%s: %w", name, err)
	}
	whole, err := d.convert(common.Defs["delivery"])
	if err != nil {
		return Schema{}, fmt.Errorf("%s: %w", name, err)
	}
	properties, _ := whole["properties"].(object)
	if properties == nil {
		return Schema{}, fmt.Errorf("%s: %s does not say what a delivery is", name, shared)
	}
	properties["detail-type"] = object{"enum": []any{name}}
	properties["detail"] = detail
	description, _ := event["description"].(string)
	whole["$schema"] = "http://json-schema.org/draft-04/schema#"
	whole["title"], whole["description"] = name, description
	whole["definitions"] = d.definitions
	content, err := json.MarshalIndent(whole, "", "  ")
	return Schema{name, description, string(content)}, err
}

func read(folder fs.FS, file string, v any) error {
	b, err := fs.ReadFile(folder, file)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
