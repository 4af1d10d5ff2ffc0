package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/web"

	"golang.org/x/sync/errgroup"
)

var homeRoutes = []Route{
	{Pattern: "GET " + Base, Scope: management.Read, serve: showHome},
	{Pattern: "GET " + Base + "/{$}", Scope: management.Read, serve: func(r *request) error { return r.Redirect(Base) }},
}

// concurrentReads is how many reads of a page are under way at a time.
const concurrentReads = 16

// directoryRow is a directory in a list.
type directoryRow struct {
	management.Directory
	State        web.Badge
	Organization string          // name, where several are shown
	Last         *management.Day // nil without a request
	Strip        web.Strip
	Reasons      []string // why somebody has to do something
}

// directoryRows reads when each directory was last used.
func (r *request) directoryRows(directories []management.Directory) ([]directoryRow, error) {
	rows := make([]directoryRow, len(directories))
	var reads errgroup.Group
	reads.SetLimit(concurrentReads)
	for i, d := range directories {
		reads.Go(func() error {
			a, err := r.console.activity.get(d.ID, func() (management.Activity, error) { return r.session.Activity(r.Request.Context(), d) })
			rows[i] = directoryRow{Directory: d, State: stateOf(d), Last: a.Day, Strip: web.StripOf(a.Hours)}
			rows[i].Reasons = rows[i].reasons(r.console.now())
			return err
		})
	}
	return rows, reads.Wait()
}

// readEach reads what the rows refer to, each once and several at a time. What does
// not exist is left out.
func readEach[Row, T any](r *request, rows []Row, id func(Row) string, read func(context.Context, string) (T, error)) (map[string]T, error) {
	var ids []string
	for _, row := range rows {
		ids = append(ids, id(row))
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	found, exists := make([]T, len(ids)), make([]bool, len(ids))
	var reads errgroup.Group
	reads.SetLimit(concurrentReads)
	for i, id := range ids {
		reads.Go(func() (err error) {
			found[i], err = read(r.Request.Context(), id)
			if fault.KindOf(err) == fault.NotFound {
				return nil
			}
			exists[i] = true
			return err
		})
	}
	err := reads.Wait()
	all := make(map[string]T, len(ids))
	for i, id := range ids {
		if exists[i] {
			all[id] = found[i]
		}
	}
	return all, err
}

// named reads an organization whose name is shown.
func (r *request) named(ctx context.Context, organizationID string) (management.Organization, error) {
	return r.console.names.get(organizationID, func() (management.Organization, error) { return r.session.Organization(ctx, organizationID) })
}

// showHome shows the newest directories, those first that need somebody.
func showHome(r *request) error {
	found, err := r.session.Directories(r.Request.Context(), "", "", r.pageRequest())
	if err != nil {
		return err
	}
	rows, err := r.directoryRows(found.Items)
	if err != nil {
		return err
	}
	owners, err := readEach(r, rows, func(d directoryRow) string { return d.OrganizationID }, r.named)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Organization = owners[rows[i].OrganizationID].Name
	}
	var action, others []directoryRow
	for _, row := range rows {
		if len(row.Reasons) > 0 {
			action = append(action, row)
		} else {
			others = append(others, row)
		}
	}
	return r.render(view{Template: "home", Title: "Home", Section: homePage, Data: struct {
		Action, Others []directoryRow
		Pager          web.Pager
		Curl           string
	}{action, others, pagerOf(r, found), r.curl(http.MethodGet, "/directories", nil)}})
}

const (
	// quiet is how long a directory may send nothing before it needs somebody:
	// Entra comes every 20 to 40 minutes.
	quiet = day
	// patience is how long a directory may wait for its first request.
	patience = 3 * day
)

// reasons are why somebody has to do something, most urgent first.
func (d directoryRow) reasons(now time.Time) (all []string) {
	switch {
	case d.Directory.State == management.Deleting:
		return nil
	case d.Directory.State == management.Unlinked:
		all = append(all, "Paused: its requests are refused")
	case d.Directory.State == management.Validating && now.Sub(d.Created) > patience:
		all = append(all, "Never connected, for "+web.Span(now.Sub(d.Created)))
	case d.Directory.State == management.Linked && d.Last != nil && now.Sub(d.Last.Last) > quiet:
		all = append(all, "No request for "+web.Span(now.Sub(d.Last.Last)))
	}
	active := 0
	for _, t := range d.Tokens {
		if t.Expired(now) {
			continue
		}
		active++
		if endingSoon(t.Expires, now) {
			all = append(all, "Token …"+t.Suffix+" ends "+web.Until(t.Expires, now))
		}
	}
	if active == 0 {
		all = append(all, "No token works")
	}
	return all
}
