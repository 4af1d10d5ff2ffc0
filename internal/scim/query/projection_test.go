package query_test

import (
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

func TestProjection(t *testing.T) {
	const schemas = `"id":"u-1","schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]`
	full := scimtest.Rendered(t)
	before := resource.Encode(full)
	for _, row := range []struct{ name, query, want string }{
		{"entra U6: attributes=id", `attributes=id`, `{` + schemas + `}`},
		{"rfc: attributes", `attributes=userName,%20Title`, `{` + schemas + `,"userName":"bjensen@example.com","title":"Guide"}`},
		{"rfc: sub-attributes", `attributes=name.givenName,emails.value,emails.type`, `{` + schemas + `,"name":{"givenName":"Barbara"},
			"emails":[{"type":"work","value":"bjensen@example.com"},{"type":"home","value":"babs@example.org"}]}`},
		{"rfc: sub-attribute of some elements", `attributes=emails.display,name.middleName`, `{` + schemas + `,"emails":[{"display":"at home"}]}`},
		{"rfc: attribute and its sub-attribute", `attributes=emails.value,emails`, `{` + schemas + `,"emails":[` + scimtest.WorkMail + `,` + scimtest.HomeMail + `]}`},
		{"rfc: extension", `attributes=` + scim.EnterpriseURN, `{` + schemas + `,"` + scim.EnterpriseURN + `":{"department":"Tours","manager":{"value":"m-1"}}}`},
		{"rfc: extension attribute", `attributes=` + scim.EnterpriseURN + `:department`, `{` + schemas + `,"` + scim.EnterpriseURN + `":{"department":"Tours"}}`},
		{"rfc: extension attribute by its bare name", `attributes=manager`, `{` + schemas + `,"` + scim.EnterpriseURN + `":{"manager":{"value":"m-1"}}}`},
		{"rfc: extension sub-attribute", `attributes=manager.value,manager.displayName`, `{` + schemas + `,"` + scim.EnterpriseURN + `":{"manager":{"value":"m-1"}}}`},
		{"rfc: core URN", `attributes=urn:ietf:params:scim:schemas:core:2.0:User:title`, `{` + schemas + `,"title":"Guide"}`},
		{"gitlab: a value path", `attributes=emails[type eq "work"]`, `{` + schemas + `,"emails":[` + scimtest.WorkMail + `]}`},
		{"gitlab: a value path with a part", `attributes=emails[type eq "work"].value`, `{` + schemas + `,"emails":[{"value":"bjensen@example.com"}]}`},
		{"gitlab: a value path with a comma", `attributes=emails[type eq "a,b" or type eq "HOME"].value,title`, `{` + schemas + `,"title":"Guide","emails":[{"value":"babs@example.org"}]}`},
		{"gitlab: a value path with a bracket in a string", `attributes=emails[value ne "],["].type`, `{` + schemas + `,"emails":[{"type":"work"},{"type":"home"}]}`},
		{"gitlab: a value path with the URN", `attributes=` + scim.UserURN + `:emails[type eq "work"].value`, `{` + schemas + `,"emails":[{"value":"bjensen@example.com"}]}`},
		{"gitlab: two value paths", `attributes=emails[type eq "work"].value,emails[type eq "home"].type`, `{` + schemas + `,"emails":[{"value":"bjensen@example.com"},{"type":"home"}]}`},
		{"gitlab: a value path beside the whole", `attributes=emails[type eq "work"].value,emails`, `{` + schemas + `,"emails":[` + scimtest.WorkMail + `,` + scimtest.HomeMail + `]}`},
		{"gitlab: a value path that matches nothing", `attributes=emails[type eq "other"],title`, `{` + schemas + `,"title":"Guide"}`},
		{"gitlab: a value path that is excluded", `attributes=emails&excludedAttributes=emails[type eq "home"]`, `{` + schemas + `,"emails":[` + scimtest.WorkMail + `]}`},
		{"gitlab: a part of a value path that is excluded", `attributes=emails.type,emails.value&excludedAttributes=emails[type eq "home"].value`, `{` + schemas + `,"emails":[{"type":"work","value":"bjensen@example.com"},{"type":"home"}]}`},
		{"gitlab: excluded parts of all values", `attributes=title,emails&excludedAttributes=emails[value pr]`, `{` + schemas + `,"title":"Guide"}`},
		{"python: a list as a repeated parameter", `attributes=userName&attributes=title,active&Attributes=`, `{` + schemas + `,"userName":"bjensen@example.com","title":"Guide","active":true}`},
		{"python: what is excluded as a repeated parameter", `attributes=userName,title,active&excludedAttributes=title&excludedAttributes=active`, `{` + schemas + `,"userName":"bjensen@example.com"}`},
		{"rfc: known and unknown attributes", `attributes=nope,title,nope.x,urn:nope:2.0:User:x`, `{` + schemas + `,"title":"Guide"}`},
		{"rfc: unknown excludedAttributes", `attributes=title&excludedAttributes=nope,nope[type eq "x"]`, `{` + schemas + `,"title":"Guide"}`},
		{"rfc: absent attribute", `attributes=nickName`, `{` + schemas + `}`},
		{"rfc: unknown attributes only", `attributes=nope,nope[type eq "work"].value`, `{` + schemas + `}`},
		{"rfc: id and schemas are always returned", `attributes=meta.resourceType&excludedAttributes=id,schemas`, `{` + schemas + `,"meta":{"resourceType":"User"}}`},
		{"rfc: excludedAttributes", `excludedAttributes=emails,name,roles,META,externalId,active,displayName,` + scim.EnterpriseURN, `{` + schemas + `,"userName":"bjensen@example.com","title":"Guide"}`},
		{"rfc: excluded sub-attributes", `attributes=name,emails,manager&excludedAttributes=name.givenName,emails.display,emails.primary,manager.value`,
			`{` + schemas + `,"name":{"familyName":"Jensen"},"emails":[{"type":"work","value":"bjensen@example.com"},{"type":"home","value":"babs@example.org"}]}`},
		{"rfc: every sub-attribute excluded", `attributes=name&excludedAttributes=name.givenName,name.familyName`, `{` + schemas + `}`},
		{"rfc: excluded extension attributes", `attributes=` + scim.EnterpriseURN + `&excludedAttributes=department`, `{` + schemas + `,"` + scim.EnterpriseURN + `":{"manager":{"value":"m-1"}}}`},
		{"hostile: commas only", `attributes=,,&excludedAttributes=,`, `{` + schemas + `}`},
		{"rfc: nothing asked", ``, before},
	} {
		t.Run(row.name, func(t *testing.T) {
			q, err := query.Parse(scim.Users, row.query)
			if err != nil {
				t.Fatal(err)
			}
			got := q.Projection.Apply(full)
			scimtest.Same(t, got, scimtest.Object(t, row.want))
			if resource.Encode(full) != before {
				t.Errorf("the resource has become %s", resource.Encode(full))
			}
		})
	}
}

// The characteristic `returned`: request, never, always (RFC 7643 section 7).
func TestProjectionReturned(t *testing.T) {
	const urn = "urn:example:returned:2.0:User"
	extension, err := scim.ParseExtension([]byte(`{"id":"` + urn + `","attributes":[
		{"name":"plain"},{"name":"asked","returned":"request"},{"name":"secret","returned":"never"},{"name":"fixed","returned":"always"},
		{"name":"parts","type":"complex","subAttributes":[{"name":"plain"},{"name":"asked","returned":"request"},{"name":"secret","returned":"never"},{"name":"fixed","returned":"always"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	rt := scim.Users.Extend(extension)
	const fields = `"plain":"p","asked":"a","secret":"s","fixed":"f"`
	full := scimtest.Object(t, `{"id":"u","schemas":[],"userName":"n","groups":[{"value":"g","display":"G"}],"`+urn+`":{`+fields+`,"parts":{`+fields+`}}}`)
	for _, row := range []struct{ name, query, want string }{
		{"rfc: nothing asked", ``, `"userName":"n","` + urn + `":{"plain":"p","fixed":"f","parts":{"plain":"p","fixed":"f"}}`},
		{"rfc: groups on request", `attributes=groups`, `"groups":[{"value":"g","display":"G"}],"` + urn + `":{"fixed":"f"}`},
		{"rfc: part of groups on request", `attributes=userName,groups.value`, `"userName":"n","groups":[{"value":"g"}],"` + urn + `":{"fixed":"f"}`},
		{"rfc: groups asked and excluded", `attributes=groups,userName&excludedAttributes=groups`, `"userName":"n","` + urn + `":{"fixed":"f"}`},
		{"rfc: something excluded", `excludedAttributes=userName,` + urn + `:fixed`, `"` + urn + `":{"plain":"p","fixed":"f","parts":{"plain":"p","fixed":"f"}}`},
		{"rfc: attribute on request", `attributes=` + urn + `:asked`, `"` + urn + `":{"asked":"a","fixed":"f"}`},
		{"rfc: sub-attribute on request", `attributes=` + urn + `:parts.asked`, `"` + urn + `":{"fixed":"f","parts":{"asked":"a","fixed":"f"}}`},
		{"rfc: complex attribute", `attributes=` + urn + `:parts&excludedAttributes=` + urn + `:parts.plain,` + urn + `:parts.fixed`, `"` + urn + `":{"fixed":"f","parts":{"fixed":"f"}}`},
		{"hostile: never", `attributes=` + urn + `:secret,` + urn + `:parts.secret`, `"` + urn + `":{"fixed":"f","parts":{"fixed":"f"}}`},
		{"hostile: never, by the extension", `attributes=` + urn, `"` + urn + `":{"plain":"p","asked":"a","fixed":"f","parts":{"plain":"p","fixed":"f"}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			q, err := query.Parse(rt, row.query)
			if err != nil {
				t.Fatal(err)
			}
			scimtest.Same(t, q.Projection.Apply(full), scimtest.Object(t, `{"id":"u","schemas":[],`+row.want+`}`))
		})
	}
	scimtest.Same(t, query.Projection{}.Apply(full), full)
}

func TestProjectionWants(t *testing.T) {
	for raw, want := range map[string]bool{
		``:                           true,
		`excludedAttributes=members`: false,
		`excludedAttributes=MEMBERS`: false,
		`excludedAttributes=` + scim.GroupURN + `:members`: false,
		`excludedAttributes=members.display`:               true,
		`excludedAttributes=displayName`:                   true,
		`attributes=displayName`:                           false,
		`attributes=members`:                               true,
		`attributes=displayName,members.value`:             true,
		`attributes=members&excludedAttributes=members`:    false,
		`attributes=nope`:                                  false,
	} {
		q, err := query.Parse(scim.Groups, raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Projection.Wants("members"); got != want {
			t.Errorf("%q: got %v", raw, got)
		}
	}
}

// The groups of a user are read only on request.
func TestProjectionWantsGroups(t *testing.T) {
	for raw, want := range map[string]bool{
		``:                             false,
		`attributes=userName`:          false,
		`attributes=nope`:              false,
		`excludedAttributes=name`:      false,
		`attributes=GROUPS`:            true,
		`attributes=id,groups.display`: true,
		`attributes=` + scim.UserURN + `:groups.value`:     true,
		`attributes=groups&excludedAttributes=groups`:      false,
		`attributes=groups&excludedAttributes=groups.type`: true,
	} {
		q, err := query.Parse(scim.Users, raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Projection.Wants("groups"); got != want {
			t.Errorf("%q: got %v", raw, got)
		}
	}
}
