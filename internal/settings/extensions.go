package settings

import (
	"encoding/json"
	"fmt"
	"reflect"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// maxExtensions bounds the custom schemas of a directory in bytes: its record and
// those of its tokens hold them, and DynamoDB limits an item to 400 KB.
const maxExtensions = 128 << 10

// declared are the custom schemas of a directory in JSON.
func declared(c table.SCIMConfig) ([]json.RawMessage, error) {
	if c.Extensions == "" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(c.Extensions), &list); err != nil {
		return nil, fmt.Errorf("settings: extensions: %w", err)
	}
	return list, nil
}

// UserType is the resource type of a directory's users, with its custom
// schemas.
func UserType(c table.SCIMConfig) (*scim.ResourceType, error) {
	list, err := declared(c)
	if len(list) == 0 {
		return scim.Users, err
	}
	schemas := make([]*scim.Schema, len(list))
	for i, e := range list {
		if schemas[i], err = scim.ParseExtension(e); err != nil {
			return nil, fmt.Errorf("settings: extensions: %w", err)
		}
	}
	return scim.Users.Extend(schemas...), nil
}

// extend adds custom schemas. A schema that exists can be given again, but not
// changed, because users can have its attributes.
func extend(c *table.SCIMConfig, more []json.RawMessage, invalid *fault.Validation) error {
	list, err := declared(*c)
	if err != nil {
		return err
	}
	known := map[string]*scim.Schema{}
	for _, e := range list {
		schema, err := scim.ParseExtension(e)
		if err != nil {
			return fmt.Errorf("settings: extensions: %w", err)
		}
		known[scim.Fold(schema.ID)] = schema
	}
	given := map[string]bool{}
	for _, e := range more {
		schema, err := scim.ParseExtension(e)
		if err != nil {
			invalidExtension(invalid, err)
			continue
		}
		urn := scim.Fold(schema.ID)
		switch old := known[urn]; {
		case given[urn]:
			invalidExtension(invalid, fault.New(fault.Invalid, scim.InvalidValue, "the extension %s is declared twice", schema.ID))
		case old == nil:
			list = append(list, e)
		case !reflect.DeepEqual(old, schema):
			invalidExtension(invalid, fault.New(fault.Invalid, scim.InvalidValue, "the extension %s is declared already: it cannot be changed", schema.ID))
		}
		given[urn] = true
	}
	if len(list) == 0 || invalid.Failed() {
		return nil
	}
	b, err := json.Marshal(list)
	if err == nil && len(b) > maxExtensions {
		invalidExtension(invalid, fault.New(fault.Invalid, scim.InvalidValue, "the extensions are larger than %d bytes", maxExtensions))
		return nil
	}
	c.Extensions = string(b)
	return err
}

// invalidExtension adds what is wrong with a schema.
func invalidExtension(invalid *fault.Validation, err error) {
	invalid.Add("extensions", "%s", detail(err))
	invalid.Cause(err)
}
