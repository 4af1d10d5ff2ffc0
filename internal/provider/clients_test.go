package provider_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"dsync/internal/scim"
)

// The tests of this file are requests of clients that ran against dsync or are
// known from public reports. A row names the client.

// base is the Tenant URL.
func (v tenant) base() string { return "https://dsync.example" + scim.BasePath + v.key }

// inBulk is a bulk request with one operation.
func inBulk(method, path, data string) string {
	return `{"schemas":["` + scim.BulkRequestURN + `"],"Operations":[{"method":"` + method + `","path":"` + path + `","data":` + data + `}]}`
}

// A disabled user stays disabled unless a request names a true value, and
// `active` is always there.
func TestActiveStays(t *testing.T) {
	v := open(t)
	const body = `{"userName":"off","active":false}`
	path, created := v.made(t, "/Users", body)
	_, visible := v.made(t, "/Users", `{"userName":"on","active":true}`)
	type change struct{ client, method, body string }
	var rows []change
	for client, value := range map[string]string{
		"entra: empty text": `""`, "entra: null": `null`, "okta: empty list": `[]`, "generic: list of null": `[null]`, "generic: list of empty text": `[""]`,
		"scim-sdk: value of null": `[{"value":null}]`, "keycloak: False": `"False"`, "nextcloud: false": `false`,
	} {
		for _, op := range []string{"Add", "Replace"} {
			rows = append(rows,
				change{client + ", " + op, "PATCH", patchOf(`{"op":"` + op + `","path":"active","value":` + value + `}`)},
				change{client + ", " + op + " by the full name", "PATCH", patchOf(`{"op":"` + op + `","path":"` + scim.UserURN + `:active","value":` + value + `}`)},
				change{client + ", " + op + " without a path", "PATCH", patchOf(`{"op":"` + op + `","value":{"Active":` + value + `}}`)},
				change{client + ", " + op + " under the URN", "PATCH", patchOf(`{"op":"` + op + `","value":{"` + scim.UserURN + `":{"active":` + value + `}}}`)})
		}
		rows = append(rows, change{client + ", Remove with it", "PATCH", patchOf(`{"op":"Remove","path":"active","value":` + value + `}`)},
			change{client + ", PUT", "PUT", `{"userName":"off","active":` + value + `}`},
			change{client + ", PUT under the URN", "PUT", `{"userName":"off","` + scim.UserURN + `":{"ACTIVE":` + value + `}}`})
	}
	rows = append(rows, change{"entra: Remove", "PATCH", patchOf(`{"op":"Remove","path":"active"}`)},
		change{"generic: removed twice", "PATCH", patchOf(`{"op":"remove","path":"active"},{"op":"remove","path":"active"}`)},
		change{"canaille: PUT without it", "PUT", `{"userName":"off"}`})
	for _, row := range rows {
		t.Run(row.client, func(t *testing.T) {
			a := v.ask(t, 200, row.method, path, row.body)
			equal(t, "answer", a.body, created.body) // the version too: nothing was written
			r := v.ask(t, 200, "POST", "/Bulk", inBulk(row.method, path, row.body))
			if !strings.Contains(r.text, `"status":"200"`) {
				t.Error(r.text)
			}
			equal(t, "afterwards", v.ask(t, 200, "GET", path, "").body, created.body)
		})
	}
	for _, value := range []string{`1`, `0`, `"yes"`, `" "`, `{}`, `[true,true]`, `{"a":true}`} {
		v.refused(t, 400, "invalidValue", "PATCH", path, patchOf(`{"op":"replace","path":"active","value":`+value+`}`))
		v.refused(t, 400, "invalidValue", "PUT", path, `{"userName":"off","active":`+value+`}`)
	}
	equal(t, "afterwards", v.ask(t, 200, "GET", path, "").body, created.body)
	// A user who is active stays so, and a true value is one in every form.
	v.ask(t, 200, "PATCH", "/Users/"+visible.id(), patchOf(`{"op":"replace","path":"active","value":""}`))
	equal(t, "active", v.ask(t, 200, "GET", "/Users/"+visible.id(), "").body, visible.body)
	equal(t, "True", v.ask(t, 200, "PATCH", path, patchOf(`{"op":"Replace","path":"active","value":["True"]}`)).body["active"], any(true))
	for i, value := range []string{`null`, `""`, `[]`} { // nobody was disabled
		_, a := v.made(t, "/Users", fmt.Sprintf(`{"userName":"new%d","active":%s}`, i, value))
		equal(t, "POST", a.body["active"], any(true))
	}
}

// A request beside the RFCs is done in full, or refused: status and scimType,
// and what the resource has afterwards beside what it had.
func TestClients(t *testing.T) {
	v := open(t)
	_, other := v.made(t, "/Users", `{"userName":"boss"}`)
	boss := other.meta("location").(string)
	for i, row := range []struct {
		client, endpoint, method, body string
		status                         int
		scimType                       string
		want                           map[string]any
	}{
		{"entra: password beside a deactivation", "/Users", "PATCH", patchOf(`{"op":"Add","path":"password","value":"s3cret"},{"op":"Replace","path":"active","value":"False"}`), 200, "", map[string]any{"active": false}},
		{"entra: photos beside a deactivation", "/Users", "PATCH", patchOf(`{"op":"Add","path":"photos[type eq \"photo\"].value","value":"https://x/y"},{"op":"Replace","path":"active","value":"False"}`), 200, "", map[string]any{"active": false}},
		{"okta: password without a path", "/Users", "PATCH", patchOf(`{"op":"replace","value":{"password":"s3cret","active":false}}`), 200, "", map[string]any{"active": false}},
		{"okta: PUT with a password and groups", "/Users", "PUT", `{"schemas":["` + scim.UserURN + `"],"userName":"%s","password":"x","groups":[],"meta":{"resourceType":"User"},"active":"false"}`, 200, "", map[string]any{"active": false}},
		{"rauthy: PUT with photos and certificates of any type", "/Users", "PUT", `{"userName":"%s","photos":7,"x509Certificates":{"a":[1]},"title":"t"}`, 200, "", map[string]any{"title": "t"}},
		{"keycloak: manager.displayName", "/Users", "PATCH", patchOf(`{"op":"replace","path":"manager.displayName","value":"B"},{"op":"replace","path":"title","value":"t"}`), 200, "", map[string]any{"title": "t"}},
		{"canaille: manager by $ref", "/Users", "PUT", `{"userName":"%s","` + scim.EnterpriseURN + `":{"manager":{"$ref":"` + boss + `"}}}`, 200, "",
			map[string]any{scim.EnterpriseURN: map[string]any{"manager": map[string]any{"value": other.id()}}, "schemas": []any{scim.UserURN, scim.EnterpriseURN}}},
		{"canaille: manager by a $ref to nothing", "/Users", "PUT", `{"userName":"%s","` + scim.EnterpriseURN + `":{"manager":{"$ref":"x"}}}`, 400, "invalidValue", nil},
		{"rfc: an id is still read-only", "/Users", "PATCH", patchOf(`{"op":"replace","path":"id","value":"x"}`), 400, "mutability", nil},
		{"generic: schemas is null", "/Users", "PUT", `{"schemas":null,"userName":"%s","title":"t"}`, 200, "", map[string]any{"title": "t"}},
		{"generic: schemas of a PATCH is null", "/Users", "PATCH", `{"schemas":null,"Operations":[{"op":"add","path":"title","value":"t"}]}`, 200, "", map[string]any{"title": "t"}},
		{"generic: lists of one in a PUT", "/Users", "PUT", `{"userName":["%s"],"title":["t"],"active":["False"]}`, 200, "", map[string]any{"title": "t", "active": false}},
		{"generic: lists of one in a PATCH", "/Users", "PATCH", patchOf(`{"op":"add","path":"title","value":["t"]},{"op":"add","path":"active","value":["False"]}`), 200, "", map[string]any{"title": "t", "active": false}},
		{"generic: lists of one without a path", "/Users", "PATCH", patchOf(`{"op":"add","value":{"title":["t"],"active":["False"]}}`), 200, "", map[string]any{"title": "t", "active": false}},
		{"generic: a list of two in a PUT", "/Users", "PUT", `{"userName":"%s","title":["t","u"]}`, 400, "invalidValue", nil},
		{"generic: a list of two in a PATCH", "/Users", "PATCH", patchOf(`{"op":"add","path":"title","value":["t","u"]}`), 400, "invalidValue", nil},
		{"nextcloud: Latin-1 in a PUT", "/Users", "PUT", "{\"userName\":\"%s\",\"title\":\"Ren\xe9\"}", 400, "invalidSyntax", nil},
		{"nextcloud: Latin-1 in a PATCH", "/Users", "PATCH", patchOf("{\"op\":\"add\",\"path\":\"title\",\"value\":\"Ren\xe9\"}"), 400, "invalidSyntax", nil},
		{"hostile: half a surrogate pair", "/Users", "PUT", `{"userName":"%s","title":"\ud800"}`, 400, "invalidSyntax", nil},
		{"hostile: NUL", "/Groups", "PUT", `{"displayName":"%s\u0000"}`, 400, "invalidSyntax", nil},
		{"workos-bridge: schemas of a group is null", "/Groups", "PUT", `{"schemas":null,"displayName":["%s"],"externalId":"e"}`, 200, "", map[string]any{"externalId": "e"}},
		{"generic: Latin-1 in a group", "/Groups", "PATCH", patchOf("{\"op\":\"replace\",\"path\":\"displayName\",\"value\":\"Ren\xe9\"}"), 400, "invalidSyntax", nil},
	} {
		t.Run(row.client, func(t *testing.T) {
			name := fmt.Sprint("u", i)
			body := strings.ReplaceAll(row.body, "%s", name)
			path, _ := v.made(t, row.endpoint, `{"userName":"`+name+`","displayName":"`+name+`"}`)
			before := v.ask(t, 200, "GET", path, "")
			if strings.HasPrefix(row.endpoint, "/Users") && row.method == "PUT" {
				delete(before.body, "displayName")
			}
			if row.status >= 400 {
				v.refused(t, row.status, row.scimType, row.method, path, body)
				v.ask(t, 200, "GET", path, "", "If-Match", before.meta("version").(string))
				equal(t, "version", v.ask(t, 200, "GET", path, "").meta("version"), before.meta("version"))
				return
			}
			v.ask(t, row.status, row.method, path, body)
			after := v.ask(t, 200, "GET", path, "").body
			want := maps.Clone(before.body)
			maps.Copy(want, row.want)
			want["meta"] = after["meta"]
			equal(t, "afterwards", after, want)
		})
	}
	t.Run("hostile: text that is not UTF-8, in every message", func(t *testing.T) {
		for _, path := range []string{"/Users", "/Groups", "/Users/.search", "/Groups/.search", "/.search", "/Bulk"} {
			for _, text := range []string{"\xff", `\ud800`, `\u0000`} {
				v.refused(t, 400, "invalidSyntax", "POST", path, `{"userName":"x","displayName":"x","filter":"userName eq \"`+text+`\"","Operations":[]}`)
			}
		}
	})
}

// A name has as much room in one script as in another, up to the limit, and is
// found and unique at it.
func TestLongNames(t *testing.T) {
	v := open(t)
	for name, character := range map[string]string{"ASCII": "n", "github: Japanese": "名", "nextcloud: emoji": "😀", "hostile: escaped in keys": "#"} {
		t.Run(name, func(t *testing.T) {
			long := strings.Repeat(character, 511)
			for _, end := range []string{"a", "b"} { // names that differ in the last character only
				user, group := `{"userName":"`+long+end+`","externalId":"`+long+end+`"}`, `{"displayName":"`+long+end+`","externalId":"`+long+end+`"}`
				_, a := v.made(t, "/Users", user)
				_, g := v.made(t, "/Groups", group)
				v.refused(t, 409, "uniqueness", "POST", "/Users", strings.Replace(user, end+`"`, strings.ToUpper(end)+`"`, 1))
				v.refused(t, 409, "uniqueness", "POST", "/Groups", group)
				for _, q := range [][3]string{{"/Users", "userName", a.id()}, {"/Users", "externalId", a.id()}, {"/Groups", "displayName", g.id()}, {"/Groups", "externalId", g.id()}} {
					found := v.ask(t, 200, "POST", q[0]+"/.search", `{"filter":"`+q[1]+` eq \"`+long+end+`\""}`)
					equal(t, q[1], found.each("id"), []string{q[2]})
				}
			}
			v.refused(t, 400, "invalidValue", "POST", "/Users", `{"userName":"`+long+`ab"}`)
			v.refused(t, 400, "invalidValue", "POST", "/Groups", `{"displayName":"`+long+`ab"}`)
		})
	}
}

// Members are removed and added in the forms of these clients; `$ref` is the
// URL of the user, and a present member takes a new display.
func TestMemberForms(t *testing.T) {
	v := open(t)
	_, a := v.made(t, "/Users", `{"userName":"a"}`)
	_, b := v.made(t, "/Users", `{"userName":"b"}`)
	group, _ := v.made(t, "/Groups", `{"displayName":"g"}`)
	member := func(r reply, display string) map[string]any {
		m := map[string]any{"value": r.id(), "$ref": r.meta("location"), "type": "User"}
		if display != "" {
			m["display"] = display
		}
		return m
	}
	one, two := `{"value":"`+a.id()+`"}`, `{"value":"`+b.id()+`","display":"B"}`
	for _, row := range []struct {
		name, method, body string
		want               []any
		changes            bool
	}{
		{"okta: add with display", "PATCH", patchOf(`{"op":"add","path":"members","value":[` + one + `,` + two + `]}`), []any{member(a, ""), member(b, "B")}, true},
		{"okta: the same again", "PATCH", patchOf(`{"op":"add","path":"members","value":[` + one + `,` + two + `]}`), []any{member(a, ""), member(b, "B")}, false},
		{"okta: a new display of a present member", "PATCH", patchOf(`{"op":"add","path":"members","value":[{"value":"` + b.id() + `","display":"Bo"}]}`), []any{member(a, ""), member(b, "Bo")}, true},
		{"okta: a present member without display", "PATCH", patchOf(`{"op":"add","path":"members","value":[{"value":"` + b.id() + `"}]}`), []any{member(a, ""), member(b, "Bo")}, false},
		{"canaille: a new display in a PUT", "PUT", `{"displayName":"g","members":[{"value":"` + a.id() + `","display":"A"},{"value":"` + b.id() + `","display":"Bo"}]}`, []any{member(a, "A"), member(b, "Bo")}, true},
		{"keycloak: remove by type and value", "PATCH", patchOf(`{"op":"remove","path":"members[type eq \"User\" and value eq \"` + a.id() + `\"]"}`), []any{member(b, "Bo")}, true},
		{"canaille: add by $ref", "PATCH", patchOf(`{"op":"add","path":"members","value":[{"$ref":"` + v.base() + `/Users/` + a.id() + `"}]}`), []any{member(a, ""), member(b, "Bo")}, true},
		{"scim-sdk: remove by $ref", "PATCH", patchOf(`{"op":"remove","path":"members[$ref eq \"../Users/` + b.id() + `\"]"}`), []any{member(a, "")}, true},
		{"keycloak: remove by another type", "PATCH", patchOf(`{"op":"remove","path":"members[type eq \"Group\" and value eq \"` + a.id() + `\"]"}`), []any{member(a, "")}, false},
	} {
		before := v.ask(t, 200, "GET", group, "")
		v.ask(t, map[string]int{"PUT": 200, "PATCH": 204}[row.method], row.method, group, row.body)
		after := v.ask(t, 200, "GET", group, "")
		equal(t, row.name, after.body["members"], any(row.want))
		equal(t, row.name+": changes", after.meta("version") != before.meta("version"), row.changes)
	}
	v.refused(t, 400, "mutability", "PATCH", group, patchOf(`{"op":"replace","path":"members[value eq \"`+a.id()+`\"].display","value":"x"}`))
	list := v.ask(t, 200, "GET", "/Groups?attributes=members", "").resources()
	equal(t, "list", list[0]["members"], any([]any{member(a, "")}))
	equal(t, "only the URL", v.ask(t, 200, "GET", group+"?attributes=members.$ref", "").body["members"], any([]any{map[string]any{"$ref": a.meta("location")}}))
	equal(t, "PATCH", v.ask(t, 200, "PATCH", group+"?attributes=members", patchOf(`{"op":"add","path":"externalId","value":"e"}`)).body["members"], any([]any{member(a, "")}))
	equal(t, "not the URL", v.ask(t, 200, "GET", group+"?excludedAttributes=members.$ref", "").body["members"], any([]any{map[string]any{"value": a.id(), "type": "User"}}))
	v.refused(t, 400, "invalidFilter", "GET", "/Groups?filter=members.$ref+eq+%22x%22", "")
}
