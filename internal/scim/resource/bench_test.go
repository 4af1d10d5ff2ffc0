package resource_test

import (
	"encoding/json"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

// A user of 2 KB, from request to record and from record to response.
func BenchmarkJSON(b *testing.B) {
	body := strings.Replace(scimtest.Babs, "{", `{"nickName":"`+strings.Repeat("x", 1000)+`",`, 1)
	b.Run("in", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			object, err := scim.DecodeObject([]byte(body))
			if err != nil {
				b.Fatal(err)
			}
			doc, _, err := resource.Parse(scim.Users, object)
			if err != nil || resource.Encode(doc) == "" {
				b.Fatal(err)
			}
		}
	})
	b.Run("out", func(b *testing.B) {
		record := resource.Encode(scimtest.Object(b, body))
		b.ReportAllocs()
		for b.Loop() {
			doc, err := resource.Decode(record)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := json.Marshal(resource.Render(scim.Users, doc, resource.Meta{ID: "x", Version: 1})); err != nil {
				b.Fatal(err)
			}
		}
	})
}
