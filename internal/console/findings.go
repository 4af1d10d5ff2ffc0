package console

import (
	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/web"
)

// findingRow is what the traffic of a directory tells.
type findingRow struct {
	doctor.Finding
	Badge web.Badge
}

// findingRows are the findings of a directory, those that block first.
func (r *request) findingRows(d management.Directory) ([]findingRow, error) {
	found, err := r.session.Findings(r.Request.Context(), d.ID)
	rows := make([]findingRow, len(found))
	for i, f := range found {
		rows[i].Finding = f
		switch f.Severity {
		case doctor.Blocks:
			rows[i].Badge = web.Bad("Blocks")
		case doctor.Warns:
			rows[i].Badge = web.Wait("Warns")
		default:
			rows[i].Badge = web.Off("Informs")
		}
	}
	return rows, err
}
