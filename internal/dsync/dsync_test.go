package dsync_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/id"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const document = `{"userName":"lela.block@example.com","externalId":"8931","active":true,"title":"Software Engineer",
	"name":{"givenName":"Lela","familyName":"Block"},
	"emails":[{"type":"home","value":"home@example.com"},{"type":"work","primary":true,"value":"lela.block@example.com"}],
	"addresses":[{"type":"work","formatted":"1 Main St","streetAddress":"Main St","postalCode":"1"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering","manager":{"value":"m1"}}}`

var (
	created = time.Date(2021, 6, 25, 19, 7, 33, 155e6, time.UTC)
	updated = created.Add(time.Hour)
)

func user(t testing.TB, changes string) *dsync.Resource {
	t.Helper()
	r := &dsync.Resource{ID: "directory_user_1", DirectoryID: "directory_1", OrganizationID: "org_1", Created: created, Updated: updated, Document: map[string]any{}}
	for _, doc := range []string{document, changes} {
		if err := json.Unmarshal([]byte(doc), &r.Document); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func asJSON(t testing.TB, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(b, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

// The payload has the form of workos.md section 2.3.
func TestUserPayload(t *testing.T) {
	r := user(t, `{}`)
	want := map[string]any{
		"object": "directory_user", "id": "directory_user_1", "directory_id": "directory_1", "organization_id": "org_1",
		"idp_id": "8931", "email": "lela.block@example.com", "email_domain_verified": false, "first_name": "Lela", "last_name": "Block", "name": "Lela Block",
		"state": "active", "raw_attributes": asJSON(t, r.Document),
		"custom_attributes": map[string]any{
			"username": "lela.block@example.com", "job_title": "Software Engineer", "department_name": "Engineering",
			"emails": []any{
				map[string]any{"type": "home", "value": "home@example.com"},
				map[string]any{"type": "work", "value": "lela.block@example.com", "primary": true},
			},
			"addresses": []any{map[string]any{"type": "work", "raw_address": "1 Main St", "street_address": "Main St", "postal_code": "1"}},
		},
		"created_at": "2021-06-25T19:07:33.155Z", "updated_at": "2021-06-25T20:07:33.155Z",
	}
	if diff := cmp.Diff(want, asJSON(t, dsync.User(*r))); diff != "" {
		t.Error(diff)
	}
}

func TestUserFields(t *testing.T) {
	for name, c := range map[string]struct {
		changes, field string
		want           any
	}{
		"primary e-mail wins":           {`{}`, "email", "lela.block@example.com"},
		"then work":                     {`{"emails":[{"type":"home","value":"h@x.io"},{"type":"work","value":"w@x.io"}]}`, "email", "w@x.io"},
		"then a userName that looks so": {`{"emails":[]}`, "email", "lela.block@example.com"},
		"else none":                     {`{"emails":[],"userName":"lela"}`, "email", nil},
		"no local part":                 {`{"emails":[],"userName":"@x.io"}`, "email", nil},
		"no top-level domain":           {`{"emails":[],"userName":"ada@localhost"}`, "email", nil},
		"a blank in the domain":         {`{"emails":[],"userName":"ada@a b.io"}`, "email", nil},
		"two @":                         {`{"emails":[],"userName":"ada@x@y.io"}`, "email", nil},
		"no name":                       {`{"name":null}`, "first_name", nil},
		"display name":                  {`{"displayName":"LB"}`, "name", "LB"},
		"formatted name":                {`{"displayName":"LB","name":{"formatted":"Dr. Block"}}`, "name", "Dr. Block"},
		"disabled":                      {`{"active":false}`, "state", "inactive"},
		"neither":                       {`{"active":null}`, "state", "active"},
		"no externalId":                 {`{"externalId":null}`, "idp_id", "lela.block@example.com"},
	} {
		if got := dsync.User(*user(t, c.changes))[c.field]; got != c.want {
			t.Errorf("%s: %s = %v, want %v", name, c.field, got, c.want)
		}
	}
}

// The e-mail of a user is the primary one, then the first of type work, then the
// first with a value. Records of earlier versions have the rule of these versions:
// the first of type home instead of the first of any type.
func TestEmail(t *testing.T) {
	for name, c := range map[string]struct{ emails, want, before string }{
		"keycloak: no type, not primary":       {`[{"value":"real@x.io"}]`, "real@x.io", "login@x.io"},
		"authentik: type other":                {`[{"value":"real@x.io","type":"other"}]`, "real@x.io", "login@x.io"},
		"nextcloud: type personal":             {`[{"value":"real@x.io","type":"personal"}]`, "real@x.io", "login@x.io"},
		"okta: the second one is primary":      {`[{"value":"a@x.io","type":"work"},{"value":"b@x.io","type":"home","primary":true}]`, "b@x.io", "b@x.io"},
		"entra: work in capitals":              {`[{"value":"o@x.io","type":"other"},{"value":"w@x.io","type":"WORK"}]`, "w@x.io", "w@x.io"},
		"okta: a primary without a value":      {`[{"primary":true,"type":"work"},{"value":"h@x.io","type":"home"}]`, "h@x.io", "h@x.io"},
		"canaille: home behind another":        {`[{"value":"o@x.io","type":"other"},{"value":"h@x.io","type":"home"}]`, "o@x.io", "h@x.io"},
		"keycloak: values that are empty":      {`[{"value":"","type":"work"},{"value":""}]`, "login@x.io", "login@x.io"},
		"entra: none":                          {`null`, "login@x.io", "login@x.io"},
		"rauthy: an address of a second level": {`[{"value":"real@localhost"}]`, "real@localhost", "login@x.io"},
	} {
		r := user(t, `{"userName":"login@x.io","emails":`+c.emails+`}`)
		if got := dsync.User(*r)["email"]; got != c.before {
			t.Errorf("%s: an earlier version: %v, want %s", name, got, c.before)
		}
		r.Projection = r.Projection.Current()
		if got := dsync.User(*r)["email"]; got != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
		r.Projection.NoEmailFallback = true
		if got := dsync.User(*r)["email"]; c.want == "login@x.io" && got != nil || c.want != "login@x.io" && got != c.want {
			t.Errorf("%s, without fallback: %v", name, got)
		}
	}
	// A user of an earlier version gets its e-mail with its next change, whose event
	// tells the one before.
	before, after := user(t, `{"emails":[{"value":"real@x.io"}]}`), user(t, `{"emails":[{"value":"real@x.io"}],"title":"CTO"}`)
	after.Projection = after.Projection.Current()
	change := dsync.UserChange(before, after)
	if previous := change.Data["previous_attributes"].(map[string]any); previous["email"] != "lela.block@example.com" || change.Data["email"] != "real@x.io" {
		t.Errorf("%v", change.Data)
	}
}

// The events of a user's changes, by workos.md section 2.4.
func TestUserChange(t *testing.T) {
	deleted := user(t, `{}`)
	deleted.Deleted = true
	later := user(t, `{}`)
	later.Updated = updated.Add(time.Hour)
	for name, c := range map[string]struct {
		old, new *dsync.Resource
		event    string
		previous string
	}{
		"new":               {nil, user(t, `{}`), dsync.UserCreated, ""},
		"deleted":           {user(t, `{}`), deleted, dsync.UserDeleted, ""},
		"deleted already":   {deleted, deleted, "", ""},
		"only touched":      {user(t, `{}`), later, "", ""},
		"disabled":          {user(t, `{}`), user(t, `{"active":false}`), dsync.UserUpdated, `{"state":"active","raw_attributes":{"active":true}}`},
		"restored":          {user(t, `{"active":false}`), user(t, `{}`), dsync.UserUpdated, `{"state":"inactive","raw_attributes":{"active":false}}`},
		"renamed":           {user(t, `{}`), user(t, `{"name":{"givenName":"Lea","familyName":"Block"}}`), dsync.UserUpdated, `{"first_name":"Lela","name":"Lela Block","raw_attributes":{"name":{"givenName":"Lela","familyName":"Block"}}}`},
		"custom attribute":  {user(t, `{}`), user(t, `{"title":"CTO"}`), dsync.UserUpdated, `{"custom_attributes":{"job_title":"Software Engineer"},"raw_attributes":{"title":"Software Engineer"}}`},
		"new attribute":     {user(t, `{"title":null}`), user(t, `{}`), dsync.UserUpdated, `{"custom_attributes":{"job_title":null},"raw_attributes":{"title":null}}`},
		"removed attribute": {user(t, `{}`), user(t, `{"title":null}`), dsync.UserUpdated, `{"custom_attributes":{"job_title":"Software Engineer"},"raw_attributes":{"title":"Software Engineer"}}`},
		"title and manager": {user(t, `{}`), user(t, `{"title":"CTO","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering","manager":{"value":"m2"}}}`), dsync.UserUpdated,
			`{"custom_attributes":{"job_title":"Software Engineer"},"raw_attributes":{"title":"Software Engineer","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering","manager":{"value":"m1"}}}}`},
		"raw only": {user(t, `{"nickName":"L"}`), user(t, `{"nickName":"B"}`), dsync.UserUpdated, `{"raw_attributes":{"nickName":"L"}}`},
	} {
		change := dsync.UserChange(c.old, c.new)
		if c.event == "" {
			if change != nil {
				t.Errorf("%s: %s, want none", name, change.Name)
			}
			continue
		}
		if change == nil || change.Name != c.event {
			t.Errorf("%s: %+v, want %s", name, change, c.event)
			continue
		}
		if c.previous != "" {
			var want any
			if err := json.Unmarshal([]byte(c.previous), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, asJSON(t, change.Data["previous_attributes"])); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		} else if _, ok := change.Data["previous_attributes"]; ok {
			t.Errorf("%s has previous_attributes", name)
		}
	}
}

func TestGroupChange(t *testing.T) {
	group := func(name string) *dsync.Resource {
		return &dsync.Resource{ID: "directory_group_1", DirectoryID: "directory_1", OrganizationID: "org_1",
			Document: map[string]any{"displayName": name, "externalId": "g1"}, Created: created, Updated: updated}
	}
	change := dsync.GroupChange(group("Software Engineers"), group("Developers"))
	want := map[string]any{
		"object": "directory_group", "id": "directory_group_1", "idp_id": "g1", "directory_id": "directory_1", "organization_id": "org_1",
		"name": "Developers", "raw_attributes": map[string]any{"displayName": "Developers", "externalId": "g1"},
		"previous_attributes": map[string]any{"name": "Software Engineers", "raw_attributes": map[string]any{"displayName": "Software Engineers"}},
		"created_at":          "2021-06-25T19:07:33.155Z", "updated_at": "2021-06-25T20:07:33.155Z",
	}
	if diff := cmp.Diff(&dsync.Change{Name: dsync.GroupUpdated, Data: want}, change); diff != "" {
		t.Error(diff)
	}
}

func TestMembershipChange(t *testing.T) {
	u, g := *user(t, `{}`), dsync.Resource{ID: "directory_group_1", DirectoryID: "directory_1"}
	type edge = dsync.Membership
	present, hidden, deleted := edge{}, edge{Hidden: true}, edge{Deleted: true}
	for name, c := range map[string]struct {
		old  *edge
		new  edge
		want string
	}{
		"added":                                 {nil, present, dsync.GroupUserAdded},
		"added again":                           {&deleted, present, dsync.GroupUserAdded},
		"removed":                               {&present, deleted, dsync.GroupUserRemoved},
		"the same":                              {&present, present, ""},
		"never existed":                         {nil, deleted, ""},
		"removed twice":                         {&deleted, deleted, ""},
		"added to a hidden user":                {nil, hidden, ""},
		"removed before it was announced":       {&hidden, deleted, ""},
		"removed from a hidden user":            {&present, edge{Deleted: true, Hidden: true}, ""},
		"announced when the user returns":       {&hidden, edge{Generation: 1}, dsync.GroupUserAdded},
		"announced again when the user returns": {&present, edge{Generation: 1}, dsync.GroupUserAdded},
		"announced once per generation":         {&edge{Generation: 1}, edge{Generation: 1}, ""},
		"removed in the second generation":      {&edge{Generation: 1}, edge{Generation: 1, Deleted: true}, dsync.GroupUserRemoved},
		"removed before the new generation was announced": {&present, edge{Generation: 1, Deleted: true}, dsync.GroupUserRemoved},
		"removed by a request that read an earlier state": {&edge{Generation: 1}, edge{Deleted: true, Hidden: true}, dsync.GroupUserRemoved},
		"written again by such a request":                 {&edge{Generation: 1}, present, ""},
	} {
		change := dsync.MembershipChange(c.old, c.new, u, g)
		if (change == nil) != (c.want == "") || change != nil && change.Name != c.want {
			t.Errorf("%s: %+v, want %q", name, change, c.want)
		}
		if change != nil {
			if len(change.Data) != 3 || change.Data["directory_id"] != "directory_1" || change.Data["user"].(map[string]any)["id"] != u.ID {
				t.Errorf("data %v", change.Data)
			}
		}
	}
}

// The event of a deletion has the user as last known.
func TestDeletedAsLastKnown(t *testing.T) {
	deleted := user(t, `{"externalId":"other","active":false}`)
	deleted.Deleted = true
	change := dsync.UserChange(user(t, `{}`), deleted)
	if change == nil || change.Name != dsync.UserDeleted || change.Data["idp_id"] != "8931" || change.Data["state"] != "active" {
		t.Errorf("%+v", change)
	}
}

// The membership of a deleted user has the user as last known, but inactive.
func TestMemberIsDeleted(t *testing.T) {
	u, g := user(t, `{}`), dsync.Resource{ID: "directory_group_1", DirectoryID: "directory_1"}
	u.Deleted = true
	change := dsync.MembershipChange(&dsync.Membership{}, dsync.Membership{Deleted: true}, *u, g)
	if member := change.Data["user"].(map[string]any); member["state"] != "inactive" || member["email"] != "lela.block@example.com" {
		t.Errorf("%v", member)
	}
}

// An id has the time of the change, and a hash that depends on each part of its
// identity and on nothing else. No id is a cursor of the log.
func TestEventID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(0, 1<<47).Draw(t, "at"))
		parts := rapid.SliceOfN(rapid.String(), 1, 3)
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		first, err := dsync.EventID(at, a...)
		if err != nil || !id.Event.Valid(first) {
			t.Fatal(first, err)
		}
		if again, _ := dsync.EventID(at, slices.Clone(a)...); again != first {
			t.Fatalf("%s and %s", first, again)
		}
		later, _ := dsync.EventID(at.Add(time.Millisecond), a...)
		if later <= first || later[len(later)-16:] != first[len(first)-16:] {
			t.Fatalf("%s a millisecond after %s", later, first)
		}
		same := strings.Join(a, "\x00") == strings.Join(b, "\x00")
		if second, _ := dsync.EventID(at, b...); (second == first) != same {
			t.Fatalf("%q and %q have the ids %s and %s", a, b, first, second)
		}
	})
	if _, err := dsync.EventID(time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC), "x"); err == nil {
		t.Error("a time after the year 10889 is accepted")
	}
	one, _ := dsync.EventID(created, "a", "bc")
	if other, _ := dsync.EventID(created, "ab", "c"); other == one {
		t.Errorf("two identities have the id %s", one)
	}
	created, _ := dsync.CreationID(created, "u", 1)
	for _, other := range []func(time.Time, string, int64) (string, error){dsync.DeletionID, func(at time.Time, id string, g int64) (string, error) { return dsync.CreationID(at, id, g+1) }} {
		if got, err := other(updated, "u", 1); err != nil || got[len(got)-16:] == created[len(created)-16:] {
			t.Errorf("%s and %s", got, created)
		}
	}
}
