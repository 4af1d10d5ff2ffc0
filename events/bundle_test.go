package events

import (
	"strings"
	"testing"
	"testing/fstest"
)

// A schema that draft 4 cannot express is rejected.
func TestBundleRefuses(t *testing.T) {
	const common = `{"$defs":{
		"delivery":{"type":"object","properties":{}},
		"open":{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}},
		"closed":{"type":"object","properties":{"a":{"type":"string"}},"unevaluatedProperties":false},
		"lost":{"$ref":"#/$defs/nobody"}}}`
	for name, c := range map[string]struct{ event, common, says string }{
		"a later keyword":            {`{"if":{}}`, common, "if: draft 4 has no equivalent"},
		"inside a property":          {`{"properties":{"x":{"dependentRequired":{}}}}`, common, "x: dependentRequired"},
		"inside items":               {`{"items":{"contains":{}}}`, common, "contains"},
		"explicitly open":            {`{"unevaluatedProperties":true}`, common, "draft 4 has no equivalent of true"},
		"an unknown definition":      {`{"$ref":"common.json#/$defs/nobody"}`, common, "no such definition"},
		"in a definition":            {`{"$ref":"common.json#/$defs/lost"}`, common, "lost: #/$defs/nobody: no such"},
		"another file":               {`{"$ref":"other.json"}`, common, "no such definition"},
		"a property described twice": {`{"$ref":"common.json#/$defs/open","properties":{"a":{}}}`, common, "a is extended"},
		"a type given twice":         {`{"$ref":"common.json#/$defs/open","type":"string"}`, common, "type is extended"},
		"a closed object":            {`{"$ref":"common.json#/$defs/closed","properties":{"b":{}}}`, common, "closed object is extended"},
		"invalid JSON":               {`{`, common, "x.json: "},
		"invalid common.json":        {`{}`, `{`, "common.json: "},
		"no delivery":                {`{}`, `{"$defs":{}}`, "does not define delivery"},
	} {
		_, err := bundleAll(fstest.MapFS{"x.json": {Data: []byte(c.event)}, "common.json": {Data: []byte(c.common)}})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := bundleAll(fstest.MapFS{"x.json": {Data: []byte(`{}`)}}); err == nil {
		t.Error("a missing common.json is accepted")
	}
}
