package console

import (
	"net/http"
	"time"

	"dsync/internal/management"

	"golang.org/x/sync/errgroup"
)

var homeRoutes = []Route{
	{"GET " + Base, management.Read, showHome},
	{"GET " + Base + "/{$}", management.Read, func(r *request) error { return r.redirect(Base) }},
}

// concurrentReads is how many reads of a page are under way at a time.
const concurrentReads = 4

// directoryRow is a directory in a list.
type directoryRow struct {
	management.Directory
	State        badge
	Organization string          // name, where several are shown
	Last         *management.Day // nil without a request
	Strip        strip
	Reasons      []string // why somebody has to do something
}

// directoryRows reads when each directory was last used.
func (r *request) directoryRows(directories []management.Directory) ([]directoryRow, error) {
	rows := make([]directoryRow, len(directories))
	var reads errgroup.Group
	reads.SetLimit(concurrentReads)
	for i, d := range directories {
		reads.Go(func() error {
			a, err := r.session.Activity(r.http.Context(), d)
			rows[i] = directoryRow{Directory: d, State: stateOf(d), Last: a.Day, Strip: stripOf(a.Hours)}
			rows[i].Reasons = rows[i].reasons(r.console.now())
			return err
		})
	}
	return rows, reads.Wait()
}

// name reads the names of the organizations.
func (r *request) name(rows []directoryRow) error {
	var reads errgroup.Group
	reads.SetLimit(concurrentReads)
	names := map[string]*string{}
	for _, row := range rows {
		if names[row.OrganizationID] != nil {
			continue
		}
		name := new(string)
		names[row.OrganizationID] = name
		reads.Go(func() error {
			o, err := r.session.Organization(r.http.Context(), row.OrganizationID)
			*name = o.Name
			return existing(err)
		})
	}
	if err := reads.Wait(); err != nil {
		return err
	}
	for i := range rows {
		rows[i].Organization = *names[rows[i].OrganizationID]
	}
	return nil
}

// showHome shows the newest directories, those first that need somebody.
func showHome(r *request) error {
	found, err := r.session.Directories(r.http.Context(), "", "", r.pageRequest())
	if err != nil {
		return err
	}
	rows, err := r.directoryRows(found.Items)
	if err != nil {
		return err
	}
	if err := r.name(rows); err != nil {
		return err
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
		Pager          pager
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
		all = append(all, "Never connected, for "+span(now.Sub(d.Created)))
	case d.Directory.State == management.Linked && d.Last != nil && now.Sub(d.Last.Last) > quiet:
		all = append(all, "No request for "+span(now.Sub(d.Last.Last)))
	}
	active := 0
	for _, t := range d.Tokens {
		if t.Expired(now) {
			continue
		}
		active++
		if endingSoon(t.Expires, now) {
			all = append(all, "Token …"+t.Suffix+" ends "+until(t.Expires, now))
		}
	}
	if active == 0 {
		all = append(all, "No token works")
	}
	return all
}
