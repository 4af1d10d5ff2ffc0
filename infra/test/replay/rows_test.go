package replay

import (
	"slices"
	"testing"
)

// rows are what the files must show: the requests of entra.md sections 2 and
// 3, the rules of the other sections that concern them, and what every
// release must be able to show. Each begins with its section.
var rows = []string{
	"1 URL encoding", "1 trailing slash", "1 media types",

	"2.1 userName", "2.1 externalId", "2.1 work e-mail", "2.1 group",

	"2.2 U1", "2.2 U2", "2.2 U3", "2.2 U4", "2.2 U5", "2.2 U6", "2.2 PUT",
	"2.2 POST: URN without its colon",
	"2.2 POST: nulls",
	"2.2 POST: top-level department and manager",
	"2.2 POST: manager as a string",
	"2.2 POST: custom extension",
	"2.2 filter without quotes",
	"2.2 sub-attributes in capitals",
	"2.2 group POST with the ADSCIM schema",
	"2.2 PATCH: several attributes",
	"2.2 PATCH: single value",
	"2.2 PATCH: manager in a list",
	"2.2 PATCH: manager by its URN",
	`2.2 disable: "False"`, "2.2 disable: false", "2.2 disable: Add",
	`2.2 restore: "True"`, "2.2 restore: true",

	"2.3 G1", "2.3 G2", "2.3 G3", "2.3 G4", "2.3 G5", "2.3 G6", "2.3 G7", "2.3 G8", "2.3 G9", "2.3 PUT",

	"2.4 Schemas", "2.4 ResourceTypes", "2.4 ServiceProviderConfig",

	"3 pathless",

	"4 booleans", "4 verbatim", "4 types", "4 filtered paths", "4 unmatched filter", "4 list for a scalar",
	"4 primary", "4 null and empty", "4 remove of something absent", "4 same value", "4 custom extension",

	"5 single", "5 complex", "5 assertive",

	"8 400", "8 401", "8 404", "8 409", "8 412", "8 second DELETE", "8 create again",

	"9 paging",

	"Must: Remove with a list",
	`Must: "False" disables`,
	"Must: unmatched e-mail",
	"Must: disabled stays",
	"Must: unknown token",
	"Must: token of another directory",
	"Must: unknown directory",
	"Must: unknown path",
	"Must: endpoint names in any letter case",
	"Must: wrong method",
	"Must: broken JSON",
	"Must: 2 MiB body",
	"Must: unknown media type",
}

// dialects are the rows of the table in section 3, which has two columns.
var dialects = []string{"3 disable", "3 add single value", "3 replace several", "3 remove member", "3 roles"}

// failing are the rows that are about refusals only: the request of each of
// their files must be refused.
var failing = map[string]bool{
	"8 400": true, "8 401": true, "8 404": true, "8 409": true, "8 412": true, "8 second DELETE": true,
	"Must: unknown token": true, "Must: token of another directory": true, "Must: unknown directory": true,
	"Must: unknown path": true, "Must: wrong method": true, "Must: broken JSON": true, "Must: unknown media type": true,
}

// flows are the rows of Okta: what its SCIM 2.0 Protocol Reference describes.
var flows = []string{
	"import users", "import groups", "match a user", "read a user", "create a user", "update a user", "rename a user",
	"deactivate a user", "reactivate a user", "push a group", "read a group", "rename a group", "change members", "delete a group",
}

func TestEveryFlowOfOktaHasAFixture(t *testing.T) {
	shown := map[string]bool{}
	for _, f := range fixturesOf(t, "okta") {
		for _, row := range f.Rows {
			if !slices.Contains(flows, row) {
				t.Errorf("%s: there is no row %q", f.path, row)
			}
			shown[row] = true
		}
	}
	for _, row := range flows {
		if !shown[row] {
			t.Errorf("row %q is in no file", row)
		}
	}
}

func TestEveryRowHasAFixture(t *testing.T) {
	type column struct{ row, dialect string }
	wanted := map[column]bool{}
	for _, row := range rows {
		wanted[column{row, ""}] = true
	}
	for _, row := range dialects {
		wanted[column{row, "default"}] = true
		wanted[column{row, "flag"}] = true
	}
	shown := map[column]bool{}
	for _, f := range fixturesOf(t, "entra") {
		for _, row := range f.Rows {
			c := column{row, f.Dialect}
			if !wanted[c] {
				c.dialect = "" // a row without columns
			}
			if !wanted[c] {
				t.Errorf("%s: there is no row %q in the dialect %q", f.path, row, f.Dialect)
			}
			if failing[row] && f.Expect.Status < 400 {
				t.Errorf("%s: row %q with status %d", f.path, row, f.Expect.Status)
			}
			shown[c] = true
		}
	}
	for c := range wanted {
		if !shown[c] {
			t.Errorf("row %q in the dialect %q is in no file", c.row, c.dialect)
		}
	}
}
