package resource_test

import (
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"

	"github.com/google/go-cmp/cmp"
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
		{"entra Q11: manager as a string", `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":"123456"}}`, `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"value":"123456"}}}`, ""},
		{"entra Q11: manager in a list", `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":[{"$ref":"x","value":"m"}]}}`, `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"value":"m"}}}`, ""},
		{"entra: manager as an empty string, list and object", `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":""},"manager":[],"name":{}}`, none, ""},
		{"entra: manager at the top", `{"userName":"u","manager":{"value":"m"},"department":"d"}`, `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"value":"m"},"department":"d"}}`, ""},
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
			`{"userName":"u","name":{"givenName":"g"},"` + scim.EnterpriseURN + `":{"department":"d"}}`, ""},
		{"rfc: read-only attributes are passed over", `{"userName":"u","id":"x","meta":{"version":"1"},"` + scim.EnterpriseURN + `":{"manager":{"value":"m","displayName":"M"}}}`, `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"value":"m"}}}`, ""},
		{"rfc: userName is required", `{"active":true}`, "", "400 invalidValue"},
		{"rfc: empty userName", `{"userName":""}`, "", "400 invalidValue"},
		{"hostile: blank userName", `{"userName":" \t "}`, "", "400 invalidValue"},
		{"hostile: userName is a number", `{"userName":7}`, "", "400 invalidValue"},
		{"generic: lists of one", `{"userName":["u"],"active":["False"],"title":[{"value":"t"}],"name":[{"givenName":["g"]}],"emails":[{"value":["a"],"primary":["True"]}],"` + scim.EnterpriseURN + `":[{"department":["d"]}]}`,
			`{"userName":"u","active":false,"title":"t","name":{"givenName":"g"},"emails":[{"value":"a","primary":true}],"` + scim.EnterpriseURN + `":{"department":"d"}}`, ""},
		{"generic: empty lists", `{"userName":"u","title":[],"active":[],"emails":[{"value":[]}],"` + scim.EnterpriseURN + `":[]}`, none, ""},
		{"generic: schemas is null", `{"userName":"u","schemas":null}`, none, ""},
		{"hostile: schemas is a string", `{"userName":"u","schemas":"x"}`, "", "400 invalidSyntax"},
		{"generic: attributes under the core URN", `{"userName":"u","` + scim.UserURN + `":{"title":"t"},"` + scim.UserURN + `:nickName":"n","` + scim.EnterpriseURN + `:department":"d"}`,
			`{"userName":"u","title":"t","nickName":"n","` + scim.EnterpriseURN + `":{"department":"d"}}`, ""},
		{"canaille: manager by $ref alone", `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"$ref":"../Users/m-1"}}}`, `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"value":"m-1"}}}`, ""},
		{"canaille: a value takes precedence over $ref", `{"userName":"u","manager":{"$ref":7,"value":"m-1"}}`, `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"value":"m-1"}}}`, ""},
		{"canaille: manager by a $ref to a group", `{"userName":"u","manager":{"$ref":"https://x/Groups/m-1"}}`, "", "400 invalidValue"},
		{"hostile: the last spelling of a name is null", `{"userName":"u","TITLE":"t","title":null}`, none, ""},
		{"hostile: userName is a list of two", `{"userName":["u","v"]}`, "", "400 invalidValue"},
		{"hostile: active is a number", `{"userName":"u","active":1}`, "", "400 invalidValue"},
		{"hostile: active is a word", `{"userName":"u","active":"yes"}`, "", "400 invalidValue"},
		{"hostile: name is a string", `{"userName":"u","name":"x"}`, "", "400 invalidValue"},
		{"hostile: name is a list of two", `{"userName":"u","name":[{},{}]}`, "", "400 invalidValue"},
		{"hostile: emails are numbers", `{"userName":"u","emails":[1]}`, "", "400 invalidValue"},
		{"hostile: e-mail is an object", `{"userName":"u","emails":[{"value":{"value":"x","type":"work"}}]}`, "", "400 invalidValue"},
		{"hostile: extension is a list of two", `{"userName":"u","` + scim.EnterpriseURN + `":[{},{}]}`, "", "400 invalidValue"},
		{"hostile: attribute of an extension is a list of two", `{"userName":"u","` + scim.EnterpriseURN + `":{"department":["d","e"]}}`, "", "400 invalidValue"},
		{"hostile: schemas is an object", `{"userName":"u","schemas":{}}`, "", "400 invalidSyntax"},
		{"hostile: schemas of objects", `{"userName":"u","schemas":[{}]}`, "", "400 invalidSyntax"},
		{"hostile: a name in several letter cases", `{"userName":"u","UserName":"v","USERNAME":"w"}`, none, ""},
		{"hostile: a list of one in a single value of an extension", `{"userName":"u","manager":[[["m"]]]}`, `{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"value":"m"}}}`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, members, err := resource.Parse(scim.Users, scimtest.Object(t, row.body))
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			scimtest.Same(t, got, scimtest.Object(t, row.want))
			if members != nil {
				t.Error("users have no members")
			}
			again, err := resource.Decode(resource.Encode(got))
			if err != nil {
				t.Fatal(err)
			}
			scimtest.Same(t, again, got)
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
		{"generic: schemas is null", `{"displayName":["G"],"schemas":null}`, `{"displayName":"G"}`, "", ""},
		{"canaille: members by $ref alone", `{"displayName":"G","members":[{"$ref":"https://x/scim/v2/Users/a"},{"$ref":"../Users/b","value":""}]}`, `{"displayName":"G"}`, `{"reset":true,"add":["a/","b/"]}`, ""},
		{"hostile: a $ref to something else", `{"displayName":"G","members":[{"$ref":"https://x/Users"}]}`, "", "", "400 invalidValue"},
		{"hostile: member without a value", `{"displayName":"G","members":[{"display":"x"}]}`, "", "", "400 invalidValue"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, members, err := resource.Parse(scim.Groups, scimtest.Object(t, row.body))
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			scimtest.Same(t, got, scimtest.Object(t, row.want))
			if (members != nil) != (row.members != "") {
				t.Fatalf("members are %v", members)
			}
			if members != nil {
				if diff := cmp.Diff(scimtest.Object(t, row.members), scimtest.Change(members)); diff != "" {
					t.Errorf("members (-want +got):\n%s", diff)
				}
			}
		})
	}
}
