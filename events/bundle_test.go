package events

import (
	"strings"
	"testing"
	"testing/fstest"
)

// What draft 4 could not say is refused: a registry would ignore it.
func TestBundleRefuses(t *testing.T) {
	const common = `{"$defs":{
		"delivery":{"type":"object","properties":{}},
		"open":{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}},
		"closed":{"type":"object","properties":{"a":{"type":"string"}},"unevaluatedProperties":false},
		"lost":{"$ref":"#/$defs/nobody"}}}`
	for name, c := range map[string]struct{ event, common, says string }{
		"a later keyword":            {`{"if":{}}`, common, "if: the keyword has no like"},
		"inside a property":          {`{"properties":{"x":{"dependentRequired":{}}}}`, common, "x: dependentRequired"},
		"inside items":               {`{"items":{"contains":{}}}`, common, "contains"},
		"open on purpose":            {`{"unevaluatedProperties":true}`, common, "true has no like"},
		"an unknown definition":      {`{"$ref":"common.json#/$defs/nobody"}`, common, "no such definition"},
		"further down":               {`{"$ref":"common.json#/$defs/lost"}`, common, "lost: #/$defs/nobody: there is no such"},
		"a file":                     {`{"$ref":"other.json"}`, common, "no such definition"},
		"a property described twice": {`{"$ref":"common.json#/$defs/open","properties":{"a":{}}}`, common, "a is extended"},
		"a type given twice":         {`{"$ref":"common.json#/$defs/open","type":"string"}`, common, "type is extended"},
		"what is closed":             {`{"$ref":"common.json#/$defs/closed","properties":{"b":{}}}`, common, "closed is extended"},
		"no JSON":                    {`{`, common, "x.json: "},
		"nothing shared":             {`{}`, `{`, "common.json: "},
		"no delivery":                {`{}`, `{"$defs":{}}`, "does not say what a delivery is"},
	} {
		_, err := bundleAll(fstest.MapFS{"x.json": {Data: []byte(c.event)}, "common.json": {Data: []byte(c.common)}})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := bundleAll(fstest.MapFS{"x.json": {Data: []byte(`{}`)}}); err == nil {
		t.Error("common.json is not missed")
	}
}
