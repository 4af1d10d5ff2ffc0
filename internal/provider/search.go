package provider

import (
	"net/http"
	"slices"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/session"
)

const searchPath = "/.search"

// hit is a resource that a search of all types found.
type hit struct {
	of       resources
	resource session.Resource
	key      query.SortKey
}

// searchAll searches all types (RFC 7644 section 3.4.3): users first, then
// groups, or in one order if the query sorts. A type that lacks an attribute of
// the filter has no matches. The result is paged by index.
func searchAll(r *request) (response, error) {
	object, err := r.object()
	if err != nil {
		return response{}, err
	}
	var hits []hit
	var q query.Query // the last valid one; they differ in their type only
	projections := map[string]query.Projection{}
	var invalid error
	total := 0
	for _, t := range []session.Type{session.Users, session.Groups} {
		of := resourcesOf(r, t)
		tq, err := query.ParseSearch(of.typ.ResourceType, object)
		if err != nil {
			invalid = err
			continue
		}
		q, projections[of.typ.Name] = tq, tq.Projection
		switch {
		case tq.Cursor != nil:
			return response{}, fault.New(fault.Invalid, scim.InvalidCursor, "a search of all types is paged by startIndex")
		case tq.SortBy != nil: // everything that can be before the end of the page
			tq.StartIndex, tq.Count = 1, min(q.StartIndex-1, session.MaxScan)+q.Count
		default: // the rest of the page
			tq.StartIndex, tq.Count = max(q.StartIndex-total, 1), q.Count-len(hits)
			if len(hits) > 0 && q.StartIndex-1+len(hits) < total {
				tq.Count = 0 // the page is full already
			}
		}
		found, err := r.session.List(r.context(), of.typ, tq)
		if err != nil {
			return response{}, err
		}
		if q.SortBy != nil && len(found.Resources) < min(tq.Count, found.Total) {
			return response{}, fault.New(fault.Invalid, scim.TooMany, "too many resources of all types to sort: search one type")
		}
		total += found.Total
		for _, resource := range found.Resources {
			hits = append(hits, hit{of: of, resource: resource})
		}
	}
	if len(projections) == 0 {
		return response{}, invalid
	}
	if q.SortBy != nil {
		for i := range hits {
			hits[i].key = q.SortKey(hits[i].of.render(hits[i].resource))
		}
		slices.SortStableFunc(hits, func(a, b hit) int { return q.Compare(a.key, b.key) })
		from := min(q.StartIndex-1, len(hits))
		hits = hits[from:min(from+q.Count, len(hits))]
	}
	room := session.NewRoom()
	lookup := q.Filter != nil && r.session.FindsByKey(session.Users, q.Filter)
	page := make([]map[string]any, len(hits))
	for i, h := range hits {
		if page[i], err = h.of.project(h.resource, projections[h.of.typ.Name], lookup, room); err != nil {
			return response{}, err
		}
	}
	return response{status: http.StatusOK, body: query.ListResponse(page, total, q.StartIndex)}, nil
}
