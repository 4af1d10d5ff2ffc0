package scim

import (
	"slices"
	"testing"

	"dsync/internal/fault"
)

// lenient is the type of a directory that is set so.
func lenient(rt *ResourceType) *ResourceType {
	l := *rt
	l.Lenient = true
	return &l
}

// One path that no schema knows loses a PATCH, the disable in it too, unless
// the directory is lenient.
func TestPatchLenient(t *testing.T) {
	for _, row := range []struct {
		name, operations, want string
		ignored                []string
		problem                string
	}{
		{name: "entra Q29: a path that no schema knows", operations: `[{"op":"Add","path":"shoeSize","value":"44"},{"op":"Replace","path":"active","value":"False"}]`,
			want: `{"active":false}`, ignored: []string{"shoeSize"}},
		{name: "entra: each of several, in every form", operations: `[{"op":"replace","path":"shoeSizes[type eq \"work\"].value","value":"1"},{"op":"remove","path":"extensionAttribute1"},` +
			`{"op":"add","path":"urn:x:2.0:User:tag","value":"1"},{"op":"add","path":"name.nope","value":"1"},{"op":"add","path":"title.value","value":"1"},` +
			`{"op":"add","path":"emails[type eq \"work\"].nope","value":"1"},{"op":"add","path":"emails[nope eq \"x\"].value","value":"1"},{"op":"replace","path":"title","value":"Boss"}]`,
			want: `{"title":"Boss"}`, ignored: []string{"shoeSizes", "extensionAttribute1", "urn:x:2.0:User:tag", "name.nope", "title.value", "emails.nope", "emails.nope"}},
		{name: "nothing else", operations: `[{"op":"add","path":"shoeSize","value":"44"}]`, ignored: []string{"shoeSize"}},
		{name: "hostile: what may be a value is not named", operations: `[{"op":"add","path":"ada@example.com","value":"1"},{"op":"add","path":"urn:x:ada@example.com","value":"1"},{"op":"replace","value":{"Ada Lovelace":"1","+44 20 7946 0000":2}}]`,
			problem: "400 invalidPath"},
		{name: "hostile: a value for a key", operations: `[{"op":"replace","value":{"Ada Lovelace":"1","+44 20 7946 0000":2,"nope":3}}]`, ignored: []string{"", "", "nope"}},
		{name: "hostile: a malformed path is refused", operations: `[{"op":"add","path":"emails[type eq","value":"1"}]`, problem: "400 invalidFilter"},
		{name: "hostile: so is a read-only one", operations: `[{"op":"add","path":"shoeSize","value":1},{"op":"replace","path":"id","value":"x"}]`, problem: "400 mutability"},
		{name: "hostile: so is a bad value", operations: `[{"op":"add","path":"shoeSize","value":1},{"op":"replace","path":"active","value":"maybe"}]`, problem: "400 invalidValue"},
		{name: "keys of an extension", operations: `[{"op":"replace","path":"` + enterprise + `","value":{"nope":1,"department":"Sales"}},{"op":"replace","value":{"` + enterprise + `":{"nope":1},"` + UserURN + `":{"shoeSize":4}}}]`,
			want: `{"` + enterprise + `":{"department":"Sales","manager":{"value":"m-1"}}}`, ignored: []string{enterprise + ":nope", UserURN + ":shoeSize", enterprise + ":nope"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			patchRow{operations: row.operations, want: row.want, problem: row.problem}.run(t, lenient(Users))
			if row.problem == "" {
				if got := lenient(Users).Ignored(operations(t, row.operations)); !slices.Equal(got, row.ignored) {
					t.Errorf("ignored %q, want %q", got, row.ignored)
				}
			}
		})
	}
}

// By default a PATCH passes over unknown keys only.
func TestIgnored(t *testing.T) {
	list := operations(t, `[{"op":"replace","value":{"active":"False","shoeSize":"44","id":"x","schemas":[],"emails[type eq \"work\"].value":"a@x","nope[":1}},{"op":"add","path":"title","value":"x"}]`)
	if got := Users.Ignored(list); !slices.Equal(got, []string{"nope", "shoeSize"}) {
		t.Errorf("ignored %q", got)
	}
}

// Members of a group that is lenient are changed without reading it.
func TestMembersOnlyLenient(t *testing.T) {
	list := operations(t, `[{"op":"add","path":"nope","value":"1"},{"op":"add","path":"members","value":[{"value":"a"}]}]`)
	if m, only, err := lenient(Groups).MembersOnly(list); err != nil || !only || len(m.Added()) != 1 {
		t.Errorf("%v %v %v", m, only, err)
	}
	if _, _, err := Groups.MembersOnly(list); problem(t, err) != "400 invalidPath" {
		t.Errorf("%v", err)
	}
}

// An error says where the fault is, and nothing of what stands there.
func TestErrorPath(t *testing.T) {
	patch := func(s string) error {
		_, _, err := Users.Patch(resource(t, babs), operations(t, s))
		return err
	}
	parse := func(s string) error {
		_, _, err := Users.Parse(resource(t, s))
		return err
	}
	group := func(s string) error {
		_, _, err := Groups.MembersOnly(operations(t, s))
		return err
	}
	query := func(s string) error {
		_, err := Users.ParseQuery(s)
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
		{parse(`{"userName":"u","` + enterprise + `":{"manager":{"value":5}}}`), enterprise + ":manager.value", 0},
		{parse(`{"userName":"u","department":5}`), enterprise + ":department", 0},
		{parse(`{"userName":"u","` + enterprise + `":"ada@x"}`), enterprise, 0},
		{parse(`{"userName":"u","schemas":"ada@x"}`), "schemas", 0},
		{patch(`[{"op":"add","path":"title","value":"x"},{"op":"add","path":"shoeSize","value":"ada@x"}]`), "shoeSize", 2},
		{patch(`[{"op":"add","path":"ada@example.com","value":"x"}]`), "", 1},
		{patch(`[{"op":"add","path":"name.nope","value":"x"}]`), "name.nope", 1},
		{patch(`[{"op":"add","path":"emails[value eq \"ada@x\"].type","value":["a","b"]}]`), `emails[value eq "…"].type`, 1},
		{patch(`[{"op":"replace","path":"emails[type eq \"Ada\"].value","value":"x"}]`), `emails[type eq "…"].value`, 1},
		{patch(`[{"op":"replace","path":"emails[type eq \"work\"].value","value":{"a":"ada@x"}}]`), `emails[type eq "work"].value`, 1},
		{patch(`[{"op":"replace","value":{"name":{"givenName":["ada","b"]}}}]`), "name.givenName", 1},
		{patch(`[{"op":"replace","value":{"` + enterprise + `":{"manager":{"value":["ada","b"]}}}}]`), enterprise + ":manager.value", 1},
		{patch(`[{"op":"remove","path":"userName"}]`), "userName", 1},
		{patch(`[{"op":"replace","path":"userName","value":" "}]`), "userName", 0},
		{group(`[{"op":"add","path":"members","value":[{"display":"ada"}]}]`), "members", 1},
		{group(`[{"op":"replace","path":"members[value eq \"ada\"]","value":"x"}]`), `members[value eq "…"]`, 1},
		{query(`filter=userName+equals+"ada@x"`), "userName", 0},
		{query(`filter=active+eq+"ada@x"`), "active", 0},
		{query(`filter=nope+eq+"ada@x"`), "nope", 0},
		{query(`filter=ada@example.com+eq+"ada@x"`), "", 0},
		{query(`filter="ada@x"`), "", 0},
		{query(`filter=Ada+Lovelace`), "", 0},
		{query(`filter=Ada+Lovelace+eq+"x"`), "", 0},
		{query(`filter=title+eq+"x"+and+"ada"`), "", 0},
		{query(`filter=emails[nope+eq+"ada@x"]`), "emails.nope", 0},
		{query(`count=ada`), "count", 0},
		{query(`sortBy=ada@x`), "", 0},
		{query(`sortBy=nope`), "nope", 0},
	} {
		e, ok := row.err.(*fault.Error)
		if !ok {
			t.Errorf("%v, where %s is wrong", row.err, row.path)
		} else if e.Path != row.path || e.Operation != row.operation {
			t.Errorf("%v: at %q of operation %d, want %q of %d", e, e.Path, e.Operation, row.path, row.operation)
		}
	}
}
