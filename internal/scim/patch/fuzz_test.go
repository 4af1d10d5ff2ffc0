package patch_test

import (
	"errors"
	"slices"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

func FuzzPatch(f *testing.F) {
	for _, s := range []string{
		`[{"op":"Replace","path":"active","value":"False"}]`,
		`[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n@x"},{"op":"Add","path":"name.familyName","value":"F"}]`,
		`[{"op":"replace","value":{"displayName":"B","name.givenName":"K","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"7"}}]`,
		`[{"op":"Add","path":"manager","value":[{"$ref":"http://x/Users/1","value":"1"}]}]`,
		`[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"u"}]},{"op":"remove","path":"members[value eq \"v\"]"},{"op":"add","path":"members","value":["a"]}]`,
		`[{"op":"replace","path":"roles","value":[{"primary":"true","displayName":"A","value":"A"},{"primary":true,"value":"B"}]}]`,
		`[{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"25\"}"}]}]`,
		`[{"op":"add","path":"addresses[primary eq \"True\" and type eq other].country","value":[{"value":""}]}]`,
		`[{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"emails":{"value":"x","primary":true}},"name":null}}]`,
		`[{"op":"replace","path":"emails.primary","value":true},{"op":"remove","path":"emails","value":[{"primary":true}]}]`,
		`[{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"},{"op":"remove"}]`,
	} {
		f.Add(scimtest.PatchBody(s))
	}
	for _, s := range []string{
		`[{"op":"add","path":"` + scimtest.SizesURN + `:steps[value eq 4.0 and at eq \"2026-01-15T12:00:00+01:00\"].type","value":"up"},{"op":"remove","path":"` + scimtest.SizesURN + `:marks","value":[3,"4"]}]`,
		`[{"op":"replace","value":{"` + scimtest.SizesURN + `":{"rank":"-0","size":1E+2,"tags":["a","a",{"value":"b"}],"badge":[{"level":"7"}],"steps":{"value":9,"primary":"True"}},"` + scimtest.SizesURN + `:marks":[1,2.0]}}]`,
		`[{"op":"remove","path":"` + scimtest.SizesURN + `"},{"op":"add","path":"` + scimtest.SizesURN + `:steps.value","value":"12"},{"op":"add","path":"groups","value":"x"}]`,
	} {
		f.Add(scimtest.PatchBody(s))
	}
	f.Add([]byte(`{"operations":[{"OP":"ADD","value":{"members":null,"emails[type eq work]":{"display":null}}}]}`))
	extended := scim.Users.Extend(scimtest.Sizes(f))
	user, _, err := resource.Parse(extended, scimtest.Sized(f))
	if err != nil {
		f.Fatal(err)
	}
	stored := map[*scim.ResourceType]string{scim.Users: resource.Encode(scimtest.Object(f, scimtest.Babs)), scim.Groups: resource.Encode(scimtest.Object(f, scimtest.Guides)), extended: resource.Encode(user)}
	stored[scimtest.Lenient(scim.Users)], stored[scimtest.Lenient(scim.Groups)], stored[scimtest.Lenient(extended)] = stored[scim.Users], stored[scim.Groups], stored[extended]
	f.Fuzz(func(t *testing.T, body []byte) {
		operations, err := patch.Parse(body)
		if err != nil {
			scimtest.Refused(t, err)
			return
		}
		for rt, before := range stored {
			r, err := resource.Decode(before)
			if err != nil {
				t.Fatal(err)
			}
			got, members, err := patch.Resolve(rt, operations).Apply(r)
			if resource.Encode(r) != before {
				t.Fatalf("the argument changed to %s", resource.Encode(r))
			}
			alone, only, aloneErr := patch.Resolve(rt, operations).MembersOnly()
			if err != nil {
				scimtest.Refused(t, err)
				if only {
					t.Fatalf("Patch fails with %v, MembersOnly does not", err)
				}
				continue
			}
			known := slices.DeleteFunc(slices.Clone(operations), func(o patch.Operation) bool {
				_, err := filter.ParsePath(rt, o.Path)
				if rt.NotKept != nil && errors.Is(err, scim.ErrUnknownAttribute) {
					_, err = filter.ParsePath(rt.NotKept, o.Path)
				}
				return o.Path != "" && rt.Lenient && errors.Is(err, scim.ErrUnknownAttribute)
			})
			if less, _, err := patch.Resolve(rt, known).Apply(r); err != nil || resource.Encode(less) != resource.Encode(got) {
				t.Fatalf("without the ignored operations: %v, %v, not %v", less, err, got)
			}
			if n := len(patch.Resolve(rt, operations).Ignored()); n < len(operations)-len(known) {
				t.Fatalf("%d paths are ignored, and %d named", len(operations)-len(known), n)
			}
			if aloneErr != nil {
				t.Fatalf("MembersOnly fails with %v, Patch does not", aloneErr)
			}
			if only && (resource.Encode(got) != before || resource.Encode(scimtest.Change(alone)) != resource.Encode(scimtest.Change(members))) {
				t.Fatalf("MembersOnly gives %v, Patch %v", scimtest.Change(alone), scimtest.Change(members))
			}
			scimtest.Stable(t, rt, got)
		}
	})
}
