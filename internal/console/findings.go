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
	Links []string // paths of the users and groups it names
}

func findingRows(directoryID string, found []management.Finding) (rows []findingRow) {
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
				row.Links = append(row.Links, path)
			}
		}
		rows = append(rows, row)
	}
	return rows
}
