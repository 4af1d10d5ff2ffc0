package bulk_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/bulk"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/scimtest"

	"github.com/google/go-cmp/cmp"
)

func bulkBody(operations string) []byte {
	return []byte(`{"schemas":["` + scim.BulkRequestURN + `"],"Operations":` + operations + `}`)
}

func TestParseBulk(t *testing.T) {
	post := func(s string) string { return `{"method":"POST","path":"/Users","bulkId":"a","data":{}` + s + `}` }
	for _, row := range []struct{ name, body, want, problem string }{
		{"rfc: every method", string(bulkBody(`[{"method":"POST","path":"/Users","bulkId":"qwerty","data":{"userName":"u"}},{"method":"PUT","path":"/Groups/g","version":"W/\"3\"","data":{}},
			{"method":"PATCH","path":"/Users/bulkId:qwerty","data":{"Operations":[]}},{"method":"DELETE","path":"/Users/x"}]`)),
			`POST /Users qwerty  {"userName":"u"}; PUT /Groups/g  W/"3" {}; PATCH /Users/bulkId:qwerty   {"Operations":[]}; DELETE /Users/x   null; 0`, ""},
		{"rfc: failOnErrors", `{"failOnErrors":1,"Operations":[` + post("") + `]}`, `POST /Users a  {}; 1`, ""},
		{"rfc: names and methods in any case", `{"FAILONERRORS":2,"operations":[{"METHOD":"post","Path":"/Groups","BULKID":"a","Data":{}}]}`, `POST /Groups a  {}; 2`, ""},
		{"keycloak: endpoints in any case", string(bulkBody(`[{"method":"POST","path":"/users","bulkId":"a","data":{}},{"method":"DELETE","path":"/GROUPS/xY"}]`)), `POST /Users a  {}; DELETE /Groups/xY   null; 0`, ""},
		{"rfc: bulkIds differ by case", string(bulkBody(`[` + post("") + `,{"method":"POST","path":"/Users","bulkId":"A","data":{}}]`)), `POST /Users a  {}; POST /Users A  {}; 0`, ""},
		{"rfc: DELETE with data", string(bulkBody(`[{"method":"delete","path":"/Groups/x","data":{"a":1}}]`)), `DELETE /Groups/x   null; 0`, ""},
		{"rfc: nulls are absent", `{"schemas":["` + scim.BulkRequestURN + `"],"failOnErrors":null,"Operations":[{"method":"DELETE","path":"/Users/x","bulkId":null,"version":null,"data":null}]}`, `DELETE /Users/x   null; 0`, ""},
		{"rfc: POST needs a bulkId", string(bulkBody(`[{"method":"POST","path":"/Users","data":{}}]`)), "", "400 invalidSyntax"},
		{"rfc: POST with an empty bulkId", string(bulkBody(`[{"method":"POST","path":"/Users","bulkId":"","data":{}}]`)), "", "400 invalidSyntax"},
		{"rfc: bulkId twice", string(bulkBody(`[` + post("") + `,` + post("") + `]`)), "", "400 invalidValue"},
		{"rfc: POST needs data", string(bulkBody(`[{"method":"POST","path":"/Users","bulkId":"a"}]`)), "", "400 invalidSyntax"},
		{"rfc: PUT needs data", string(bulkBody(`[{"method":"PUT","path":"/Users/x","data":null}]`)), "", "400 invalidSyntax"},
		{"rfc: PATCH data is an object", string(bulkBody(`[{"method":"PATCH","path":"/Users/x","data":[]}]`)), "", "400 invalidSyntax"},
		{"rfc: GET is no operation", string(bulkBody(`[{"method":"GET","path":"/Users/x"}]`)), "", "400 invalidValue"},
		{"rfc: no method", string(bulkBody(`[{"path":"/Users/x"}]`)), "", "400 invalidValue"},
		{"rfc: POST to a resource", string(bulkBody(`[{"method":"POST","path":"/Users/x","bulkId":"a","data":{}}]`)), "", "400 invalidValue"},
		{"rfc: DELETE of an endpoint", string(bulkBody(`[{"method":"DELETE","path":"/Users"}]`)), "", "400 invalidValue"},
		{"hostile: no id", string(bulkBody(`[{"method":"DELETE","path":"/Users/"}]`)), "", "400 invalidValue"},
		{"hostile: two segments", string(bulkBody(`[{"method":"DELETE","path":"/Users/x/y"}]`)), "", "400 invalidValue"},
		{"hostile: a query", string(bulkBody(`[{"method":"DELETE","path":"/Users/x?filter=y"}]`)), "", "400 invalidValue"},
		{"hostile: another endpoint", string(bulkBody(`[{"method":"DELETE","path":"/Bulk/x"}]`)), "", "400 invalidValue"},
		{"hostile: an endpoint that goes on", string(bulkBody(`[{"method":"DELETE","path":"/Usersx"}]`)), "", "400 invalidValue"},
		{"hostile: no slash", string(bulkBody(`[{"method":"DELETE","path":"Users/x"}]`)), "", "400 invalidValue"},
		{"hostile: path is a number", string(bulkBody(`[{"method":"DELETE","path":1}]`)), "", "400 invalidSyntax"},
		{"hostile: bulkId is a number", string(bulkBody(`[{"method":"POST","path":"/Users","bulkId":1,"data":{}}]`)), "", "400 invalidSyntax"},
		{"hostile: version is a number", string(bulkBody(`[` + post(`,"version":1`) + `]`)), "", "400 invalidSyntax"},
		{"hostile: operation is a list", string(bulkBody(`[[]]`)), "", "400 invalidSyntax"},
		{"hostile: no operations", string(bulkBody(`[]`)), "", "400 invalidSyntax"},
		{"hostile: operations are an object", string(bulkBody(`{}`)), "", "400 invalidSyntax"},
		{"hostile: another message", string(scimtest.PatchBody(`[` + post("") + `]`)), "", "400 invalidSyntax"},
		{"hostile: failOnErrors is zero", `{"failOnErrors":0,"Operations":[` + post("") + `]}`, "", "400 invalidValue"},
		{"hostile: failOnErrors is a fraction", `{"failOnErrors":1.5,"Operations":[` + post("") + `]}`, "", "400 invalidSyntax"},
		{"hostile: failOnErrors is a string", `{"failOnErrors":"1","Operations":[` + post("") + `]}`, "", "400 invalidSyntax"},
		{"hostile: no JSON", `{`, "", "400 invalidSyntax"},
	} {
		t.Run(row.name, func(t *testing.T) {
			list, failOnErrors, err := bulk.Parse([]byte(row.body))
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			got := ""
			for _, o := range list {
				b, _ := json.Marshal(o.Data)
				got += fmt.Sprintf("%s %s %s %s %s; ", o.Method, o.Path, o.BulkID, o.Version, b)
			}
			if got += fmt.Sprint(failOnErrors); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestMaxBulkOperations(t *testing.T) {
	body := func(n int) []byte {
		return bulkBody("[" + strings.TrimSuffix(strings.Repeat(`{"method":"DELETE","path":"/Users/x"},`, n), ",") + "]")
	}
	for n, want := range map[int]string{bulk.MaxOperations: "", bulk.MaxOperations + 1: "413"} {
		if _, _, err := bulk.Parse(body(n)); scimtest.Problem(t, err) != want {
			t.Errorf("%d operations: %v", n, err)
		}
	}
}

func TestBulkReferences(t *testing.T) {
	for _, row := range []struct {
		name, operation string
		want            []string
		resolved        string // with a → 1, b → 2
	}{
		{"rfc: members", `{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"G","members":[{"type":"User","value":"bulkId:a"},{"value":"bulkId:b"},{"value":"bulkId:a"}]}}`,
			[]string{"a", "b"}, `{"displayName":"G","members":[{"type":"User","value":"1"},{"value":"2"},{"value":"1"}]}`},
		{"rfc: manager", `{"method":"POST","path":"/Users","bulkId":"u","data":{"` + scim.EnterpriseURN + `":{"manager":{"value":"bulkId:b"}}}}`, []string{"b"}, `{"` + scim.EnterpriseURN + `":{"manager":{"value":"2"}}}`},
		{"rfc: path", `{"method":"PATCH","path":"/Groups/bulkId:b","data":{"Operations":[{"op":"add","path":"members","value":["bulkId:a","bulkId:b"]}]}}`, []string{"b", "a"}, `{"Operations":[{"op":"add","path":"members","value":["1","2"]}]}`},
		{"rfc: path of a DELETE", `{"method":"DELETE","path":"/Groups/bulkId:a"}`, []string{"a"}, `null`},
		{"rfc: itself", `{"method":"POST","path":"/Groups","bulkId":"c","data":{"members":[{"value":"bulkId:c"}]}}`, []string{"c"}, `{"members":[{"value":"bulkId:c"}]}`},
		{"rfc: none", `{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"a","bulkId:x":1,"n":1.50,"no":null,"t":[true,"bulkid:a","x bulkId:a"]}}`, nil, `{"displayName":"a","bulkId:x":1,"n":1.50,"no":null,"t":[true,"bulkid:a","x bulkId:a"]}`},
		{"hostile: empty", `{"method":"PUT","path":"/Groups/bulkId:","data":{"displayName":"bulkId:"}}`, nil, `{"displayName":"bulkId:"}`},
		{"hostile: a reference in a reference", `{"method":"PUT","path":"/Groups/bulkId:bulkId:a","data":{}}`, []string{"bulkId:a"}, `{}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			list, _, err := bulk.Parse(bulkBody("[" + row.operation + "]"))
			if err != nil {
				t.Fatal(err)
			}
			o := list[0]
			before, _ := json.Marshal(o)
			if diff := cmp.Diff(row.want, o.References()); diff != "" {
				t.Errorf("references (-want +got):\n%s", diff)
			}
			resolved := o.Resolve(map[string]string{"a": "1", "b": "2"})
			if diff := cmp.Diff(scimtest.Object(t, `{"data":`+row.resolved+`}`), map[string]any{"data": any(resolved.Data)}); diff != "" && row.resolved != "null" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			for _, left := range resolved.References() {
				if left == "a" || left == "b" {
					t.Errorf("%s is left", left)
				}
			}
			if after, _ := json.Marshal(o); string(after) != string(before) {
				t.Errorf("the operation has become %s", after)
			}
		})
	}
	o := bulk.Operation{Path: "/Groups/bulkId:a"}
	if got := o.Resolve(map[string]string{"a": "1"}).Path; got != "/Groups/1" {
		t.Errorf("got %s", got)
	}
}

func TestBulkResponse(t *testing.T) {
	for _, row := range []struct {
		results []map[string]any
		want    string
	}{
		{nil, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],"Operations":[]}`},
		{[]map[string]any{{"status": "201"}}, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],"Operations":[{"status":"201"}]}`},
	} {
		b, err := json.Marshal(bulk.Response(row.results))
		if err != nil {
			t.Fatal(err)
		}
		scimtest.Same(t, scimtest.Object(t, string(b)), scimtest.Object(t, row.want))
	}
}

func FuzzParseBulk(f *testing.F) {
	for _, s := range []string{
		`[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"u"}},{"method":"PATCH","path":"/Groups/bulkId:a","data":{"Operations":[{"op":"add","path":"members","value":["bulkId:a"]}]}}]`,
		`[{"method":"DELETE","path":"/Users/x","version":"W/\"1\""}]`, `[{"method":"PUT","path":"/Users/bulkId:","data":{"a":"bulkId:b"}}]`, `[]`, `{}`,
	} {
		f.Add(bulkBody(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, failOnErrors, err := bulk.Parse(body)
		if err != nil {
			scimtest.Refused(t, err)
			return
		}
		if failOnErrors < 0 || len(list) == 0 || len(list) > bulk.MaxOperations {
			t.Fatalf("%d operations, failOnErrors %d", len(list), failOnErrors)
		}
		for _, o := range list {
			before, _ := json.Marshal(o)
			ids := map[string]string{}
			references := o.References()
			for _, id := range references {
				ids[id] = "id"
			}
			if len(ids) != len(references) || slices.Contains(references, "") {
				t.Fatalf("references %q", references)
			}
			if left := o.Resolve(ids).References(); len(left) > 0 {
				t.Fatalf("%q are left", left)
			}
			same, _ := json.Marshal(o.Resolve(nil))
			if after, _ := json.Marshal(o); string(after) != string(before) || string(same) != string(before) {
				t.Fatalf("%s has become %s", before, after)
			}
			if o.Method == "PATCH" {
				if _, err := patch.ParseMessage(o.Data); err != nil {
					scimtest.Refused(t, err)
				}
			}
		}
	})
}
