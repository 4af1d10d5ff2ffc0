package doctor

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/table"
	"dsync/internal/table/count"
	"dsync/internal/table/finding"
	"dsync/internal/usage"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func newWatch() *Watch {
	return NewWatch(nil, func() time.Time { return noon }, slog.New(slog.DiscardHandler))
}

func bad(code string) []usage.Observation  { return []usage.Observation{{Code: code, ID: "x"}} }
func good(code string) []usage.Observation { return []usage.Observation{{Code: code, Good: true}} }

// What is in order is never written, and what informs only while a directory is set up
// or has another finding.
func TestNothingIsWrittenForHealthyDirectories(t *testing.T) {
	w := newWatch()
	for _, c := range Conditions() {
		if changes := w.due("d", noon, false, good(c.Code)); changes != nil {
			t.Errorf("%s: %+v", c.Code, changes)
		}
	}
	for _, code := range []string{TestConnection, Dialect, Served} {
		if changes := w.due("d", noon, false, bad(code)); changes != nil {
			t.Errorf("%s: %+v", code, changes)
		}
		if changes := w.due("young", noon, true, bad(code)); len(changes) != 1 {
			t.Errorf("%s during the setup: %+v", code, changes)
		}
	}
	w.due("d", noon, false, bad(NoEmail))
	if changes := w.due("d", noon, false, bad(Dialect)); len(changes) != 1 {
		t.Errorf("beside another finding: %+v", changes)
	}
}

// The first sighting and the first contrary are written at once, the others once a
// minute with their count.
func TestEpisode(t *testing.T) {
	w := newWatch()
	expect := func(name string, at time.Duration, list []usage.Observation, want *finding.Change) {
		t.Helper()
		changes := w.due("d", noon.Add(at), false, list)
		got := fmt.Sprintf("%+v", changes)
		if want == nil && changes != nil || want != nil && got != fmt.Sprintf("%+v", []finding.Change{*want}) {
			t.Errorf("%s: %s, want %+v", name, got, want)
		}
	}
	ids := []string{"x"}
	expect("the first", 0, bad(TokenMissing), &finding.Change{Code: TokenMissing, Count: 1, IDs: ids, Begins: true})
	expect("the second", time.Second, bad(TokenMissing), nil)
	expect("shortly before a minute", time.Minute-1, bad(TokenMissing), nil)
	expect("after a minute", time.Minute, bad(TokenMissing), &finding.Change{Code: TokenMissing, Count: 3, IDs: ids})
	expect("the contrary", time.Minute+1, good(TokenMissing), &finding.Change{Code: TokenMissing, Good: 1, IDs: ids})
	expect("again", time.Minute+2, good(TokenMissing), nil)
	expect("another episode", time.Minute+3, bad(TokenMissing), &finding.Change{Code: TokenMissing, Count: 1, IDs: ids, Begins: true})
}

// A process writes so often in a minute and no more, whatever comes, and it forgets
// nothing of what lasts.
func TestMaxWrites(t *testing.T) {
	w := newWatch()
	writes := 0
	for i := range 1000 {
		at := noon.Add(time.Duration(i) * 50 * time.Millisecond)
		if w.due("d", at, false, bad(tokenCodes[i%len(tokenCodes)])) != nil {
			writes++
		}
		if w.due("d", at, false, good(tokenCodes[i%len(tokenCodes)])) != nil {
			writes++
		}
	}
	if writes != MaxWrites {
		t.Errorf("%d writes in a minute, want %d", writes, MaxWrites)
	}
	if w.due("other", noon, false, bad(TokenMissing)) == nil {
		t.Error("directories wait for each other")
	}
	w.due("d", noon.Add(50*time.Second), false, bad(NoEmail))
	changes := w.due("d", noon.Add(time.Minute), false, nil)
	if len(changes) == 0 {
		t.Error("what was pending is not written in the next minute")
	}
}

// A process that begins knows what is stored: it continues an episode, and ends it.
func TestLearn(t *testing.T) {
	w := newWatch()
	w.Learn("d", finding.Record{TokenMissing: {First: noon.Add(-time.Hour), Last: noon.Add(-time.Hour), Count: 5, IDs: []string{"y"}}, "unknown": {Count: 1}})
	changes := w.due("d", noon, false, bad(TokenMissing))
	if len(changes) != 1 || changes[0].Begins || fmt.Sprint(changes[0].IDs) != "[y x]" {
		t.Errorf("%+v", changes)
	}
	w = newWatch()
	w.Learn("d", finding.Record{TokenMissing: {First: noon, Last: noon, Count: 5, GoodAt: noon.Add(time.Second), Good: 1}})
	if changes := w.due("d", noon, false, bad(TokenMissing)); len(changes) != 1 || !changes[0].Begins {
		t.Errorf("after the end: %+v", changes)
	}
}

func TestFlipFlopAndIdle(t *testing.T) {
	w := newWatch()
	var found []int
	for i := range 6 {
		if changes := w.due("d", noon.Add(time.Duration(i)*time.Hour), false, []usage.Observation{Swapped("x", fmt.Sprint(i%2), fmt.Sprint(1-i%2))}); changes != nil {
			found = append(found, i)
		}
	}
	if fmt.Sprint(found) != "[3 4 5]" {
		t.Errorf("flips at %v", found)
	}
	found = nil
	for i := range 9 {
		if w.idle("d", "x", noon.Add(time.Duration(i)*10*time.Minute)) {
			found = append(found, i)
		}
	}
	if fmt.Sprint(found) != "[4 6 8]" {
		t.Errorf("idle at %v", found)
	}
}

// Each refusal of a token has its code.
func TestDiagnose(t *testing.T) {
	refused := func(d credential.Diagnosis) error { return fault.New(fault.Unauthorized, "", "").Because(d) }
	for _, row := range []struct {
		header string
		err    error
		want   string
	}{
		{"", nil, TokenMissing}, {"Bearer", nil, TokenMissing}, {"Bearer  ", nil, TokenMissing}, {"bearer x", nil, TokenMalformed}, {"Basic x", nil, TokenMalformed},
		{"Bearer BEARER x", nil, TokenTwice}, {"Bearer dsync_scim_x", nil, TokenCut}, {"Bearer dsync_api_x", nil, TokenMalformed},
		{"Bearer eyJ.e30.x", nil, TokenMalformed}, {"Bearer eyJ.eyJpc3MiOiJodHRwczovL3N0cy53aW5kb3dzLm5ldC94LyJ9.x", nil, TokenBlank},
		{"Bearer eyJ.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZS8ifQ.x", nil, TokenMalformed},
		{"x", refused(credential.Diagnosis{Reason: credential.Unknown}), TokenUnknown},
		{"x", refused(credential.Diagnosis{Reason: credential.Elsewhere}), TokenElsewhere},
		{"x", refused(credential.Diagnosis{Reason: credential.Ended, State: credential.Expired}), TokenExpired},
		{"x", refused(credential.Diagnosis{Reason: credential.Ended, State: credential.Revoked}), TokenRevoked},
	} {
		if o := Diagnose(row.header, row.err); o.Code != row.want {
			t.Errorf("%q: %s, want %s", row.header, o.Code, row.want)
		}
	}
}

// A change of a user tells what has become wrong and what is in order again, and not
// what stays.
func TestExamine(t *testing.T) {
	fine := map[string]any{"externalId": "0A21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "emails": []any{map[string]any{"type": "work", "value": "a@acme.example"}}}
	wrong := map[string]any{"externalId": "ada", scim.EnterpriseURN: map[string]any{"manager": map[string]any{"value": "ada"}}}
	off := map[string]any{"active": false}
	for _, row := range []struct {
		name          string
		before, after map[string]any
		want          string
	}{
		{"in order", nil, fine, "created"}, {"wrong", nil, wrong, "no_email manager_unknown external_id_not_object_id created"},
		{"stays wrong", wrong, wrong, ""}, {"corrected", wrong, fine, "-no_email -manager_unknown -external_id_not_object_id"},
		{"deactivated", wrong, off, "-no_email -manager_unknown -external_id_not_object_id deactivated"}, {"deleted", fine, nil, "deactivated"}, {"inactive", off, nil, ""},
	} {
		got := ""
		for _, o := range Examine("x", row.before, row.after, "", []string{"acme.example"}) {
			if got != "" {
				got += " "
			}
			if o.Good {
				got += "-"
			}
			got += o.Code
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// How a gap is learned: a directory that is asked rarely is not silent soon.
func TestSilence(t *testing.T) {
	day := func(hours ...int) table.Day {
		d := table.Day{Date: "2026-03-02"}
		for _, h := range hours {
			d.Hours[h] = 5
			d.Last = time.Date(2026, 3, 2, h, 0, 0, 0, time.UTC)
		}
		return d
	}
	all := make([]int, 24)
	for i := range all {
		all[i] = i
	}
	for _, row := range []struct {
		name  string
		day   table.Day
		after time.Duration
		want  bool
	}{
		{"every hour, three hours and a half", day(all...), 210 * time.Minute, false},
		{"every hour, a minute more", day(all...), 211 * time.Minute, true},
		{"every hour, five days", day(all...), maxSilence, true},
		{"every hour, more than five days", day(all...), maxSilence + 1, false},
		{"every six hours, 18 hours and a half", day(0, 6, 12, 18), 18*time.Hour + 30*time.Minute, false},
		{"every six hours, longer", day(0, 6, 12, 18), 19 * time.Hour, true},
		{"two requests", day(0, 6), 48 * time.Hour, false},
	} {
		f := Facts{Now: row.day.Last.Add(row.after), Days: []table.Day{row.day}, Counts: count.Counts{Known: true, Active: 1, Groups: 1}}
		if _, got := quarantined(f); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}
