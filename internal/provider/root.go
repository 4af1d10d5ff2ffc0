package provider

import (
	"net/http"
	"slices"

	"dsync/internal/directory"
	"dsync/internal/scim"
)

const (
	searchPath = "/.search"
	bulkPath   = "/Bulk"
)

// root are the endpoints of a directory as a whole.
var root = routes{
	searchPath: {http.MethodPost: searchAll},
	bulkPath:   {http.MethodPost: bulk},
	"/Me": {
		http.MethodGet: me, http.MethodPost: me, http.MethodPut: me, http.MethodPatch: me, http.MethodDelete: me,
	},
}

// me is not supported: a token belongs to a directory and to no user of it
// (RFC 7644 section 3.11).
func me(*request) (answer, error) {
	return answer{}, scim.Errorf(http.StatusNotImplemented, "", "/Me is not supported: the token stands for no user")
}

// hit is a resource that a search of all types found.
type hit struct {
	t        resources
	resource directory.Resource
}

// searchAll searches all types (RFC 7644 section 3.4.3): users first, then
// groups, or in one order if the query sorts. A filter over attributes that
// one type does not have finds none of it. It is paged by index.
func searchAll(r *request) (answer, error) {
	object, err := r.object()
	if err != nil {
		return answer{}, err
	}
	var hits []hit
	var q scim.Query // the last one that was understood: they differ in their type only
	var projections = map[string]scim.Projection{}
	var refused error
	total := 0
	for _, t := range []directory.Type{directory.Users, directory.Groups} {
		t := resources{r.session.Type(t)}
		tq, err := t.ParseSearch(object)
		if err != nil {
			refused = err
			continue
		}
		q, projections[t.Name] = tq, tq.Projection
		switch {
		case tq.Cursor != nil:
			return answer{}, scim.Errorf(http.StatusBadRequest, scim.InvalidCursor, "a search of all types is paged by startIndex")
		case tq.SortBy != nil: // all that may stand before the end of the page
			tq.StartIndex, tq.Count = 1, min(q.StartIndex-1, directory.MaxScan)+q.Count
		default: // what is left of the page
			tq.StartIndex, tq.Count = max(q.StartIndex-total, 1), q.Count-len(hits)
			if len(hits) > 0 && q.StartIndex-1+len(hits) < total {
				tq.Count = 0 // the page was cut short before
			}
		}
		found, err := r.session.List(r.Context(), t.Type, tq)
		if err != nil {
			return answer{}, err
		}
		if q.SortBy != nil && len(found.Resources) < min(tq.Count, found.Total) {
			return answer{}, scim.Errorf(http.StatusBadRequest, scim.TooMany, "too many resources of all types to sort: search one type")
		}
		total += found.Total
		for _, resource := range found.Resources {
			hits = append(hits, hit{t, resource})
		}
	}
	if len(projections) == 0 {
		return answer{}, refused
	}
	if q.SortBy != nil {
		slices.SortStableFunc(hits, func(a, b hit) int {
			return q.Compare(a.t.render(r, a.resource), b.t.render(r, b.resource))
		})
		from := min(q.StartIndex-1, len(hits))
		hits = hits[from:min(from+q.Count, len(hits))]
	}
	room := directory.NewRoom()
	page := make([]map[string]any, len(hits))
	for i, h := range hits {
		if page[i], err = h.t.show(r, h.resource, projections[h.t.Name], room); err != nil {
			return answer{}, err
		}
	}
	return answer{status: http.StatusOK, body: scim.ListResponse(page, total, q.StartIndex)}, nil
}
