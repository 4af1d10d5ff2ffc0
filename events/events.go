// Package events has the external interface of dsync: the JSON Schemas of its
// events (schemas/), a sample of each event (samples/), samples of the payloads
// that invoke its functions (samples/requests, samples/stream,
// samples/operator), event patterns for rules (patterns/), and recorded
// requests of Entra (entra/).
//
// The schemas are JSON Schema 2020-12. They describe the detail of an event,
// which is also an entry of the list that GET /events returns; entries that an
// earlier version logged lack context.sequence. Schemas returns them in the form
// of EventBridge's schema registry.
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

// shared is the file with the definitions that all schemas reference.
const shared = "common.json"

// Schema is the schema of one event for the EventBridge schema registry. Its
// type is JSONSchemaDraft4. It is one document without external references, and
// describes the whole event that EventBridge delivers to a target.
type Schema struct {
	Name        string // of the event, which is the detail-type
	Description string // one line
	Content     string
}

// MaxContent is the registry's limit for the content of a schema, in
// characters.
const MaxContent = 100_000

// Schemas returns the schemas of all events, sorted by name.
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
	for _, file := range files { // sorted by name
		if file == shared {
			continue
		}
		s, err := bundle(folder, strings.TrimSuffix(file, path.Ext(file)))
		if err != nil {
			return nil, fmt.Errorf("events: schema of %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

// bundle returns the schema of one event.
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
		return Schema{}, fmt.Errorf("%s: %s does not define delivery", name, shared)
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
