package console

import (
	"slices"
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
	State badge
	Last  *management.Day // nil without a request
}

// directoryRows reads when each directory was last used.
func (r *request) directoryRows(directories []management.Directory) ([]directoryRow, error) {
	rows := make([]directoryRow, len(directories))
	var reads errgroup.Group
	reads.SetLimit(concurrentReads)
	for i, d := range directories {
		reads.Go(func() (err error) {
			rows[i] = directoryRow{Directory: d, State: stateOf(d)}
			rows[i].Last, err = r.session.LastDay(r.http.Context(), d)
			return err
		})
	}
	return rows, reads.Wait()
}

// showHome shows the newest directories, those first that need somebody.
func showHome(r *request) error {
	found, err := r.session.Directories(r.http.Context(), "", "", management.PageRequest{Limit: pageSize})
	if err != nil {
		return err
	}
	rows, err := r.directoryRows(found.Items)
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b directoryRow) int { return urgency(a, r.console.now()) - urgency(b, r.console.now()) })
	attention := 0
	for _, row := range rows {
		if urgency(row, r.console.now()) == 0 {
			attention++
		}
	}
	return r.render(view{Template: "home", Title: "Home", Section: homePage, Data: struct {
		Directories []directoryRow
		Attention   int
	}{rows, attention}})
}

// quiet is how long a directory may send nothing before it needs attention: Entra
// comes every 20 to 40 minutes.
const quiet = 24 * time.Hour

// urgency orders directories: 0 needs attention, 1 waits, 2 works.
func urgency(d directoryRow, now time.Time) int {
	switch {
	case d.Directory.State == management.Unlinked, d.Directory.State == management.Linked && d.Last != nil && now.Sub(d.Last.Last) > quiet:
		return 0
	case d.Directory.State == management.Validating:
		return 1
	}
	return 2
}
