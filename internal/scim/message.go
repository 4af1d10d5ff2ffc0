package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// BasePath is the path below which every URL is SCIM. The next segment is the
// directory's external key.
const BasePath = "/scim/v2.0/"

// MediaType is the media type of all messages (RFC 7644 section 8.1).
const MediaType = "application/scim+json"

// Message URNs (RFC 7644 section 8.2).
const (
	ListResponseURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchOpURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	SearchURN       = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	BulkRequestURN  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	BulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	ErrorURN        = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// DecodeObject reads a request body: one JSON object in UTF-8. Errors are
// invalidSyntax. See CheckText.
func DecodeObject(body []byte) (map[string]any, error) {
	if err := CheckText(body); err != nil {
		return nil, err
	}
	var object map[string]any
	if err := DecodeJSON(body, &object); err != nil {
		// The position helps the client. The text may be personal data.
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, BadRequest(InvalidSyntax, "the body is not a JSON object: syntax error at byte %d", syntax.Offset)
		}
		return nil, BadRequest(InvalidSyntax, "the body is not a JSON object")
	}
	if object == nil {
		return nil, BadRequest(InvalidSyntax, "the body is null, not a JSON object")
	}
	return object, nil
}

// EncodeJSON writes a value of maps, lists, strings, numbers, booleans and nil as
// JSON, with sorted keys and without HTML escapes.
func EncodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // such a value always marshals
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// DecodeJSON reads one JSON value and nothing after it. Numbers keep their
// digits (json.Number).
func DecodeJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("data after the JSON value")
	}
	return nil
}

// Lookup finds a member of a JSON object in any letter case (RFC 7643 section
// 2.1).
func Lookup(object map[string]any, name string) (any, bool) {
	if v, ok := object[name]; ok {
		return v, true
	}
	found, value := "", any(nil)
	for key, v := range object {
		// Of several spellings the least in byte order counts: map order is random.
		if strings.EqualFold(key, name) && (found == "" || key < found) {
			found, value = key, v
		}
	}
	return value, found != ""
}

// CheckSchemas checks that the `schemas` of a message, if it has any, is a list
// of strings.
func CheckSchemas(v any) error {
	_, err := readSchemas(v)
	return err
}

// readSchemas lists the URNs in `schemas`. null and an empty list are as absent
// (RFC 7643 section 2.5).
func readSchemas(v any) ([]string, error) {
	list, ok := v.([]any)
	ok = ok || v == nil
	urns := make([]string, len(list))
	for i, element := range list {
		urn, isText := element.(string)
		urns[i], ok = urn, ok && isText
	}
	if !ok {
		return nil, BadRequest(InvalidSyntax, "schemas must be a list of URNs").About("schemas")
	}
	return urns, nil
}

// CheckMessage checks that the `schemas` of a message, if it has any, include
// the URN of the message type.
func CheckMessage(object map[string]any, urn string) error {
	v, _ := Lookup(object, "schemas")
	schemas, err := readSchemas(v)
	if err != nil {
		return err
	}
	for _, s := range schemas {
		if strings.EqualFold(s, urn) {
			return nil
		}
	}
	if len(schemas) == 0 {
		return nil
	}
	return BadRequest(InvalidSyntax, "schemas must include %s", urn)
}

// Timestamp formats a time as RFC 3339 in UTC with milliseconds.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
