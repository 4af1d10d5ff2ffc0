package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"
)

// Report is the result of a campaign.
type Report struct {
	Directories, Changes, Deleted int
	Expected                      int // events
	Delivered, Distinct           int // by the bus
	Logged, Read, ReadAgain       int
	Lost, Unexpected              int // on the bus
	MissingInLog, ForeignInLog    int
	MissingForReader              int
	OrderPerResource              int // violations on the bus
	OrderInLog, OrderForReader    int // violations per directory
	DifferentUnderOneID           int
	StateDifferences              int // between the consumer and the table
	RecordsLeft                   int // of deleted directories
	Parked, GivenUp               int
	Worked, Took                  time.Duration
	faults                        map[string]int
	problems                      []string
}

// Passed reports whether the campaign found no violation and injected every
// fault.
func (r *Report) Passed() bool {
	return r.Lost+r.Unexpected+r.MissingInLog+r.ForeignInLog+r.MissingForReader+r.OrderPerResource+r.OrderInLog+r.OrderForReader+
		r.DifferentUnderOneID+r.StateDifferences+r.RecordsLeft+r.Parked+r.GivenUp == 0 && len(r.Unfaulted()) == 0
}

// everyFault lists the faults that a campaign injects.
var everyFault = []string{
	"PutEvents failed", "PutEvents throttled", "PutEvents timed out after accepting the entries", "PutEvents failed for one entry",
	"relay stopped between two calls", "job stopped between two calls", "batch delivered twice in sequence", "batch delivered twice concurrently",
	"shard delayed", "process killed",
}

// Unfaulted returns the faults that the campaign did not inject.
func (r *Report) Unfaulted() (list []string) {
	for _, fault := range everyFault {
		if r.faults[fault] == 0 {
			list = append(list, fault)
		}
	}
	return list
}

// problem counts a violation. It stores the descriptions of the first 40
// violations.
func (r *Report) problem(count *int, format string, arguments ...any) {
	if *count++; len(r.problems) < 40 {
		r.problems = append(r.problems, fmt.Sprintf(format, arguments...))
	}
}

// check compares the events from the bus, the log and the reader with the
// models.
func (r *campaign) check(ctx context.Context, f *reader) (*Report, error) {
	report := &Report{Directories: len(r.tenants), faults: maps.Clone(r.faults.n)}
	if report.faults == nil {
		report.faults = map[string]int{}
	}
	if err := readDiary(filepath.Join(r.Folder, "faults.log"), report.faults); err != nil {
		return nil, err
	}
	if b, err := os.ReadFile(filepath.Join(r.Folder, "given-up.ndjson")); err == nil {
		report.GivenUp = strings.Count(string(b), "\n")
	}
	var err error
	if report.Parked, err = r.parked(ctx); err != nil {
		return nil, err
	}

	first := map[string]dsync.Event{}
	delivered := map[string][]dsync.Event{} // directory → events without duplicates, in the order of delivery
	for _, e := range r.bus.all {
		report.Delivered++
		if earlier, repeated := first[e.ID]; repeated {
			if earlier.Name != e.Name || earlier.References() != e.References() {
				report.problem(&report.DifferentUnderOneID, "event %s has two contents: %s and %s", e.ID, earlier.Name, e.Name)
			}
			continue
		}
		first[e.ID] = e
		delivered[e.References().DirectoryID] = append(delivered[e.References().DirectoryID], e)
	}
	report.Distinct = len(first)
	read := map[string][]dsync.Event{}
	for _, e := range f.seen {
		read[e.References().DirectoryID] = append(read[e.References().DirectoryID], e)
	}
	report.Read, report.ReadAgain = len(f.seen), f.repeats

	for _, t := range r.tenants {
		logged, err := r.logged(ctx, t.id)
		if err != nil {
			return nil, err
		}
		report.Changes += t.changes
		report.Expected += len(t.want)
		report.Logged += len(logged)
		report.log(t.model, logged)
		report.delivered(t.model, logged, delivered[t.id])
		report.read(t.model, logged, read[t.id])
		if err := report.state(ctx, r.table, t.model, delivered[t.id]); err != nil {
			return nil, err
		}
		if t.deleted() {
			report.Deleted++
			report.RecordsLeft += r.left(ctx, t.id)
		}
	}
	return report, nil
}

// log compares the log of a directory with its model. The events and their order
// must be the same. Events of one step may have any order.
func (r *Report) log(m *model, logged []dsync.Event) {
	got := facts(logged)
	for n, want := range sorted(m.want) {
		switch {
		case n >= len(got):
			r.problem(&r.MissingInLog, "%s: the log does not contain %+v", m.id, want)
			continue
		case got[n].name != want.name:
			r.problem(&r.OrderInLog, "%s: log entry %d is %+v, want %+v", m.id, n, got[n], want)
		}
	}
	if len(got) > len(m.want) {
		r.problem(&r.ForeignInLog, "%s: the log has %d entries, want %d", m.id, len(got), len(m.want))
	}
	// Compare all facts, without the order within a step.
	steps := slices.Clone(m.want)
	for n := range min(len(got), len(steps)) {
		got[n].step = steps[n].step
	}
	a, b := sorted(steps), sorted(got)
	for n := range min(len(a), len(b)) {
		if a[n] != b[n] {
			r.problem(&r.OrderInLog, "%s: the log contains %+v, want %+v", m.id, b[n], a[n])
			return
		}
	}
}

func sorted(list []fact) []fact {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b fact) int {
		if a.step != b.step {
			return a.step - b.step
		}
		return strings.Compare(a.group, b.group)
	})
	return list
}

// facts returns the facts of events.
func facts(all []dsync.Event) (list []fact) {
	for _, e := range all {
		about := e.References()
		list = append(list, fact{name: e.Name, user: about.UserID, group: about.GroupID})
	}
	return list
}

// delivered compares the events from the bus with the log. The set of events must
// be the same. The events of one resource must have the order of the log.
func (r *Report) delivered(m *model, logged, delivered []dsync.Event) {
	r.same(m, "bus", logged, delivered, &r.Lost, &r.Unexpected)
	position := map[string]int{}
	for n, e := range logged {
		position[e.ID] = n
	}
	newest := map[fact]int{}
	said := facts(delivered)
	for n, e := range delivered {
		f := said[n]
		for _, about := range []fact{{user: f.user}, {group: f.group}} {
			if about == (fact{}) {
				continue
			}
			// A membership must not precede the events of its user and its
			// group. Two memberships may have any order.
			key := about
			if f.user != "" && f.group != "" {
				key = fact{user: f.user, group: f.group}
				if position[e.ID] < newest[about] {
					r.problem(&r.OrderPerResource, "%s: %s %s is out of order", m.id, e.Name, e.ID)
				}
			}
			if position[e.ID] < newest[key] {
				r.problem(&r.OrderPerResource, "%s: %s %s is out of order", m.id, e.Name, e.ID)
			}
			newest[key] = max(newest[key], position[e.ID])
		}
	}
}

func (r *Report) read(m *model, logged, read []dsync.Event) {
	foreign := 0
	r.same(m, "reader", logged, read, &r.MissingForReader, &foreign)
	for n := range min(len(read), len(logged)) {
		if read[n].ID != logged[n].ID {
			r.problem(&r.OrderForReader, "%s: the reader received %s at position %d, want %s", m.id, read[n].ID, n, logged[n].ID)
			return
		}
	}
}

// same reports events that are in only one of two sets.
func (r *Report) same(m *model, who string, want, got []dsync.Event, missing, foreign *int) {
	there := map[string]bool{}
	for _, e := range got {
		there[e.ID] = true
	}
	for _, e := range want {
		if !there[e.ID] {
			r.problem(missing, "%s: the %s did not deliver %s %s", m.id, who, e.Name, e.ID)
		}
		delete(there, e.ID)
	}
	for id := range there {
		r.problem(foreign, "%s: the %s delivered %s, which is not in the log", m.id, who, id)
	}
}

// logged reads the log of a directory.
func (r *campaign) logged(ctx context.Context, dir string) (all []dsync.Event, err error) {
	log := eventlog.New(r.table, time.Now)
	q := eventlog.Query{DirectoryID: dir, Limit: 100}
	for {
		page, err := log.Read(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, detail := range page.Events {
			var e dsync.Event
			if err := json.Unmarshal(detail, &e); err != nil {
				return nil, err
			}
			all = append(all, e)
		}
		if q.After = page.After; q.After == "" {
			return all, nil
		}
	}
}

// state applies the delivered events to a consumer, which ignores outdated
// events. Then it compares the state of the consumer with the table.
func (r *Report) state(ctx context.Context, t *table.Table, m *model, delivered []dsync.Event) error {
	c := consume(delivered)
	users, groups := map[string]bool{}, map[string]bool{}
	for _, kind := range []table.Kind{table.User, table.Group} {
		for x, err := range t.All(ctx, kind, m.id, "") {
			if err != nil {
				return err
			}
			switch {
			case kind == table.Group:
				groups[x.ID] = true
			case !x.Hidden:
				users[x.ID] = true
			}
		}
	}
	compare := func(what string, got, want map[string]bool) {
		for id := range want {
			if !got[id] {
				r.problem(&r.StateDifferences, "%s: missing in the consumer: %s %s", m.id, what, id)
			}
		}
		for id := range got {
			if !want[id] {
				r.problem(&r.StateDifferences, "%s: unexpected in the consumer: %s %s", m.id, what, id)
			}
		}
	}
	compare("user", c.users, users)
	compare("group", c.groups, groups)
	for group := range groups {
		members := map[string]bool{}
		for x, err := range t.Members(ctx, m.id, group, "") {
			if err != nil {
				return err
			}
			if users[x.UserID] {
				members[x.UserID] = true
			}
		}
		compare("member of "+group, c.members(group), members)
	}
	// Compare the model with the table.
	modelled := map[string]bool{}
	for id := range m.users {
		if !m.hidden(id) {
			modelled[id] = true
		}
	}
	compare("user (model)", modelled, users)
	return nil
}

func readDiary(path string, counts map[string]int) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		counts[lines.Text()]++
	}
	return lines.Err()
}

// Print writes the counts and the violations.
func (r *Report) Print(w io.Writer) {
	row := func(what string, n int) { fmt.Fprintf(w, "  %-58s %8d\n", what, n) }
	fmt.Fprintf(w, "%d changes in %d directories, %d of them deleted; %s for the changes, %s in total\n\n",
		r.Changes, r.Directories, r.Deleted, r.Worked.Round(time.Second), r.Took.Round(time.Second))
	fmt.Fprintln(w, "Faults")
	for _, fault := range everyFault {
		row(fault, r.faults[fault])
	}
	fmt.Fprintln(w, "\nEvents")
	row("expected by the model", r.Expected)
	row("in the log", r.Logged)
	row("delivered by the bus", r.Delivered)
	row("  without duplicates", r.Distinct)
	row("read from the log with cursors", r.Read)
	row("  returned again", r.ReadAgain)
	fmt.Fprintln(w, "\nViolations (each count must be 0)")
	row("not delivered by the bus", r.Lost)
	row("delivered by the bus, but not in the log", r.Unexpected)
	row("different events with one ID", r.DifferentUnderOneID)
	row("missing in the log", r.MissingInLog)
	row("in the log, but not expected", r.ForeignInLog)
	row("missing for the reader", r.MissingForReader)
	row("out of order on the bus, per resource", r.OrderPerResource)
	row("out of order in the log, per directory", r.OrderInLog)
	row("out of order for the reader, per directory", r.OrderForReader)
	row("differences between the consumer and the table", r.StateDifferences)
	row("remaining records of deleted directories", r.RecordsLeft)
	row("messages in the dead-letter queue of the relay", r.Parked)
	row("batches discarded by the event source mapping", r.GivenUp)
	for _, fault := range r.Unfaulted() {
		fmt.Fprintf(w, "\nThe campaign did not inject this fault: %s. Run a longer campaign.\n", fault)
	}
	for _, p := range r.problems {
		fmt.Fprintln(w, " ", p)
	}
}
