package provider

import (
	"strconv"
	"strings"

	"dsync/internal/session"
)

// condition reads the value of an If-Match or If-None-Match header: "*" or a
// list of entity tags; "" demands nothing. They compare weakly, because all
// entity tags of resources are weak (RFC 7644 section 3.14). A tag that no
// resource can have is no version.
func condition(header string) session.Condition {
	if header == "" {
		return session.Condition{}
	}
	var versions []int64
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return session.AnyVersion()
		}
		version, ok := parseTag(tag)
		if ok {
			versions = append(versions, version)
		}
	}
	return session.Versions(versions...)
}

// parseTag reads an entity tag as scim.Meta.ETag writes it, weak or strong.
func parseTag(tag string) (version int64, ok bool) {
	digits := strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
	version, err := strconv.ParseInt(digits, 10, 64)
	return version, err == nil && strings.TrimPrefix(tag, "W/") == `"`+strconv.FormatInt(version, 10)+`"`
}
