package doctor

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// documented is the line of a condition in docs/findings.md.
func documented(c Condition) string {
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |", c.Code, c.Severity, c.Text, c.Remedy, c.Raised, c.Ended)
}

// Every condition has its line in the documentation, and every line its condition.
func TestConditionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range Conditions() {
		want = append(want, documented(c))
	}
	var got []string
	for line := range strings.SplitSeq(string(page), "\n") {
		if strings.HasPrefix(line, "| `") {
			got = append(got, line)
		}
	}
	if os.Getenv("DSYNC_PRINT") != "" {
		fmt.Println(strings.Join(want, "\n"))
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("docs/findings.md lacks %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("docs/findings.md has %s", line)
		}
	}
}

// A code is a word for programs, and used once.
func TestCodes(t *testing.T) {
	form := regexp.MustCompile(`^[a-z_]{1,40}$`)
	known := map[string]bool{}
	for _, c := range Conditions() {
		if !form.MatchString(c.Code) || known[c.Code] || !slices.Contains(order, c.Severity) || c.Text == "" || c.Remedy == "" || c.Raised == "" || c.Ended == "" {
			t.Errorf("%+v", c)
		}
		known[c.Code] = true
	}
	for _, code := range append(slices.Clone(mendedCodes), tokenCodes...) {
		if !known[code] {
			t.Errorf("%s is no condition", code)
		}
	}
}

// What is told of a request without a valid token holds nothing of the token.
func TestDiagnoseTellsNothingOfTheToken(t *testing.T) {
	for _, header := range []string{
		"", "Bearer", "Bearer ", "Bearer Bearer dsync_scim_x", "Basic abcdef", "Bearer dsync_scim_abcdef", "Bearer nonsense", "nonsense",
		"Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3N0cy53aW5kb3dzLm5ldC94LyJ9.x", "Bearer " + strings.Repeat("a.", 100_000), "bearer\tdsync_scim_",
		"Bearer dsync_scim_" + strings.Repeat("x", 100_000),
	} {
		o := Diagnose(header, nil)
		if byCode[o.Code].Severity != Blocks || o.ID != "" || o.Detail != "" && o.Code != TokenCut || len(o.Detail) > 20 || !utf8.ValidString(o.Detail) {
			t.Errorf("%.40s: %+v", header, o)
		}
	}
}
