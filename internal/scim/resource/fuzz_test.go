package resource_test

import (
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		scimtest.Babs, scimtest.Guides, `{"displayName":"G","userName":"u","members":[{"$ref":null,"value":"a"},"b"]}`,
		`{"userName":"u","emails":[{"type":"work","value":null},{"primary":"True","value":"a"},"b",null],"roles":[],"name":{},"manager":[{"value":"m"}],"schemas":[]}`,
		`{"USERNAME":"u","urn:ietf:params:scim:schemas:extension:enterprise:2.0:USER":{"Manager":"1","department":null},"active":"false"}`, `[`, `null`, `{"userName":1}`,
		`{"userName":"u","` + scimtest.SizesURN + `":{"rank":"42","size":1.50e0,"marks":["1",2],"tags":["a",""],"steps":[1,{"value":"2","at":"2026-01-15T12:00:00Z"}],"since":"x"}}`,
	} {
		f.Add([]byte(s))
	}
	all := []*scim.ResourceType{scim.Users, scim.Groups, scim.Users.Extend(scimtest.Sizes(f))}
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := scim.DecodeObject(body)
		if err != nil {
			scimtest.Refused(t, err)
			return
		}
		for _, rt := range all {
			r, _, err := resource.Parse(rt, object)
			if err != nil {
				scimtest.Refused(t, err)
				continue
			}
			scimtest.Stable(t, rt, r)
		}
	})
}
