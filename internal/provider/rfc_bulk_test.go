package provider_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/bulk"
)

// bulk sends operations and returns what became of each, in their order.
func (v tenant) bulk(t *testing.T, members, operations string) []map[string]any {
	t.Helper()
	a := v.ask(t, 200, "POST", "/Bulk", `{"schemas":["`+scim.BulkRequestURN+`"],`+members+`"Operations":[`+operations+`]}`)
	equal(t, "schemas", a.body["schemas"], any([]any{scim.BulkResponseURN}))
	var results []map[string]any
	list, _ := a.body["Operations"].([]any)
	for _, r := range list {
		r := r.(map[string]any)
		results = append(results, r)
		status, _ := r["status"].(string)
		response, _ := r["response"].(map[string]any)
		location, _ := r["location"].(string)
		if n, _ := strconv.Atoi(status); n < 300 {
			if location == "" || response != nil && n == 204 {
				t.Errorf("%v", r)
			}
			continue
		}
		if response["status"] != status || response["detail"] == "" {
			t.Errorf("%v", r)
		}
		// RFC 7644 section 3.7: location is required but for a failed POST.
		if (location == "") != (r["method"] == "POST") {
			t.Errorf("%v: location %q", r["method"], location)
		}
	}
	return results
}

func statuses(results []map[string]any) string {
	var all []string
	for _, r := range results {
		all = append(all, fmt.Sprint(r["status"]))
	}
	return strings.Join(all, " ")
}

func post(endpoint, bulkID, data string) string {
	return `{"method":"POST","path":"` + endpoint + `","bulkId":"` + bulkID + `","data":` + data + `}`
}

func TestRFCBulk(t *testing.T) {
	v := open(t)
	path, created := v.made(t, "/Users", ada)
	byName := func(endpoint, name string) map[string]any {
		t.Helper()
		attribute := map[string]string{"/Users": "userName", "/Groups": "displayName"}[endpoint]
		found := v.ask(t, 200, "GET", endpoint+"?filter="+attribute+`+eq+"`+name+`"`, "").resources()
		if len(found) != 1 {
			t.Fatalf("%d of %s", len(found), name)
		}
		return found[0]
	}
	t.Run("3.7: each method", func(t *testing.T) {
		doomed, _ := v.made(t, "/Users", `{"userName":"doomed"}`)
		got := v.bulk(t, "", post("/Users", "q", `{"userName":"bulk"}`)+
			`,{"method":"PATCH","path":"`+path+`","data":`+patchOf(`{"op":"replace","path":"title","value":"Dr"}`)+`}`+
			`,{"method":"PUT","path":"`+path+`","data":{"userName":"ada","title":"PhD"}}`+
			`,{"method":"delete","path":"`+doomed+`"}`)
		equal(t, "status", statuses(got), "201 200 200 204")
		user := byName("/Users", "bulk")
		equal(t, "location", got[0]["location"], user["meta"].(map[string]any)["location"])
		equal(t, "version", got[0]["version"], user["meta"].(map[string]any)["version"])
		equal(t, "bulkId", got[0]["bulkId"], any("q"))
		equal(t, "method", got[3]["method"], any("DELETE"))
		equal(t, "PUT", v.ask(t, 200, "GET", path, "").body["title"], any("PhD"))
		v.refused(t, 404, "", "GET", doomed, "")
	})
	t.Run("3.7.2: a reference to what comes before, and to what comes later", func(t *testing.T) {
		for _, order := range []string{"before", "later"} {
			user := post("/Users", "u", `{"userName":"`+order+`"}`)
			group := post("/Groups", "g", `{"displayName":"`+order+`","members":[{"value":"bulkId:u"},{"value":"`+created.id()+`"}]}`)
			operations := user + "," + group
			if order == "later" {
				operations = group + "," + user
			}
			got := v.bulk(t, "", operations)
			equal(t, "status", statuses(got), "201 201")
			equal(t, "the first result", got[0]["bulkId"], any(map[string]string{"before": "u", "later": "g"}[order]))
			members := fmt.Sprint(byName("/Groups", order)["members"])
			if !strings.Contains(members, byName("/Users", order)["id"].(string)) || !strings.Contains(members, created.id()) {
				t.Errorf("%s: members %s", order, members)
			}
		}
	})
	t.Run("3.7.2: a reference in a path and in a PATCH", func(t *testing.T) {
		got := v.bulk(t, "", post("/Groups", "g", `{"displayName":"path"}`)+","+post("/Users", "u", `{"userName":"path"}`)+
			`,{"method":"PATCH","path":"/Groups/bulkId:g","data":`+patchOf(`{"op":"add","path":"members","value":[{"value":"bulkId:u"}]}`)+`}`)
		equal(t, "status", statuses(got), "201 201 204")
		if members := fmt.Sprint(byName("/Groups", "path")["members"]); !strings.Contains(members, byName("/Users", "path")["id"].(string)) {
			t.Errorf("members %s", members)
		}
	})
	t.Run("3.7.2: a manager", func(t *testing.T) {
		v.bulk(t, "", post("/Users", "e", `{"userName":"employee","`+scim.EnterpriseURN+`":{"manager":{"value":"bulkId:m"}}}`)+","+post("/Users", "m", `{"userName":"manager"}`))
		manager := byName("/Users", "employee")[scim.EnterpriseURN].(map[string]any)["manager"].(map[string]any)
		equal(t, "manager", manager["value"], byName("/Users", "manager")["id"])
	})
	t.Run("3.7.1: a circle", func(t *testing.T) {
		circle := func(name, bulkID, other string) string {
			return post("/Users", bulkID, `{"userName":"`+name+`","`+scim.EnterpriseURN+`":{"manager":{"value":"bulkId:`+other+`"}}}`)
		}
		got := v.bulk(t, "", circle("circle1", "a", "b")+","+post("/Users", "c", `{"userName":"outside"}`)+","+circle("circle2", "b", "a"))
		equal(t, "status", statuses(got), "409 201 409")
		equal(t, "found", v.ask(t, 200, "GET", `/Users?filter=userName+sw+"circle"`, "").body["totalResults"], any(0.0))
	})
	t.Run("3.7.2: a reference to nothing, and to what failed", func(t *testing.T) {
		got := v.bulk(t, "", post("/Groups", "g", `{"displayName":"nothing","members":[{"value":"bulkId:nothing"}]}`)+","+
			post("/Users", "u", `{"userName":"ADA"}`)+","+post("/Groups", "h", `{"displayName":"failed","members":[{"value":"bulkId:u"}]}`))
		equal(t, "status", statuses(got), "409 409 409")
		equal(t, "scimType", got[1]["response"].(map[string]any)["scimType"], any("uniqueness"))
	})
	t.Run("3.7.3: failures are answered one by one", func(t *testing.T) {
		got := v.bulk(t, "", post("/Users", "a", `{}`)+`,{"method":"DELETE","path":"/Users/nobody"}`+
			`,{"method":"PUT","path":"`+path+`","version":"W/\"999\"","data":{"userName":"ada"}}`+","+post("/Users", "b", `{"userName":"after"}`))
		equal(t, "status", statuses(got), "400 404 412 201")
	})
	t.Run("3.7.3: failOnErrors", func(t *testing.T) {
		fail := `{"method":"DELETE","path":"/Users/nobody"}`
		got := v.bulk(t, `"failOnErrors":2,`, fail+","+post("/Users", "a", `{"userName":"first"}`)+","+fail+","+post("/Users", "b", `{"userName":"never"}`))
		equal(t, "status", statuses(got), "404 201 404")
		equal(t, "found", v.ask(t, 200, "GET", `/Users?filter=userName+eq+"never"`, "").body["totalResults"], any(0.0))
	})
	t.Run("3.7.4: too many operations, too large a body", func(t *testing.T) {
		many := func(n int) string {
			one := `{"method":"DELETE","path":"/Users/nobody"}`
			return `{"schemas":["` + scim.BulkRequestURN + `"],"Operations":[` + one + strings.Repeat(","+one, n-1) + `]}`
		}
		v.ask(t, 200, "POST", "/Bulk", many(bulk.MaxOperations))
		v.refused(t, 413, "", "POST", "/Bulk", many(bulk.MaxOperations+1))
		v.refused(t, 413, "", "POST", "/Bulk", many(2)+strings.Repeat(" ", scim.MaxBody))
	})
	t.Run("3.7: what is no bulk request changes nothing", func(t *testing.T) {
		fine := post("/Users", "fine", `{"userName":"fine"}`)
		for operation, scimType := range map[string]string{
			`{"method":"POST","path":"/Users","data":{"userName":"x"}}`:               "invalidSyntax",
			`{"method":"POST","path":"/Users","bulkId":"x"}`:                          "invalidSyntax",
			`{"method":"GET","path":"` + path + `"}`:                                  "invalidValue",
			`{"method":"POST","path":"/Things","bulkId":"x","data":{"userName":"x"}}`: "invalidValue",
			`{"method":"DELETE","path":"/Users"}`:                                     "invalidValue",
			fine:                                                                      "invalidValue", // the same bulkId twice
		} {
			v.refused(t, 400, scimType, "POST", "/Bulk", `{"schemas":["`+scim.BulkRequestURN+`"],"Operations":[`+fine+","+operation+`]}`)
		}
		v.refused(t, 400, "invalidSyntax", "POST", "/Bulk", `{"schemas":["`+scim.BulkRequestURN+`"],"Operations":[]}`)
		v.refused(t, 400, "invalidSyntax", "POST", "/Bulk", `{"schemas":["`+scim.PatchOpURN+`"],"Operations":[`+fine+`]}`)
		equal(t, "found", v.ask(t, 200, "GET", `/Users?filter=userName+eq+"fine"`, "").body["totalResults"], any(0.0))
	})
}
