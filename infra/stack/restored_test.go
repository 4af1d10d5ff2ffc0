package stack

import (
	"strings"
	"testing"

	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

// With a restored table, the template differs only in the references to the table,
// which are its ARN, and in a mapping for each consumer of the second stream. The
// stack's own table stays, so no policy of an earlier deployment can delete it, and
// so do the mappings on its stream, which keep their place in it.
func TestRestoredTable(t *testing.T) {
	want, got := read(t, synthesized.prod), read(t, synthesized.restored)
	table := want.of("AWS::DynamoDB::Table")[0]
	own := "${" + table + ".StreamArn}"
	renamed := []string{"${" + table + "}", "dsync-restored", "${" + table + ".Arn}", restoredTable, own, restoredStream}
	further := map[string]string{} // mapping on the stack's own stream → that on the restored one
	for _, id := range want.of("AWS::Lambda::EventSourceMapping") {
		for _, other := range got.of("AWS::Lambda::EventSourceMapping") {
			if want.Resources[other] == nil && got.at(other).text("FunctionName") == want.at(id).text("FunctionName") {
				further[id] = other
				renamed = append(renamed, "${"+id+"}", "${"+other+"}") // alarms watch the stream in use
			}
		}
	}
	if consumers := streamConsumers(topology.Dsync()); len(further) != len(consumers) {
		t.Errorf("%d mappings on the restored stream for %v", len(further), consumers)
	}
	asRestored := strings.NewReplacer(renamed...)

	same := func(id, name, a, b string) {
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s %s (-on its own table +on the restored one):\n%s", id, name, diff)
		}
	}
	for id, resource := range want.Resources {
		for name, value := range resource.Properties {
			a, b := flat(value), flat(got.at(id).get(name))
			switch {
			case further[id] != "": // stays, and the other one is like it
				same(id, name, a, b)
				same(further[id], name, asRestored.Replace(a), flat(got.at(further[id]).get(name)))
			case resource.Type == "AWS::IAM::Role" && strings.Contains(a, own):
				if strings.Count(b, own) != 1 || strings.Count(b, restoredStream) != 1 {
					t.Errorf("%s: may not read both streams, and no other: %s", id, b)
				}
			default:
				same(id, name, asRestored.Replace(a), b)
			}
		}
		delete(got.Resources, id)
		delete(got.Resources, further[id])
	}
	for id := range got.Resources {
		t.Errorf("%s is only there on the restored table", id)
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
