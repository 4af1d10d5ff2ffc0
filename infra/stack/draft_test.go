package stack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// draft is a template that a test changes. Its methods find a resource by the
// prefix of its logical id, because logical ids end in a hash.
type draft struct {
	t *testing.T
	template
}

func (d draft) find(prefix string) string {
	d.t.Helper()
	found := ""
	for id := range d.Resources {
		// The shortest match is the resource itself and not one of its children.
		if strings.HasPrefix(id, prefix) && (found == "" || len(id) < len(found)) {
			found = id
		}
	}
	if found == "" {
		d.t.Fatalf("no resource %s", prefix)
	}
	return found
}

func (d draft) get(prefix string) *resource { return d.Resources[d.find(prefix)] }

func (d draft) remove(prefix string) { delete(d.Resources, d.find(prefix)) }

func (d draft) add(id, kind string) { d.Resources[id] = &resource{Type: kind} }

func (d draft) copy(prefix, id string) {
	twin := *d.get(prefix)
	d.Resources[id] = &twin
}

// set changes a property, or removes it if the value is nil.
func (d draft) set(prefix string, value any, path ...string) {
	d.t.Helper()
	last := len(path) - 1
	object, ok := walk(d.get(prefix).Properties, path[:last]...).(map[string]any)
	if !ok {
		d.t.Fatalf("%s has no %v", prefix, path)
	}
	if value == nil {
		delete(object, path[last])
		return
	}
	// Through JSON, so that numbers have the type that a parsed template has.
	written, err := json.Marshal(value)
	if err != nil {
		d.t.Fatal(err)
	}
	var parsed any
	if err := json.Unmarshal(written, &parsed); err != nil {
		d.t.Fatal(err)
	}
	object[path[last]] = parsed
}

func (d draft) statement(role string, n int) map[string]any {
	policy := list(d.get(role).get("Policies"))[0]
	return list(walk(policy, "PolicyDocument", "Statement"))[n].(map[string]any)
}

// numbered returns the number of the first statement of a role with the action.
func (d draft) numbered(role, action string) int {
	policy := list(d.get(role).get("Policies"))[0]
	for n, s := range list(walk(policy, "PolicyDocument", "Statement")) {
		if slices.Contains(texts(walk(s, "Action")), action) {
			return n
		}
	}
	d.t.Fatalf("%s has no statement with %s", role, action)
	return 0
}

func (d draft) filter(mapping string, change *strings.Replacer) {
	filter := list(d.get(mapping).get("FilterCriteria", "Filters"))[0].(map[string]any)
	changed := change.Replace(filter["Pattern"].(string))
	if changed == filter["Pattern"] {
		d.t.Fatal("the filter did not change")
	}
	filter["Pattern"] = changed
}

func (d draft) key(table string, n int, name string) {
	list(d.get(table).get("KeySchema"))[n].(map[string]any)["AttributeName"] = name
}

func (d draft) index() map[string]any {
	return list(d.get("Table").get("GlobalSecondaryIndexes"))[0].(map[string]any)
}

// allowAll changes the first statement of a queue's policy from Deny to Allow.
func (d draft) allowAll(policy string) {
	walk(list(d.get(policy).get("PolicyDocument", "Statement"))[0]).(map[string]any)["Effect"] = "Allow"
}
