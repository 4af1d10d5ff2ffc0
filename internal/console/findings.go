package console

import (
	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/web"
)

// findingRow is a finding as people read it.
type findingRow struct {
	management.Finding
	Badge web.Badge
	Links []findingLink // to the users and groups it names
}

// findingLink is a link to an example.
type findingLink struct {
	Number int
	Path   string
}

// findingRows are those that need somebody, and those that inform.
func findingRows(directoryID string, found []management.Finding) (rows, notes []findingRow) {
	for _, f := range found {
		row := findingRow{Finding: f, Badge: web.Off("For information")}
		switch f.Severity {
		case doctor.Blocks:
			row.Badge = web.Bad("Blocks")
		case doctor.Warns:
			row.Badge = web.Wait("Warning")
		}
		for _, id := range f.IDs {
			if path := resourcePath(directoryID, id); path != "" {
				row.Links = append(row.Links, findingLink{len(row.Links) + 1, path})
			}
		}
		if f.Severity == doctor.Informs {
			notes = append(notes, row)
		} else {
			rows = append(rows, row)
		}
	}
	return rows, notes
}
