package patch_test

import (
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/scimtest"

	"pgregory.net/rapid"
)

// A stored resource reads back unchanged: from its JSON, as a PUT of itself,
// and after a PATCH with its own values.
func TestStoredFormIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := account{}
		for range rapid.IntRange(0, 6).Draw(t, "operations") {
			drawStep(t).do(&a)
		}
		scimtest.Stable(t, scim.Users, a.resource())
	})
}
