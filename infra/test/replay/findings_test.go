package replay

import (
	"crypto/rand"
	_ "embed"
	"slices"
	"strings"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/table"
)

//go:embed findings.txt
var findings string

// raises are the findings that block or warn of fixtures, by path.
var raises = func() map[string]string {
	all := map[string]string{}
	for line := range strings.SplitSeq(findings, "\n") {
		if path, codes, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, "#") {
			all[path] = codes
		}
	}
	return all
}()

// compareFindings compares what blocks or warns with what the fixture is known for.
func (x *exchange) compareFindings(path string) {
	x.Helper()
	s := management.Bootstrap(table.New(x.m.DynamoDB(), x.m.TableName()), time.Now, rand.Reader)
	found, err := s.Findings(x.Context(), x.own.DirectoryID)
	if err != nil {
		x.Fatal(err)
	}
	var codes []string
	for _, f := range found {
		if f.Severity != doctor.Informs {
			codes = append(codes, f.Code)
		}
	}
	slices.Sort(codes)
	if got := strings.Join(codes, " "); got != raises[path] {
		x.Errorf("findings: %q, want %q", got, raises[path])
	}
}
