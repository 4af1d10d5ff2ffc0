package query

import (
	"dsync/internal/scim"
)

// ListResponse is a page of resources (RFC 7644 section 3.4.2). Resources is a
// list even when it is empty: Entra's Test Connection fails on null.
func ListResponse(resources []map[string]any, total, startIndex int) map[string]any {
	if resources == nil {
		resources = []map[string]any{}
	}
	return map[string]any{
		"schemas":      []string{scim.ListResponseURN},
		"totalResults": total,
		"startIndex":   startIndex,
		"itemsPerPage": len(resources),
		"Resources":    resources,
	}
}

// CursorResponse is a page of resources of a list that is paged by cursor (RFC
// 9865 section 2). totalResults is omitted if total is -1: unknown. next is the
// cursor of the next page, "" on the last one.
func CursorResponse(resources []map[string]any, total int, next string) map[string]any {
	page := ListResponse(resources, total, 1)
	delete(page, "startIndex")
	if total < 0 {
		delete(page, "totalResults")
	}
	if next != "" {
		page["nextCursor"] = next
	}
	return page
}
