package api

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/scim"
)

// MaxBody bounds a request's body in bytes. It is eight times the size of the
// custom schemas that a directory may have.
const MaxBody = 1 << 20

// Type is the type of a member of a body.
type Type string

// The types of members.
const (
	String   Type = "string"
	Instant  Type = "time"    // RFC 3339
	Object   Type = "object"  // without Fields, the domain checks its members
	Strings  Type = "strings" // an object whose values are strings or null
	Array    Type = "array"   // of objects with these Fields
	TextList Type = "list"    // an array of strings
)

// Field is a member of a body.
type Field struct {
	Name        string
	Type        Type
	Required    bool
	Nullable    bool
	Fields      []Field
	Choices     []string // of a String; nil for any
	Schema      string   // name of the schema of the value, or of the elements of an array; "" for any
	Description string
}

// object is a body that was checked against the fields of its route.
type object map[string]json.RawMessage

// parseBody reads the body of a request that changes something.
func (r Route) parseBody(in *http.Request) (object, error) {
	if in.Method == http.MethodGet || in.Method == http.MethodDelete {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(in.Body, MaxBody+1))
	if err != nil {
		return nil, badRequest("invalid_body", "The body could not be read.")
	}
	if len(body) > MaxBody {
		return nil, fault.New(fault.TooLarge, "body_too_large", "The body is larger than %d bytes.", MaxBody)
	}
	if ct := in.Header.Get("Content-Type"); ct != "" && len(body) > 0 {
		if mediaType, _, err := mime.ParseMediaType(ct); err != nil || mediaType != "application/json" {
			return nil, fault.New(fault.UnsupportedFormat, "unsupported_media_type", "The body must be application/json.")
		}
	}
	return parse(body, r.Body)
}

// parse reads a JSON object and checks it against the fields.
func parse(body []byte, fields []Field) (object, error) {
	o := object{}
	if len(body) > 0 {
		if err := scim.CheckText(body); err != nil {
			return nil, badRequest("invalid_json", "The body must be JSON in UTF-8, without the character NUL and without half a surrogate pair.")
		}
		if err := json.Unmarshal(body, &o); err != nil || o == nil {
			return nil, badRequest("invalid_json", "The body must be a JSON object.")
		}
	}
	if wrong := o.check("", fields); len(wrong) > 0 {
		return nil, validation(wrong)
	}
	return o, nil
}

// check returns the members that do not conform to the fields.
func (o object) check(prefix string, fields []Field) (wrong []fault.Field) {
	add := func(name, format string, args ...any) {
		wrong = append(wrong, fault.Field{Name: prefix + name, Code: prefix + name + " " + fmt.Sprintf(format, args...)})
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			add(name, "must not be given: it is not known here.")
		}
	}
	for _, f := range fields {
		switch v, given := o[f.Name]; {
		case !given && f.Required:
			add(f.Name, "must be given.")
		case !given || f.Nullable && string(v) == "null":
		case !f.Type.fits(v):
			add(f.Name, "must be %s.", f.Type.about())
		case f.Choices != nil && !slices.Contains(f.Choices, o.value(f.Name)):
			add(f.Name, "must be one of %s.", strings.Join(f.Choices, ", "))
		case f.Type == Array && f.Fields != nil:
			for i, element := range o.objects(f.Name) {
				wrong = append(wrong, element.check(fmt.Sprintf("%s%s.%d.", prefix, f.Name, i), f.Fields)...)
			}
		}
	}
	return wrong
}

func (t Type) fits(v json.RawMessage) bool {
	var value any
	if json.Unmarshal(v, &value) != nil {
		return false
	}
	switch value := value.(type) {
	case string:
		if t == Instant {
			_, err := time.Parse(time.RFC3339Nano, value)
			return err == nil
		}
		return t == String
	case map[string]any:
		return t == Object || t == Strings && !slices.ContainsFunc(slices.Collect(maps.Values(value)), func(e any) bool { _, is := e.(string); return !is && e != nil })
	case []any:
		if t == TextList {
			return !slices.ContainsFunc(value, func(e any) bool { _, is := e.(string); return !is })
		}
		return t == Array && !slices.ContainsFunc(value, func(e any) bool { _, is := e.(map[string]any); return !is })
	}
	return false
}

func (t Type) about() string {
	switch t {
	case Instant:
		return "a time such as 2026-01-31T12:00:00Z"
	case Array:
		return "an array of objects"
	case TextList:
		return "an array of strings"
	case Object:
		return "an object"
	case Strings:
		return "an object of strings"
	}
	return "a " + string(t)
}

// Reading a member does not fail: parse has checked it.

// text is a string, "" for null, and nil if it is absent.
func (o object) text(name string) *string {
	if _, given := o[name]; !given {
		return nil
	}
	s := ""
	o.read(name, &s)
	return &s
}

// value is a string, "" for null or if it is absent.
func (o object) value(name string) string {
	s := ""
	o.read(name, &s)
	return s
}

// time is a time in the precision of records, zero for null or if it is absent.
func (o object) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, o.value(name))
	if err != nil {
		return time.Time{} // null or absent
	}
	return t.UTC().Truncate(time.Millisecond)
}

// objects are the elements of an array, nil if it is absent.
func (o object) objects(name string) []object {
	var list []object
	o.read(name, &list)
	return list
}

// list are the elements of an array of strings, nil if it is absent and empty for
// null.
func (o object) list(name string) *[]string {
	if _, given := o[name]; !given {
		return nil
	}
	list := []string{}
	o.read(name, &list)
	return &list
}

// raw are the elements of an array in JSON.
func (o object) raw(name string) []json.RawMessage {
	var list []json.RawMessage
	o.read(name, &list)
	return list
}

// members are the members of an object in JSON.
func (o object) members(name string) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	o.read(name, &m)
	return m
}

// strings are the values of an object of strings, nil for null.
func (o object) strings(name string) map[string]*string {
	var m map[string]*string
	o.read(name, &m)
	return m
}

func (o object) read(name string, v any) {
	if raw, given := o[name]; given {
		if err := json.Unmarshal(raw, v); err != nil {
			panic(fmt.Sprintf("api: %s was not checked: %v", name, err))
		}
	}
}
