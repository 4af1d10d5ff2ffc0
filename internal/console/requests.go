package console

import (
	"net/http"
	"slices"
	"strings"

	"dsync/internal/management"
	"dsync/internal/web"
	"dsync/internal/wording"
)

var requestRoutes = []Route{
	{Pattern: "GET " + Base + "/directories/{directory}/requests", Scope: management.Read, serve: listRequests},
}

// requestRow is a SCIM request that was refused, or of which a part was ignored.
type requestRow struct {
	Request  management.Request
	Outcome  web.Badge
	What     string // what was attempted
	Problems []wording.Remedy
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
	o, err := r.session.Organization(r.Request.Context(), d.OrganizationID)
	if err != nil {
		return err
	}
	q := r.Request.URL.Query()
	f := management.RequestFilter{Outcome: q.Get("outcome"), RequestID: strings.TrimSpace(q.Get("request_id"))}
	if !slices.Contains(management.Outcomes, f.Outcome) {
		f.Outcome = ""
	}
	found, err := r.session.Requests(r.Request.Context(), d.ID, f, r.pageRequest())
	if err != nil {
		return err
	}
	rows := make([]requestRow, len(found.Items))
	for i, item := range found.Items {
		rows[i] = rowOf(item)
	}
	path := web.WithQuery("/directories/"+d.ID+"/requests", "outcome", f.Outcome, "request_id", f.RequestID)
	return r.render(view{
		Template: "requests", Title: "Requests", Section: organizations,
		Crumbs: organizationCrumbs(o, web.Crumb{Name: d.Name, Path: directoryPath(d.ID)}),
		Data: struct {
			Directory management.Directory
			Filter    management.RequestFilter
			Filtered  bool
			Outcomes  []choice
			Requests  []requestRow
			Pager     web.Pager
			Path      string
			Curl      string
		}{d, f, f != management.RequestFilter{}, outcomes, rows, pagerOf(r, found), directoryPath(d.ID) + "/requests", r.curl(http.MethodGet, path, nil)},
	})
}

func rowOf(item management.Request) requestRow {
	row := requestRow{Request: item, What: wording.Attempted(item)}
	if management.OutcomeOf(item) == management.Partial {
		row.Outcome = web.Wait("Partly applied")
		for _, t := range item.Tolerated {
			row.Problems = append(row.Problems, wording.WhyIgnored(t.What, t.Path, t.Count))
		}
		return row
	}
	row.Outcome = web.Bad("Refused")
	row.Problems = []wording.Remedy{wording.WhyRefused(item)}
	return row
}
