package console

import (
	"net/http"
	"slices"
	"strings"

	"dsync/internal/management"
)

var requestRoutes = []Route{
	{"GET " + Base + "/directories/{directory}/requests", management.Read, listRequests},
}

// requestRow is a SCIM request that was refused, or of which a part was ignored.
type requestRow struct {
	Request  management.Request
	Outcome  badge
	What     string // what was attempted
	Problems []remedy
}

// outcomes are the choices of the filter.
var outcomes = []choice{{"", "All"}, {management.Refused, "Refused"}, {management.Partial, "Partly applied"}}

// choice is an option of a filter.
type choice struct{ Value, Label string }

func listRequests(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	o, err := r.session.Organization(r.http.Context(), d.OrganizationID)
	if err != nil {
		return err
	}
	q := r.http.URL.Query()
	f := management.RequestFilter{Outcome: q.Get("outcome"), RequestID: strings.TrimSpace(q.Get("request_id"))}
	if !slices.Contains(management.Outcomes, f.Outcome) {
		f.Outcome = ""
	}
	found, err := r.session.Requests(r.http.Context(), d.ID, f, r.pageRequest())
	if err != nil {
		return err
	}
	rows := make([]requestRow, len(found.Items))
	for i, item := range found.Items {
		rows[i] = rowOf(item)
	}
	path := withQuery("/directories/"+d.ID+"/requests", "outcome", f.Outcome, "request_id", f.RequestID)
	return r.render(view{
		Template: "requests", Title: "Requests", Section: organizations,
		Crumbs: organizationCrumbs(o, crumb{d.Name, directoryPath(d.ID)}),
		Data: struct {
			Directory management.Directory
			Filter    management.RequestFilter
			Filtered  bool
			Outcomes  []choice
			Requests  []requestRow
			Pager     pager
			Path      string
			Curl      string
		}{d, f, f != management.RequestFilter{}, outcomes, rows, pagerOf(r, found), directoryPath(d.ID) + "/requests", r.curl(http.MethodGet, path, nil)},
	})
}

func rowOf(item management.Request) requestRow {
	row := requestRow{Request: item, What: attempted(item)}
	if management.OutcomeOf(item) == management.Partial {
		row.Outcome = badge{"wait", "Partly applied"}
		for _, t := range item.Tolerated {
			row.Problems = append(row.Problems, ignored(t.What, t.Path, t.Count))
		}
		return row
	}
	row.Outcome = badge{"bad", "Refused"}
	row.Problems = []remedy{refusal(item)}
	return row
}

// attempted says what a request is for.
func attempted(r management.Request) string {
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
