package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"dsync/internal/metric"

	"github.com/google/go-cmp/cmp"
)

// TestPage compares docs/cost.md with the output of the program.
func TestPage(t *testing.T) {
	written, err := os.ReadFile("../../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), page()); diff != "" {
		t.Errorf("docs/cost.md differs from the output of `go run ./infra/cmd/cost` (-page +program):\n%s", diff)
	}
}

// A stage without directories costs what docs/cost.md has in the lines that are the
// same for each number of directories.
func TestIdle(t *testing.T) {
	text := idle()
	for _, i := range fixed() {
		if !strings.Contains(text, i.name) || !strings.Contains(text, fmt.Sprintf("$%5.2f", i.cost)) {
			t.Errorf("%s is not in\n%s", i.name, text)
		}
	}
	if want := fmt.Sprintf("about $%.0f a month", total(fixed())); !strings.Contains(text, want) || total(fixed()) <= 0 {
		t.Errorf("no %q in\n%s", want, text)
	}
}

var (
	limits = regexp.MustCompile(`budget\{(\d+), (\d+), (\d+)\}`)
	billed = regexp.MustCompile(`bills (\d+)`)
)

// TestUnits compares the units of each request with the tests of
// internal/session: with the limit of the row, or with the billed units that the
// row states.
func TestUnits(t *testing.T) {
	var source []byte
	for _, name := range []string{"budget_test.go", "large_test.go"} {
		text, err := os.ReadFile(filepath.Join("../../../internal/session", name))
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	for _, u := range []units{authenticate, findNothing, findOne, getUser, createUser, patchUser, deleteUser, createGroup, isMember, getGroup, changeMember} {
		at := bytes.Index(source, []byte(`"`+u.row))
		if at < 0 {
			t.Errorf("no row of the budget starts with %q", u.row)
			continue
		}
		row := source[at:]
		row = row[:bytes.IndexByte(row, '\n')]
		limit := limits.FindSubmatch(row)
		if limit == nil && bytes.Contains(row, []byte("within")) {
			limit = limits.FindSubmatch(source[bytes.Index(source, []byte("within := ")):])
		}
		if limit == nil {
			t.Errorf("%s has no budget", row)
			continue
		}
		write, read := string(limit[2]), string(limit[3])
		if bills := billed.FindSubmatch(row); bills != nil {
			write = string(bills[1])
		}
		if got := strconv.FormatFloat(u.write, 'f', -1, 64); got != write {
			t.Errorf("%s: %s write units in units.go, %s in the budget", u.row, got, write)
		}
		if got := strconv.FormatFloat(u.read, 'f', -1, 64); got != read {
			t.Errorf("%s: %s read units in units.go, %s in the budget", u.row, got, read)
		}
	}
}

func TestUnitsOfAnEvent(t *testing.T) {
	source, err := os.ReadFile("../../../internal/relay/budget_test.go")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`"` + regexp.QuoteMeta(eventRow) + `", \w+, 1, \d+, ([\d.]+), ([\d.]+), [\d.]+\}`).FindSubmatch(source)
	if row == nil {
		t.Fatalf("the budget has no row %q", eventRow)
	}
	if got, want := fmt.Sprint(appendEvent, " ", readForEvent), fmt.Sprintf("%s %s", row[1], row[2]); got != want {
		t.Errorf("%s: %s write and read units in units.go, %s in the budget", eventRow, got, want)
	}
}

// The log lines of one request, copied from a log.
const (
	accessLine   = `{"error":"","integrationLatency":"14","integrationRequest":"5f2b8a0e-6d2c-4a53-9a3f-0d6f5f5f0f5f","integrationStatus":"200","method":"PATCH","path":"/scim/v2.0/a1b2c3d4e5f6a7b8/Users/directory_user_01KQXW9N3T4Z5Y6X7W8V9T0S1R","protocol":"HTTP/1.1","requestId":"Y0ur8jXQoAMEP9w=","requestTime":"04/May/2026:12:00:00 +0000","responseLatency":"16","responseLength":"1874","route":"ANY /scim/v2.0/{external_key}/Users/{proxy+}","status":"200"}`
	functionLine = `{"timestamp":"2026-05-04T12:00:00.123456789Z","level":"INFO","message":"request","method":"PATCH","request_id":"Y0ur8jXQoAMEP9w=","directory_id":"directory_01KQXW9N3T4Z5Y6X7W8V9T0S1R","endpoint":"Users","resource_id":"directory_user_01KQXW9N3T4Z5Y6X7W8V9T0S1R","status":200,"ms":12.345,"requestId":"5f2b8a0e-6d2c-4a53-9a3f-0d6f5f5f0f5f"}`
)

func TestSizes(t *testing.T) {
	var line bytes.Buffer
	metric.New(&line, "dsync-prod-UsersFunction0A1B2C3D-AbCdEfGhIjKl", time.Now).Write(
		metric.Dimensions{metric.Operation: "PATCH /Users", metric.Status: "2xx"},
		metric.Properties{"directory_id": "directory_01KQXW9N3T4Z5Y6X7W8V9T0S1R", "request_id": "Y0ur8jXQoAMEP9w="},
		metric.Requests.Of(1), metric.Latency.Of(12.345))
	within(t, "lines of a request", requestLogBytes, float64(len(accessLine)+len(functionLine)+line.Len()+3*perLine))

	files, err := filepath.Glob("../../../events/samples/dsync.*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples of events: %v", err)
	}
	bytesOf := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var short bytes.Buffer
		if err := json.Compact(&short, text); err != nil {
			t.Fatal(err)
		}
		bytesOf += short.Len()
	}
	within(t, "an event", eventBytes, float64(bytesOf)/float64(len(files)))
}

// within reports an error if the constant is below the measured size or above
// twice that size. The constants may overestimate sizes.
func within(t *testing.T, what string, constant, measured float64) {
	t.Helper()
	t.Logf("%s: %.0f bytes, counted as %.0f", what, measured, constant)
	if constant < measured || constant > 2*measured {
		t.Errorf("%s: %.0f bytes, counted as %.0f", what, measured, constant)
	}
}

func TestModel(t *testing.T) {
	if got, want := total(bill(month(sizes[1]).times(10))), 10*total(bill(month(sizes[1]))); !near(got, want) {
		t.Errorf("ten directories cost %v, want ten times the cost of one: %v", got, want)
	}
	// Every request reads at least a token. The log stores every event.
	for _, s := range sizes {
		l := month(s)
		if l.reads < l.requests || l.writes < l.events*appendEvent {
			t.Errorf("%s: %+v", s.name, l)
		}
	}
	// dsync costs no more at the break-even, and costs no less with one
	// directory fewer.
	n := evenAt(hypothetical, sizes[0])
	here := func(n float64) float64 { return total(fixed()) + n*total(bill(month(sizes[0]))) }
	if n < 1 || here(n) > n*hypothetical || here(n-1) < (n-1)*hypothetical {
		t.Errorf("break-even at %v directories: dsync costs %v", n, here(n))
	}
	if got := evenAt(1, sizes[0]); here(got) > got || here(got-1) < got-1 {
		t.Errorf("break-even at %v directories at a price of 1: dsync costs %v", got, here(got))
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.05: "0.05", 0.5: "0.5", 36: "36", 100: "100", 1000: "1,000", 12345.6: "12,346", 1234567: "1,234,567"} {
		if got := number(v); got != want {
			t.Errorf("%v is formatted as %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0.00", 0.0066: "0.0066", 0.35: "0.35", 29.47: "29.47", 210.4: "210", 1234.5: "1,235"} {
		if got := dollars(v); got != want {
			t.Errorf("%v is formatted as %s, want %s", v, got, want)
		}
	}
}
