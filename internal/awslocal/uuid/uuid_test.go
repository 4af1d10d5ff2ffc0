package uuid_test

import (
	"regexp"
	"testing"

	"dsync/internal/awslocal/uuid"
)

func TestNew(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 100 {
		id := uuid.New()
		if !form.MatchString(id) || seen[id] {
			t.Errorf("id %s, seen before: %t", id, seen[id])
		}
		seen[id] = true
	}
}
