package stack

import (
	"strings"
	"testing"

	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

// With a restored table, the template differs only in the references to the table,
// which are its ARN. The stack's own table stays, so no policy of an earlier
// deployment can delete it.
func TestRestoredTable(t *testing.T) {
	want := read(t, synthesized.prod)
	table := want.of("AWS::DynamoDB::Table")[0]
	got := read(t, synthesized.restored)
	asRestored := strings.NewReplacer(
		"${"+table+"}", "dsync-restored", "${"+table+".Arn}", restoredTable, "${"+table+".StreamArn}", restoredStream)
	mappings := 0
	for id, resource := range want.Resources {
		for name, value := range resource.Properties {
			a := asRestored.Replace(flat(value))
			b := flat(got.at(id).get(name))
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("%s %s (-on its own table +on the restored one):\n%s", id, name, diff)
			}
		}
		if resource.Type == "AWS::Lambda::EventSourceMapping" {
			mappings++
		}
	}
	for id := range got.Resources {
		if want.Resources[id] == nil {
			t.Errorf("%s is only there on the restored table", id)
		}
	}
	consumers := 0
	for _, f := range topology.Dsync().Functions {
		if f.Stream != nil || f.Queue != nil {
			consumers++
		}
	}
	if mappings != consumers {
		t.Errorf("%d mappings for %d consumers", mappings, consumers)
	}
}

// flat resolves a value at every depth.
func flat(value any) string {
	switch v := value.(type) {
	case []any:
		parts := make([]any, len(v))
		for i, element := range v {
			parts[i] = flat(element)
		}
		return resolve(parts)
	case map[string]any:
		if v["Ref"] != nil || v["Fn::GetAtt"] != nil || v["Fn::Join"] != nil {
			return resolve(v)
		}
		parts := map[string]any{}
		for name, element := range v {
			parts[name] = flat(element)
		}
		return resolve(parts)
	}
	return resolve(value)
}
