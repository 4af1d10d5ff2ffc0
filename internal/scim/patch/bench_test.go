package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/scimtest"
)

func BenchmarkPatchUser(b *testing.B) {
	body := scimtest.PatchBody(`[{"op":"Replace","path":"active","value":"False"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n@x"},{"op":"Add","path":"manager","value":"m-2"}]`)
	r := scimtest.Object(b, scimtest.Babs)
	b.ReportAllocs()
	for b.Loop() {
		list, err := patch.Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := patch.Resolve(scim.Users, list).Apply(r); err != nil {
			b.Fatal(err)
		}
	}
}

// removals is a PATCH with n operations that remove one member each.
func removals(n int) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"op":"remove","path":"members[value eq \"directory_user_01E1X56GH84T3FB41SD6%06d\"]"}`, i)
	}
	return scimtest.PatchBody("[" + strings.Join(list, ",") + "]")
}

func BenchmarkRemoveMembers(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		body := removals(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list, err := patch.Parse(body)
				if err != nil {
					b.Fatal(err)
				}
				if m, only, err := patch.Resolve(scim.Groups, list).MembersOnly(); err != nil || !only || len(m.Removed()) != n {
					b.Fatal(only, err)
				}
			}
		})
	}
}

func BenchmarkAddMembers(b *testing.B) {
	list := make([]string, 1000)
	for i := range list {
		list[i] = fmt.Sprintf(`{"$ref":null,"value":"directory_user_01E1X56GH84T3FB41SD6%06d"}`, i)
	}
	body := scimtest.PatchBody(`[{"op":"Add","path":"members","value":[` + strings.Join(list, ",") + `]}]`)
	b.ReportAllocs()
	for b.Loop() {
		list, err := patch.Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, only, err := patch.Resolve(scim.Groups, list).MembersOnly(); err != nil || !only {
			b.Fatal(only, err)
		}
	}
}
