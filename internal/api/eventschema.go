package api

import (
	"encoding/json"

	"dsync/internal/dsync"
)

// eventData names the component that describes the data of an event, by its
// subject. A component with the name of an event describes that event's data
// instead.
var eventData = map[dsync.Subject]string{
	dsync.SubjectDirectory:  "event_directory",
	dsync.SubjectToken:      "event_token",
	dsync.SubjectUser:       "user",
	dsync.SubjectGroup:      "directory_group",
	dsync.SubjectMembership: "event_membership",
}

// components returns the schemas of the document: those of schemas.json, and
// that of an event.
func components() tree {
	all := tree{}
	if err := json.Unmarshal(schemas, &all); err != nil {
		panic(err) // it is embedded, and tests read it
	}
	all["event"] = eventSchema(all)
	return all
}

// eventSchema returns the schema of an event: one shape for each event of the
// catalogue.
func eventSchema(described tree) tree {
	shapes := make([]any, len(dsync.Catalogue))
	for i, t := range dsync.Catalogue {
		data := ref("schemas", eventData[t.Subject])
		if _, own := described[t.Name]; own {
			data = ref("schemas", t.Name)
		}
		if t.Updates() {
			data = tree{
				"allOf": []any{data}, "required": []string{"previous_attributes"},
				"properties": tree{"previous_attributes": ref("schemas", "previous_attributes")},
			}
		}
		shapes[i] = tree{
			"title": t.Name, "allOf": []any{ref("schemas", "event_envelope")}, "required": []string{"event", "data"},
			"properties": tree{"event": tree{"type": "string", "enum": []string{t.Name}}, "data": data},
		}
	}
	return tree{"description": "An event, as EventBridge delivers it in detail.", "oneOf": shapes}
}
