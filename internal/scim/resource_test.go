package scim

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"dsync/internal/fault"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseUser(t *testing.T) {
	const none = `{"userName":"u"}`
	for _, row := range []struct{ name, body, want, problem string }{
		{"entra U3: POST", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
			"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef","userName":"Test_User_00aa","active":true,
			"emails":[{"primary":true,"type":"work","value":"Test_User_@testuser.com"}],
			"meta":{"resourceType":"User"},"name":{"formatted":"givenName familyName","familyName":"familyName","givenName":"givenName"},"roles":[]}`,
			`{"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef","userName":"Test_User_00aa","active":true,
			"emails":[{"primary":true,"type":"work","value":"Test_User_@testuser.com"}],"name":{"formatted":"givenName familyName","familyName":"familyName","givenName":"givenName"}}`, ""},
		{"entra: POST with a colon missing, nulls, and an extension's attributes at the top", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
			"userName":"u","addresses":null,"phoneNumbers":null,"preferredLanguage":null,"title":null,"department":null,"manager":null}`, none, ""},
		{"entra Q11: manager as a string", `{"userName":"u","` + enterprise + `":{"manager":"123456"}}`, `{"userName":"u","` + enterprise + `":{"manager":{"value":"123456"}}}`, ""},
		{"entra Q11: manager in a list", `{"userName":"u","` + enterprise + `":{"manager":[{"$ref":"x","value":"m"}]}}`, `{"userName":"u","` + enterprise + `":{"manager":{"value":"m"}}}`, ""},
		{"entra: manager as an empty string, list and object", `{"userName":"u","` + enterprise + `":{"manager":""},"manager":[],"name":{}}`, none, ""},
		{"entra: manager at the top", `{"userName":"u","manager":{"value":"m"},"department":"d"}`, `{"userName":"u","` + enterprise + `":{"manager":{"value":"m"},"department":"d"}}`, ""},
		{"entra: undeclared extension", `{"userName":"u","urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User":{"tag":"701984"}}`, none, ""},
		{"entra: schemas may be absent", none, none, ""},
		{"entra: unknown attributes are not echoed", `{"userName":"u","shoeSize":44,"name":{"nope":"x"},"name.givenName":"x"}`, none, ""},
		{"entra Q2: booleans as strings", `{"userName":"u","active":"False","emails":[{"value":"a","primary":"TRUE"}]}`, `{"userName":"u","active":false,"emails":[{"value":"a","primary":true}]}`, ""},
		{"entra: verbatim", `{"userName":"  Ünïcode U ","title":"<b>&\u2028","emails":[{"value":"MiXed@Case"}]}`, `{"userName":"  Ünïcode U ","title":"<b>&\u2028","emails":[{"value":"MiXed@Case"}]}`, ""},
		{"entra: two primaries, the first counts", `{"userName":"u","emails":[{"value":"a","primary":false},{"value":"b","primary":true},{"value":"c","primary":true}]}`,
			`{"userName":"u","emails":[{"value":"a","primary":false},{"value":"b","primary":true},{"value":"c","primary":false}]}`, ""},
		{"entra: two work e-mails", `{"userName":"u","emails":[{"type":"work","value":"a"},{"type":"work","value":"b"}]}`, `{"userName":"u","emails":[{"type":"work","value":"a"},{"type":"work","value":"b"}]}`, ""},
		{"entra: the same e-mail twice", `{"userName":"u","emails":[{"type":"work","value":"a"},{"type":"WORK","value":"a","display":"x"}]}`, `{"userName":"u","emails":[{"type":"work","value":"a"}]}`, ""},
		{"entra Q13: roles", `{"userName":"u","roles":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","displayName":"Admin","value":"Admin"}]}`,
			`{"userName":"u","roles":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"Admin","value":"Admin"}]}`, ""},
		{"entra: element of which only the type is left", `{"userName":"u","emails":[{"type":"work","value":null},{"type":"work","value":""}]}`, none, ""},
		{"okta: password and groups are passed over", `{"userName":"u","password":"secret","groups":[],"locale":"en-US"}`, `{"userName":"u","locale":"en-US"}`, ""},
		{"rfc: names in any case", `{"USERNAME":"u","Name":{"GIVENNAME":"g"},"URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER":{"DEPARTMENT":"d"}}`,
			`{"userName":"u","name":{"givenName":"g"},"` + enterprise + `":{"department":"d"}}`, ""},
		{"rfc: read-only attributes are passed over", `{"userName":"u","id":"x","meta":{"version":"1"},"` + enterprise + `":{"manager":{"value":"m","displayName":"M"}}}`, `{"userName":"u","` + enterprise + `":{"manager":{"value":"m"}}}`, ""},
		{"rfc: userName is required", `{"active":true}`, "", "400 invalidValue"},
		{"rfc: empty userName", `{"userName":""}`, "", "400 invalidValue"},
		{"hostile: blank userName", `{"userName":" \t "}`, "", "400 invalidValue"},
		{"hostile: userName is a number", `{"userName":7}`, "", "400 invalidValue"},
		{"hostile: userName is a list", `{"userName":["u"]}`, "", "400 invalidValue"},
		{"hostile: active is a number", `{"userName":"u","active":1}`, "", "400 invalidValue"},
		{"hostile: active is a word", `{"userName":"u","active":"yes"}`, "", "400 invalidValue"},
		{"hostile: name is a string", `{"userName":"u","name":"x"}`, "", "400 invalidValue"},
		{"hostile: name is a list of two", `{"userName":"u","name":[{},{}]}`, "", "400 invalidValue"},
		{"hostile: emails are numbers", `{"userName":"u","emails":[1]}`, "", "400 invalidValue"},
		{"hostile: e-mail is an object", `{"userName":"u","emails":[{"value":{"value":"x"}}]}`, "", "400 invalidValue"},
		{"hostile: extension is a list", `{"userName":"u","` + enterprise + `":[]}`, "", "400 invalidValue"},
		{"hostile: attribute of an extension is a list", `{"userName":"u","` + enterprise + `":{"department":["d"]}}`, "", "400 invalidValue"},
		{"hostile: schemas is a string", `{"userName":"u","schemas":"x"}`, "", "400 invalidSyntax"},
		{"hostile: schemas of objects", `{"userName":"u","schemas":[{}]}`, "", "400 invalidSyntax"},
		{"hostile: a name in several letter cases", `{"userName":"u","UserName":"v","USERNAME":"w"}`, none, ""},
		{"hostile: a list of one in a single value of an extension", `{"userName":"u","manager":[[["m"]]]}`, `{"userName":"u","` + enterprise + `":{"manager":{"value":"m"}}}`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, members, err := Users.Parse(resource(t, row.body))
			if p := problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			same(t, got, resource(t, row.want))
			if members != nil {
				t.Error("users have no members")
			}
			again, err := Decode(Encode(got))
			if err != nil {
				t.Fatal(err)
			}
			same(t, again, got)
		})
	}
}

func TestParseGroup(t *testing.T) {
	for _, row := range []struct{ name, body, want, members, problem string }{
		{"entra G3: POST", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"e","displayName":"G","meta":{"resourceType":"Group"}}`,
			`{"externalId":"e","displayName":"G"}`, "", ""},
		{"entra: with members", `{"displayName":"G","members":[{"$ref":null,"value":"a"},{"value":"b","displayName":"Bo"},"c"]}`, `{"displayName":"G"}`, `{"reset":true,"add":["a/","b/Bo","c/"]}`, ""},
		{"rfc: empty members", `{"displayName":"G","Members":[]}`, `{"displayName":"G"}`, `{"reset":true}`, ""},
		{"rfc: members are null", `{"displayName":"G","members":null}`, `{"displayName":"G"}`, `{"reset":true}`, ""},
		{"rfc: displayName is required", `{"externalId":"e"}`, "", "", "400 invalidValue"},
		{"hostile: member without a value", `{"displayName":"G","members":[{"display":"x"}]}`, "", "", "400 invalidValue"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, members, err := Groups.Parse(resource(t, row.body))
			if p := problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			same(t, got, resource(t, row.want))
			if (members != nil) != (row.members != "") {
				t.Fatalf("members are %v", members)
			}
			if members != nil {
				if diff := cmp.Diff(resource(t, row.members), change(members)); diff != "" {
					t.Errorf("members (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestRender(t *testing.T) {
	at := time.Date(2026, 1, 15, 13, 0, 0, 1_999_999, time.FixedZone("", 3600))
	got := Users.Render(resource(t, `{"userName":"u","`+enterprise+`":{"department":"d"}}`), Meta{ID: "i", Created: at, LastModified: at, Version: 7, Location: "https://x/Users/i"})
	want := resource(t, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"id":"i","userName":"u","`+enterprise+`":{"department":"d"},
		"meta":{"resourceType":"User","created":"2026-01-15T12:00:00.001Z","lastModified":"2026-01-15T12:00:00.001Z","location":"https://x/Users/i","version":"W/\"7\""}}`)
	same(t, got, want)
	r := resource(t, guides)
	Groups.Render(r, Meta{ID: "g"})
	same(t, r, resource(t, guides))
}

// A tenant's text goes into JSON as it came, for the stream and for clients.
func TestEncodeIsPlain(t *testing.T) {
	if got, want := Encode(map[string]any{"b": "<&>", "a": true}), `{"a":true,"b":"<&>"}`; got != want {
		t.Errorf("got %s", got)
	}
	if _, err := Decode(`{`); err == nil {
		t.Error("half an object decodes")
	}
}

func TestErrorBody(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		err    *fault.Error
		want   string
	}{
		{"entra Q22: uniqueness", 409, fault.New(fault.Conflict, Uniqueness, "userName %q is taken", "u"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"userName \"u\" is taken"}`},
		{"rfc: no scimType", 404, fault.New(fault.NotFound, "", "User u not found"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"User u not found"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := json.Marshal(ErrorResponse(row.status, row.err))
			if err != nil {
				t.Fatal(err)
			}
			same(t, resource(t, string(b)), resource(t, row.want))
			if !strings.Contains(row.err.Error(), row.err.Detail) {
				t.Error(row.err)
			}
		})
	}
}

// What is stored reads back as it is: from its JSON, as a PUT of itself, and
// after a PATCH that says what is so already.
func TestStoredFormIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := account{}
		for range rapid.IntRange(0, 6).Draw(t, "operations") {
			drawStep(t).do(&a)
		}
		stable(t, Users, a.resource())
	})
}

func stable(t interface{ Fatalf(string, ...any) }, rt *ResourceType, r map[string]any) {
	stored := Encode(r)
	decoded, err := Decode(stored)
	if err != nil || Encode(decoded) != stored {
		t.Fatalf("%s decodes to %v (%v)", stored, decoded, err)
	}
	put, _, err := rt.Parse(decoded)
	if err != nil || Encode(put) != stored {
		t.Fatalf("%s as a PUT gives %v (%v)", stored, put, err)
	}
	patched, members, err := rt.Patch(r, []Operation{{Op: "replace", Value: map[string]any(decoded), HasValue: true}})
	if err != nil || Encode(patched) != stored || !members.Empty() {
		t.Fatalf("%s as a PATCH gives %v (%v)", stored, patched, err)
	}
}
