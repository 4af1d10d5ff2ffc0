package directory

import (
	"encoding/json"
	"fmt"
	"reflect"

	"dsync/internal/scim"
	"dsync/internal/table"
)

// maxExtensions bounds the custom schemas of a directory in bytes: its record
// and those of its tokens hold them, and a record has 400 KB.
const maxExtensions = 128 << 10

// declared are the custom schemas of a directory, as they were declared.
func declared(p table.SCIMConfig) ([]json.RawMessage, error) {
	if p.Extensions == "" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(p.Extensions), &list); err != nil {
		return nil, fmt.Errorf("directory: extensions: %w", err)
	}
	return list, nil
}

// extended is the user type of a directory with custom extensions.
func extended(p table.SCIMConfig) (*scim.ResourceType, error) {
	list, err := declared(p)
	if len(list) == 0 {
		return scim.Users, err
	}
	schemas := make([]*scim.Schema, len(list))
	for i, e := range list {
		if schemas[i], err = scim.ParseExtension(e); err != nil {
			return nil, fmt.Errorf("directory: extensions: %w", err)
		}
	}
	return scim.Users.Extend(schemas...), nil
}

// extend declares more custom schemas. One that is declared already may be
// given again as it is; there are users with its attributes, so it stays.
func extend(p *table.SCIMConfig, more []json.RawMessage, wrong *problems) error {
	list, err := declared(*p)
	if err != nil {
		return err
	}
	known := map[string]*scim.Schema{}
	for _, e := range list {
		schema, err := scim.ParseExtension(e)
		if err != nil {
			return fmt.Errorf("directory: extensions: %w", err)
		}
		known[scim.Fold(schema.ID)] = schema
	}
	given := map[string]bool{}
	for _, e := range more {
		schema, err := scim.ParseExtension(e)
		if err != nil {
			wrong.extension(err)
			continue
		}
		urn := scim.Fold(schema.ID)
		switch was := known[urn]; {
		case given[urn]:
			wrong.extension(scim.Errorf(400, scim.InvalidValue, "the extension %s is declared twice", schema.ID))
		case was == nil:
			list = append(list, e)
		case !reflect.DeepEqual(was, schema):
			wrong.extension(scim.Errorf(400, scim.InvalidValue, "the extension %s is declared already: it cannot be changed", schema.ID))
		}
		given[urn] = true
	}
	if len(list) == 0 || len(wrong.fields) > 0 {
		return nil
	}
	b, err := json.Marshal(list)
	if err == nil && len(b) > maxExtensions {
		wrong.extension(scim.Errorf(400, scim.InvalidValue, "the extensions are larger than %d bytes", maxExtensions))
		return nil
	}
	p.Extensions = string(b)
	return err
}

// extension notes what is wrong with a schema, if that is what the error says.
func (p *problems) extension(err error) {
	p.add("extensions", "%s", detail(err))
	p.cause = err
}
