package bulk

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"dsync/internal/scim"
)

// reference is the prefix of a value that stands for the id of a resource that
// the same request creates (RFC 7644 section 3.7.2).
const reference = "bulkId:"

// Operation is one operation of a bulk request (RFC 7644 section 3.7).
type Operation struct {
	Method  string // "POST", "PUT", "PATCH", "DELETE"
	Path    string // "/Users" for a POST, else "/Users/{id}"
	BulkID  string // "" for none
	Version string // the entity tag that the resource must have, or ""
	Data    map[string]any
}

// Parse reads a bulk request. failOnErrors is the number of errors after which
// execution stops, 0 for never. A malformed request is invalidSyntax, a wrong
// value invalidValue, and too many operations are fault.TooLarge. A request
// that fails here must not be executed at all.
func Parse(body []byte) (operations []Operation, failOnErrors int, err error) {
	object, err := scim.DecodeObject(body)
	if err != nil {
		return nil, 0, err
	}
	if err := scim.CheckMessage(object, scim.BulkRequestURN); err != nil {
		return nil, 0, err
	}
	if v, _ := scim.Lookup(object, "failOnErrors"); v != nil {
		n, ok := v.(json.Number)
		if failOnErrors, err = strconv.Atoi(n.String()); !ok || err != nil {
			return nil, 0, scim.BadRequest(scim.InvalidSyntax, "failOnErrors must be a whole number")
		}
		if failOnErrors < 1 {
			return nil, 0, scim.BadRequest(scim.InvalidValue, "failOnErrors must be at least 1")
		}
	}
	v, _ := scim.Lookup(object, "Operations")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, 0, scim.BadRequest(scim.InvalidSyntax, "Operations must be a list with at least one operation")
	}
	if len(list) > MaxOperations {
		return nil, 0, scim.TooLarge("a bulk request has at most %d operations", MaxOperations)
	}
	operations = make([]Operation, len(list))
	seen := make(map[string]bool, len(list))
	for i, v := range list {
		o, err := parseOperation(v)
		if err == nil && seen[o.BulkID] {
			err = scim.BadRequest(scim.InvalidValue, "bulkId %q belongs to an earlier operation", o.BulkID)
		}
		if err != nil {
			return nil, 0, scim.InOperation(i, err)
		}
		seen[o.BulkID] = o.BulkID != ""
		operations[i] = o
	}
	return operations, failOnErrors, nil
}

func parseOperation(v any) (Operation, error) {
	var o Operation
	object, ok := v.(map[string]any)
	if !ok {
		return o, scim.BadRequest(scim.InvalidSyntax, "an operation must be an object")
	}
	for _, field := range []struct {
		name string
		to   *string
	}{{"method", &o.Method}, {"path", &o.Path}, {"bulkId", &o.BulkID}, {"version", &o.Version}} {
		v, _ := scim.Lookup(object, field.name)
		if *field.to, ok = v.(string); !ok && v != nil {
			return o, scim.BadRequest(scim.InvalidSyntax, "%s must be a string", field.name)
		}
	}
	o.Method = strings.ToUpper(o.Method)
	if !slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, o.Method) {
		return o, scim.BadRequest(scim.InvalidValue, "method must be POST, PUT, PATCH or DELETE")
	}
	if o.Method == "POST" && o.BulkID == "" {
		return o, scim.BadRequest(scim.InvalidSyntax, "a POST requires a bulkId")
	}
	if err := o.checkPath(); err != nil {
		return o, err
	}
	if o.Method == "DELETE" {
		return o, nil // data has no meaning
	}
	data, _ := scim.Lookup(object, "data")
	if o.Data, ok = data.(map[string]any); !ok {
		return o, scim.BadRequest(scim.InvalidSyntax, "a %s requires data, an object", o.Method)
	}
	return o, nil
}

// checkPath checks that the path is an endpoint, in any letter case, with one id
// for all methods but POST, and gives the endpoint the letter case of its resource
// type. Ids need no escapes.
func (o *Operation) checkPath() error {
	for _, rt := range scim.ResourceTypes {
		n := len(rt.Endpoint)
		if len(o.Path) < n || !strings.EqualFold(o.Path[:n], rt.Endpoint) {
			continue
		}
		id := o.Path[n:]
		o.Path = rt.Endpoint + id
		switch {
		case id != "" && id[0] != '/':
			continue
		case o.Method == "POST" && id == "":
			return nil
		case o.Method == "POST":
			return scim.BadRequest(scim.InvalidValue, "the path of a POST must be %s", rt.Endpoint)
		case len(id) > 1 && !strings.ContainsAny(id[1:], "/?#"):
			return nil
		}
		return scim.BadRequest(scim.InvalidValue, "the path of a %s must be %s/ and an id", o.Method, rt.Endpoint)
	}
	return scim.BadRequest(scim.InvalidValue, "path must be that of users or groups, such as /Users")
}

// References lists the bulkIds in the path and the data, each once, the path
// first and then the data in the order of its sorted keys.
func (o Operation) References() []string {
	var list []string
	seen := map[string]bool{}
	o.rewrite(func(id string) string {
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
		return reference + id
	})
	return list
}

// Resolve returns a copy of the operation in which the references to the
// bulkIds of ids are replaced by the ids. Other references stay.
func (o Operation) Resolve(ids map[string]string) Operation {
	return o.rewrite(func(bulkID string) string {
		if id, ok := ids[bulkID]; ok {
			return id
		}
		return reference + bulkID
	})
}

// rewrite copies the operation and replaces its references.
func (o Operation) rewrite(to func(bulkID string) string) Operation {
	if endpoint, id, ok := strings.Cut(o.Path, "/"+reference); ok && id != "" {
		o.Path = endpoint + "/" + to(id)
	}
	if o.Data != nil {
		o.Data = rewrite(o.Data, to).(map[string]any)
	}
	return o
}

// rewrite copies a JSON value and replaces its references.
func rewrite(v any, to func(bulkID string) string) any {
	switch v := v.(type) {
	case string:
		if id, ok := strings.CutPrefix(v, reference); ok && id != "" {
			return to(id)
		}
	case map[string]any:
		c := make(map[string]any, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			c[name] = rewrite(v[name], to)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, element := range v {
			c[i] = rewrite(element, to)
		}
		return c
	}
	return v
}

// Response is the response to a bulk request (RFC 7644 section 3.7), with one
// result for each operation that was tried.
func Response(results []map[string]any) map[string]any {
	if results == nil {
		results = []map[string]any{}
	}
	return map[string]any{"schemas": []string{scim.BulkResponseURN}, "Operations": results}
}
