package value_test

import (
	"strings"
	"testing"

	"dsync/internal/scim/value"
)

// The type of an element is compared without regard to letter case up to 256 bytes,
// and as it is beyond that.
func TestIdentityOfLongTypes(t *testing.T) {
	identity := func(n int, character string) string {
		return value.Identity(map[string]any{"type": strings.Repeat(character, n), "value": "x"})
	}
	if identity(256, "a") != identity(256, "A") {
		t.Error("256 bytes are compared with their letter case")
	}
	if identity(257, "a") == identity(257, "A") {
		t.Error("257 bytes are compared without regard to letter case")
	}
}
