package wording

import (
	"net/http"
	"strings"

	"dsync/internal/management"
)

// Attempted says what a request is for.
func Attempted(r management.Request) string {
	of, one := "", "a resource"
	switch {
	case strings.HasPrefix(r.Route, "/Users"):
		of, one = "users", "a user"
	case strings.HasPrefix(r.Route, "/Groups"):
		of, one = "groups", "a group"
	case strings.HasPrefix(r.Route, "/Bulk"):
		return "Many changes at once"
	case r.Route == "":
		return "Unknown path"
	default:
		return "Read what the endpoint supports"
	}
	byID := strings.Contains(r.Route, "{id}")
	switch {
	case strings.HasSuffix(r.Route, "/.search"), r.Method == http.MethodGet && !byID:
		return "Find " + of
	case r.Method == http.MethodGet:
		return "Read " + one
	case r.Method == http.MethodPost && !byID:
		return "Create " + one
	case r.Method == http.MethodPatch, r.Method == http.MethodPut:
		return "Change " + one
	case r.Method == http.MethodDelete:
		return "Delete " + one
	}
	return "Something that the endpoint does not have"
}
