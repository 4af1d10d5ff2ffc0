package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// DecodeObject reads a request body: one JSON object. It fails with
// invalidSyntax.
func DecodeObject(body []byte) (map[string]any, error) {
	var object map[string]any
	if err := decode(body, &object); err != nil {
		// Where it is broken helps; what stands there is not for a log.
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, badRequest(InvalidSyntax, "the body is not a JSON object: syntax error at byte %d", syntax.Offset)
		}
		return nil, badRequest(InvalidSyntax, "the body is not a JSON object")
	}
	if object == nil {
		return nil, badRequest(InvalidSyntax, "the body is null, not a JSON object")
	}
	return object, nil
}

// decode reads one JSON value. Numbers stay as they are written.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows")
	}
	return nil
}

// member finds a key of a message in any letter case (RFC 7643 section 2.1).
func member(object map[string]any, name string) (any, bool) {
	if v, ok := object[name]; ok {
		return v, true
	}
	found, value := "", any(nil)
	for key, v := range object {
		// The least of several spellings: which one counts is no matter of chance.
		if strings.EqualFold(key, name) && (found == "" || key < found) {
			found, value = key, v
		}
	}
	return value, found != ""
}

// Parse reads the resource of a POST or PUT: what clients may write, coerced,
// under canonical names. Read-only and unknown attributes, nulls and unknown
// URNs are ignored (RFC 7644 section 3.3, entra.md section 2.2). The elements
// of a keyed attribute come back apart, and nil when the attribute is absent.
func (rt *ResourceType) Parse(object map[string]any) (map[string]any, *Members, error) {
	if schemas, ok := member(object, "schemas"); ok {
		if err := checkSchemas(schemas); err != nil {
			return nil, nil, err
		}
	}
	r := make(map[string]any, len(object))
	var members *Members
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if extension := rt.schema(key); extension != nil && extension != rt.Schema {
			if err := rt.parseExtension(r, extension, object[key]); err != nil {
				return nil, nil, err
			}
			continue
		}
		extension, a := rt.attribute(key)
		if a == nil || a.ReadOnly() {
			continue
		}
		if rt.keyed(a) {
			members = &Members{}
			if err := members.replace(object[key]); err != nil {
				return nil, nil, within(a.Name, err)
			}
			continue
		}
		v, err := coerce(a, object[key])
		if err != nil {
			return nil, nil, within(Target{Extension: extension, Attribute: a}.String(), err)
		}
		if v != nil {
			rt.container(r, extension)[a.Name] = v
		}
	}
	return r, members, rt.finish(r)
}

func checkSchemas(v any) error {
	list, ok := v.([]any)
	if !ok {
		return badRequest(InvalidSyntax, "schemas is a list of URNs").About("schemas")
	}
	for _, urn := range list {
		if _, ok := urn.(string); !ok {
			return badRequest(InvalidSyntax, "schemas is a list of URNs").About("schemas")
		}
	}
	return nil
}

func (rt *ResourceType) parseExtension(r map[string]any, extension *Schema, v any) error {
	if unassigned(v) {
		return nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		return badRequest(InvalidValue, "%s is an object", extension.ID).About(extension.ID)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		a := find(extension.Attributes, name)
		if a == nil || a.ReadOnly() {
			continue
		}
		c, err := coerce(a, object[name])
		if err != nil {
			return within(Target{Extension: extension, Attribute: a}.String(), err)
		}
		if c != nil {
			rt.container(r, extension)[a.Name] = c
		}
	}
	return nil
}

// container is the object that holds the attributes of an extension, or the
// resource itself for the core schema (nil).
func (rt *ResourceType) container(r map[string]any, extension *Schema) map[string]any {
	if extension == nil {
		return r
	}
	object, ok := r[extension.ID].(map[string]any)
	if !ok {
		object = map[string]any{}
		r[extension.ID] = object
	}
	return object
}

// finish tidies a resource and checks what must hold of every stored one.
func (rt *ResourceType) finish(r map[string]any) error {
	if err := rt.tidy(r); err != nil {
		return err
	}
	for _, a := range rt.Schema.Attributes {
		if !a.Required {
			continue
		}
		s, _ := r[a.Name].(string)
		if strings.TrimSpace(s) == "" {
			return badRequest(InvalidValue, "%s is required", a.Name).About(a.Name)
		}
		if len(s) > MaxKeyValue {
			return badRequest(InvalidValue, "%s is longer than %d bytes", a.Name, MaxKeyValue).About(a.Name)
		}
	}
	if s, _ := r["externalId"].(string); len(s) > MaxKeyValue {
		return badRequest(InvalidValue, "externalId is longer than %d bytes", MaxKeyValue).About("externalId")
	}
	if encoded := Encode(r); len(encoded) > MaxResource {
		return tooLarge("the resource is larger than %d bytes", MaxResource)
	}
	return nil
}

// Encode is the stored form of a resource: JSON with sorted keys, so that
// equal resources are equal strings.
func Encode(r map[string]any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil { // strings, booleans, lists and maps always encode
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Decode is the inverse of Encode.
func Decode(s string) (map[string]any, error) {
	var r map[string]any
	if err := decode([]byte(s), &r); err != nil {
		return nil, fmt.Errorf("scim: stored resource: %w", err)
	}
	return r, nil
}

// Meta is what the provider knows of a resource beside its attributes.
type Meta struct {
	ID           string
	Created      time.Time
	LastModified time.Time
	Version      int64
	Location     string
}

// ETag is the version as an entity tag. It is weak: equal versions mean equal
// content, not equal bytes (RFC 7644 section 3.14).
func (m Meta) ETag() string { return fmt.Sprintf(`W/"%d"`, m.Version) }

// Render is the resource as clients see it, with id, schemas and meta.
func (rt *ResourceType) Render(r map[string]any, m Meta) map[string]any {
	full := maps.Clone(r)
	schemas := []any{rt.Schema.ID}
	for _, e := range rt.Extensions {
		if _, ok := r[e.ID]; ok {
			schemas = append(schemas, e.ID)
		}
	}
	full["schemas"] = schemas
	full["id"] = m.ID
	full["meta"] = map[string]any{
		"resourceType": rt.Name,
		"created":      Timestamp(m.Created),
		"lastModified": Timestamp(m.LastModified),
		"location":     m.Location,
		"version":      m.ETag(),
	}
	return full
}

// Timestamp formats a time as RFC 3339 in UTC with milliseconds.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
