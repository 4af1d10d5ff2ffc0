package scim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

// An error states the path of the fault, without values.
func TestErrorPath(t *testing.T) {
	apply := func(s string) error {
		_, _, err := patch.Resolve(scim.Users, scimtest.Operations(t, s)).Apply(scimtest.Object(t, scimtest.Babs))
		return err
	}
	parse := func(s string) error {
		_, _, err := resource.Parse(scim.Users, scimtest.Object(t, s))
		return err
	}
	group := func(s string) error {
		_, _, err := patch.Resolve(scim.Groups, scimtest.Operations(t, s)).MembersOnly()
		return err
	}
	raw := func(s string) error {
		_, err := query.Parse(scim.Users, s)
		return err
	}
	for _, row := range []struct {
		err       error
		path      string
		operation int
	}{
		{parse(`{"title":"x"}`), "userName", 0},
		{parse(`{"userName":"u","active":"ada@x"}`), "active", 0},
		{parse(`{"userName":"u","emails":[{"value":["ada@x","b"]}]}`), "emails.value", 0},
		{parse(`{"userName":"u","` + scim.EnterpriseURN + `":{"manager":{"value":5}}}`), scim.EnterpriseURN + ":manager.value", 0},
		{parse(`{"userName":"u","department":5}`), scim.EnterpriseURN + ":department", 0},
		{parse(`{"userName":"u","` + scim.EnterpriseURN + `":"ada@x"}`), scim.EnterpriseURN, 0},
		{parse(`{"userName":"u","schemas":"ada@x"}`), "schemas", 0},
		{apply(`[{"op":"add","path":"title","value":"x"},{"op":"add","path":"shoeSize","value":"ada@x"}]`), "shoeSize", 2},
		{apply(`[{"op":"add","path":"ada@example.com","value":"x"}]`), "", 1},
		{apply(`[{"op":"add","path":"name.nope","value":"x"}]`), "name.nope", 1},
		{apply(`[{"op":"add","path":"emails[value eq \"ada@x\"].type","value":["a","b"]}]`), `emails[value eq "…"].type`, 1},
		{apply(`[{"op":"replace","path":"emails[type eq \"Ada\"].value","value":"x"}]`), `emails[type eq "…"].value`, 1},
		{apply(`[{"op":"replace","path":"emails[type eq \"work\"].value","value":{"a":"ada@x"}}]`), `emails[type eq "work"].value`, 1},
		{apply(`[{"op":"replace","value":{"name":{"givenName":["ada","b"]}}}]`), "name.givenName", 1},
		{apply(`[{"op":"replace","value":{"` + scim.EnterpriseURN + `":{"manager":{"value":["ada","b"]}}}}]`), scim.EnterpriseURN + ":manager.value", 1},
		{apply(`[{"op":"remove","path":"userName"}]`), "userName", 1},
		{apply(`[{"op":"replace","path":"userName","value":" "}]`), "userName", 0},
		{group(`[{"op":"add","path":"members","value":[{"display":"ada"}]}]`), "members", 1},
		{group(`[{"op":"replace","path":"members[value eq \"ada\"]","value":"x"}]`), `members[value eq "…"]`, 1},
		{raw(`filter=userName+equals+"ada@x"`), "userName", 0},
		{raw(`filter=active+eq+"ada@x"`), "active", 0},
		{raw(`filter=nope+eq+"ada@x"`), "nope", 0},
		{raw(`filter=ada@example.com+eq+"ada@x"`), "", 0},
		{raw(`filter="ada@x"`), "", 0},
		{raw(`filter=Ada+Lovelace`), "", 0},
		{raw(`filter=Ada+Lovelace+eq+"x"`), "", 0},
		{raw(`filter=title+eq+"x"+and+"ada"`), "", 0},
		{raw(`filter=emails[nope+eq+"ada@x"]`), "emails.nope", 0},
		{raw(`count=ada`), "count", 0},
		{raw(`sortBy=ada@x`), "", 0},
		{raw(`sortBy=nope`), "nope", 0},
	} {
		e, ok := row.err.(*fault.Error)
		if !ok {
			t.Errorf("%v, where %s is wrong", row.err, row.path)
		} else if e.Path != row.path || e.Operation != row.operation {
			t.Errorf("%v: at %q of operation %d, want %q of %d", e, e.Path, e.Operation, row.path, row.operation)
		}
	}
}

func TestErrorBody(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		err    *fault.Error
		want   string
	}{
		{"entra Q22: uniqueness", 409, fault.New(fault.Conflict, scim.Uniqueness, "userName %q is taken", "u"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"userName \"u\" is taken"}`},
		{"rfc: no scimType", 404, fault.New(fault.NotFound, "", "User u not found"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"User u not found"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := json.Marshal(scim.ErrorResponse(row.status, row.err))
			if err != nil {
				t.Fatal(err)
			}
			scimtest.Same(t, scimtest.Object(t, string(b)), scimtest.Object(t, row.want))
			if !strings.Contains(row.err.Error(), row.err.Detail) {
				t.Error(row.err)
			}
		})
	}
}
