package directory

import (
	"strings"

	"dsync/internal/scim"
)

// ETags is the value of an If-Match or If-None-Match header: "*" or a list of
// entity tags. They compare weakly, since all of ours are weak (RFC 7644
// section 3.14).
type ETags string

// Match reports whether the list names the version.
func (tags ETags) Match(m scim.Meta) bool {
	for tag := range strings.SplitSeq(string(tags), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(m.ETag(), "W/") {
			return true
		}
	}
	return false
}
