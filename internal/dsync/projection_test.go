package dsync_test

import (
	"testing"

	"dsync/internal/dsync"
	"dsync/internal/scim"

	"github.com/google/go-cmp/cmp"
)

// Under the policy "delete", a deactivated user is deleted for consumers, and
// created again on return.
func TestDeactivationPolicy(t *testing.T) {
	projected := func(v dsync.Projection, changes string) *dsync.Resource {
		r := user(t, changes)
		r.Projection = v
		return r
	}
	deletes, suspends := dsync.Projection{Deactivation: dsync.Delete}, dsync.Projection{}
	deleted := user(t, `{}`)
	deleted.Deleted = true
	excludedAndDeleted := projected(deletes, `{"active":false}`)
	excludedAndDeleted.Deleted = true
	for name, c := range map[string]struct {
		old, new    *dsync.Resource
		want, state string
	}{
		"suspend: disabled":               {projected(suspends, `{}`), projected(suspends, `{"active":false}`), dsync.UserUpdated, "inactive"},
		"suspend: enabled":                {projected(suspends, `{"active":false}`), projected(suspends, `{}`), dsync.UserUpdated, "active"},
		"delete: disabled":                {projected(deletes, `{}`), projected(deletes, `{"active":false}`), dsync.UserDeleted, "inactive"},
		"delete: enabled":                 {projected(deletes, `{"active":false}`), projected(deletes, `{}`), dsync.UserCreated, "active"},
		"delete: created disabled":        {nil, projected(deletes, `{"active":false}`), "", ""},
		"delete: changed while disabled":  {projected(deletes, `{"active":false}`), projected(deletes, `{"active":false,"title":"x"}`), "", ""},
		"delete: deleted while disabled":  {projected(deletes, `{"active":false}`), excludedAndDeleted, "", ""},
		"deleted":                         {user(t, `{}`), deleted, dsync.UserDeleted, "active"},
		"the policy becomes delete":       {projected(suspends, `{"active":false}`), projected(deletes, `{"active":false}`), dsync.UserDeleted, "inactive"},
		"the policy becomes suspend":      {projected(deletes, `{"active":false}`), projected(suspends, `{"active":false}`), dsync.UserCreated, "inactive"},
		"the policy does not matter here": {projected(suspends, `{}`), projected(deletes, `{}`), "", ""},
	} {
		change := dsync.UserChange(c.old, c.new)
		switch {
		case (change == nil) != (c.want == ""):
			t.Errorf("%s: %+v, want %q", name, change, c.want)
		case change != nil && (change.Name != c.want || change.Data["state"] != c.state):
			t.Errorf("%s: %s with state %v, want %s with %s", name, change.Name, change.Data["state"], c.want, c.state)
		}
	}
}

func TestMapping(t *testing.T) {
	r := user(t, `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"division":"North"}}`)
	r.Projection.Mapping = map[string]string{
		"division": scim.EnterpriseURN + ":division",
		"boss":     scim.EnterpriseURN + ":manager.value",
		"mail":     `emails[type eq "home"].value`,
		"any_mail": "emails.value",
		"is_on":    "active",
		"street":   "addresses.streetAddress",
		"given":    "name.givenName",
		"nothing":  "nickName",
		"emails":   "emails",
	}
	want := map[string]any{
		"division": "North", "boss": nil, "mail": "home@example.com", "any_mail": "lela.block@example.com", "is_on": true,
		"street": "Main St", "given": "Lela", "nothing": nil,
		"emails": []any{
			map[string]any{"type": "home", "value": "home@example.com"},
			map[string]any{"type": "work", "value": "lela.block@example.com", "primary": true},
		},
	}
	if diff := cmp.Diff(want, dsync.User(*r)["custom_attributes"]); diff != "" {
		t.Error(diff)
	}
	again, err := dsync.ParseProjection(r.Projection.Encode())
	if diff := cmp.Diff(r.Projection, again); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if text := (dsync.Projection{}).Encode(); text != "" {
		t.Errorf("the default is %q", text)
	}

	// A change of the mapping is an update if it changes attributes. A new
	// attribute is null in previous_attributes.
	old := user(t, `{}`)
	change := dsync.UserChange(old, r)
	previous := change.Data["previous_attributes"].(map[string]any)["custom_attributes"].(map[string]any)
	if previous["username"] != "lela.block@example.com" || previous["division"] != nil {
		t.Errorf("previous %v", previous)
	}
	if _, ok := previous["division"]; !ok {
		t.Error("previous_attributes lacks a new attribute")
	}
}

// Of several elements, a path maps the primary one, else the first that has the
// value of its filter. A path to elements without a sub-attribute is a whole
// element. An empty text is no value.
func TestMappedElement(t *testing.T) {
	r := user(t, `{"title":"","emails":[{"type":"other","value":"1"},{"type":"work","value":"2"},{"type":"work","value":"3"},{"type":"home","value":"4"},{"type":"home","value":"5","primary":true}]}`)
	r.Projection.Mapping = map[string]string{
		"first": `emails[type eq "work"].value`, "primary": `emails[type eq "home"].value`, "any": "emails.value",
		"element": `emails[type eq "work"]`, "none": `emails[type eq "fax"].value`, "empty": "title",
	}
	want := map[string]any{
		"first": "2", "primary": "5", "any": "5", "element": map[string]any{"type": "work", "value": "2"}, "none": nil, "empty": nil,
	}
	if diff := cmp.Diff(want, dsync.User(*r)["custom_attributes"]); diff != "" {
		t.Error(diff)
	}
	r.Document["emails"] = r.Document["emails"].([]any)[:3] // no primary one
	if got := dsync.User(*r)["custom_attributes"].(map[string]any)["any"]; got != "1" {
		t.Errorf("the first is %v", got)
	}
}

func TestProjectionSwitches(t *testing.T) {
	r := user(t, `{"emails":null}`)
	if got := dsync.User(*r)["email"]; got != "lela.block@example.com" {
		t.Errorf("e-mail %v", got)
	}
	r.Projection = dsync.Projection{NoEmailFallback: true, NoRawAttributes: true}
	if payload := dsync.User(*r); payload["email"] != nil || len(payload["raw_attributes"].(map[string]any)) != 0 {
		t.Errorf("%v", payload)
	}
	if payload := dsync.Group(*r); len(payload["raw_attributes"].(map[string]any)) != 0 {
		t.Errorf("%v", payload)
	}
}

func TestCanonicalPath(t *testing.T) {
	for path, want := range map[string]string{
		"title":                         "title",
		"NAME.givenname":                "name.givenName",
		`emails[type eq "work"].value`:  `emails[type eq "work"].value`,
		`emails[primary eq true].value`: `emails[primary eq true].value`,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:DIVISION":      scim.EnterpriseURN + ":division",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value": scim.EnterpriseURN + ":manager.value",
		"urn:ietf:params:scim:schemas:core:2.0:User:userName":                      "userName",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":               "",
		`emails[type eq "work" and primary eq true].value`:                         "",
		`emails[type sw "w"].value`:                                                "",
		"nothing":                                                                  "",
		"":                                                                         "",
	} {
		got, err := dsync.CanonicalPath(scim.Users, path)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
}

func TestDirectoryChange(t *testing.T) {
	token := func(id string, expires int) dsync.Token {
		k := dsync.Token{ID: id, Suffix: "abcd", Created: created}
		if expires != 0 {
			k.Expires = updated.AddDate(0, 0, expires)
		}
		return k
	}
	with := func(change func(*dsync.Directory), tokens ...dsync.Token) *dsync.Directory {
		d := &dsync.Directory{ID: "directory_1", OrganizationID: "org_1", ExternalKey: "key", Name: "Entra", Type: "azure scim v2.0",
			State: dsync.Linked, Tokens: tokens, Domains: []dsync.Domain{{"org_domain_1", "foo.com"}}, Created: created, Updated: updated}
		if change != nil {
			change(d)
		}
		return d
	}
	pending := func(d *dsync.Directory) { d.State = dsync.Validating }
	deleting := func(d *dsync.Directory) { d.State = dsync.Deleting }
	renamed := func(d *dsync.Directory) { d.Name = "Other" }
	a, b, expired := token("a", 0), token("b", 1), token("old", -1)
	for name, c := range map[string]struct {
		old, new *dsync.Directory
		want, id string
	}{
		"created with a token":                   {nil, with(pending, a), dsync.TokenCreated, "a"},
		"created without":                        {nil, with(pending), "", ""},
		"first request":                          {with(pending, a), with(nil, a), dsync.DirectoryActivated, "directory_1"},
		"second token":                           {with(nil, a), with(nil, a, b), dsync.TokenCreated, "b"},
		"a token replaces an expired one":        {with(nil, expired, a), with(nil, a, b), dsync.TokenCreated, "b"},
		"revoked":                                {with(nil, a, b), with(nil, b), dsync.TokenRevoked, "a"},
		"an expired one is dropped":              {with(nil, expired, a), with(nil, a), "", ""},
		"an expired one is dropped, one revoked": {with(nil, expired, a), with(nil), dsync.TokenRevoked, "a"},
		"deleted, with its tokens":               {with(nil, a, b), with(deleting), dsync.DirectoryDeleted, "directory_1"},
		"deleted before it was activated":        {with(pending, a), with(deleting), dsync.DirectoryDeleted, "directory_1"},
		"deleted twice":                          {with(deleting, a), with(deleting), "", ""},
		"renamed":                                {with(nil, a), with(renamed, a), "", ""},
	} {
		change := dsync.DirectoryChange(c.old, c.new)
		switch {
		case (change == nil) != (c.want == ""):
			t.Errorf("%s: %+v, want %q", name, change, c.want)
		case change != nil && (change.Name != c.want || change.Data["id"] != c.id):
			t.Errorf("%s: %+v, want %s of %s", name, change, c.want, c.id)
		}
	}
	base := map[string]any{
		"object": "directory", "id": "directory_1", "organization_id": "org_1", "type": "azure scim v2.0", "name": "Entra",
		"created_at": "2021-06-25T19:07:33.155Z", "updated_at": "2021-06-25T20:07:33.155Z", "state": "deleting",
	}
	if diff := cmp.Diff(base, dsync.DirectoryChange(with(nil, a), with(deleting)).Data); diff != "" {
		t.Error(diff)
	}
	base["state"], base["external_key"] = "active", "key"
	base["domains"] = []any{map[string]any{"object": "organization_domain", "id": "org_domain_1", "domain": "foo.com"}}
	if diff := cmp.Diff(base, dsync.DirectoryChange(with(pending, a), with(nil, a)).Data); diff != "" {
		t.Error(diff)
	}
	want := map[string]any{
		"object": "directory_token", "id": "b", "directory_id": "directory_1", "organization_id": "org_1",
		"token_suffix": "abcd", "created_at": "2021-06-25T19:07:33.155Z",
	}
	if diff := cmp.Diff(want, dsync.DirectoryChange(with(nil, a), with(nil, a, b)).Data); diff != "" {
		t.Error(diff)
	}
}
