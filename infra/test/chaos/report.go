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

// Report is what a campaign found.
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

// Passed reports whether all promises were kept, under all faults.
func (r *Report) Passed() bool {
	return r.Lost+r.Unexpected+r.MissingInLog+r.ForeignInLog+r.MissingForReader+r.OrderPerResource+r.OrderInLog+r.OrderForReader+
		r.DifferentUnderOneID+r.StateDifferences+r.RecordsLeft+r.Parked+r.GivenUp == 0 && len(r.Unfaulted()) == 0
}

// everyFault is what a campaign makes happen.
var everyFault = []string{
	"PutEvents fails", "PutEvents is throttled", "PutEvents times out after accepting", "an entry of PutEvents fails",
	"the relay dies between two steps", "a job dies between two steps", "a batch is delivered twice", "a batch is delivered twice at once",
	"a shard is late", "the process is killed",
}

// Unfaulted lists the faults that did not happen.
func (r *Report) Unfaulted() (list []string) {
	for _, fault := range everyFault {
		if r.faults[fault] == 0 {
			list = append(list, fault)
		}
	}
	return list
}

// problem notes what was found, the first of many in words.
func (r *Report) problem(count *int, format string, arguments ...any) {
	if *count++; len(r.problems) < 40 {
		r.problems = append(r.problems, fmt.Sprintf(format, arguments...))
	}
}

// check holds what the bus, the log and the reader saw against the models.
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
	delivered := map[string][]dsync.Event{} // directory → each event once, in the order of the bus
	for _, e := range r.bus.all {
		report.Delivered++
		if earlier, repeated := first[e.ID]; repeated {
			if earlier.Name != e.Name || earlier.References() != e.References() {
				report.problem(&report.DifferentUnderOneID, "%s is %s and %s", e.ID, earlier.Name, e.Name)
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

// log holds the log of a directory against its model: the same events, in the
// same order; those of one step in any.
func (r *Report) log(m *model, logged []dsync.Event) {
	got := facts(logged)
	for n, want := range sorted(m.want) {
		switch {
		case n >= len(got):
			r.problem(&r.MissingInLog, "%s: the log lacks %+v", m.id, want)
			continue
		case got[n].name != want.name:
			r.problem(&r.OrderInLog, "%s: entry %d is %+v, want %+v", m.id, n, got[n], want)
		}
	}
	if len(got) > len(m.want) {
		r.problem(&r.ForeignInLog, "%s: the log has %d entries, want %d", m.id, len(got), len(m.want))
	}
	// The whole, without the order within a step.
	steps := slices.Clone(m.want)
	for n := range min(len(got), len(steps)) {
		got[n].step = steps[n].step
	}
	a, b := sorted(steps), sorted(got)
	for n := range min(len(a), len(b)) {
		if a[n] != b[n] {
			r.problem(&r.OrderInLog, "%s: %+v, want %+v", m.id, b[n], a[n])
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

// facts are what events say.
func facts(all []dsync.Event) (list []fact) {
	for _, e := range all {
		about := e.References()
		list = append(list, fact{name: e.Name, user: about.UserID, group: about.GroupID})
	}
	return list
}

// delivered holds what the bus delivered against the log: the same events; and
// those of one resource in its order.
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
			// A membership does not come before its user or group; two
			// memberships may come in any order.
			key := about
			if f.user != "" && f.group != "" {
				key = fact{user: f.user, group: f.group}
				if position[e.ID] < newest[about] {
					r.problem(&r.OrderPerResource, "%s: %s %s comes late", m.id, e.Name, e.ID)
				}
			}
			if position[e.ID] < newest[key] {
				r.problem(&r.OrderPerResource, "%s: %s %s comes late", m.id, e.Name, e.ID)
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
			r.problem(&r.OrderForReader, "%s: the reader saw %s at place %d, want %s", m.id, read[n].ID, n, logged[n].ID)
			return
		}
	}
}

// same compares two sets of events.
func (r *Report) same(m *model, who string, want, got []dsync.Event, missing, foreign *int) {
	there := map[string]bool{}
	for _, e := range got {
		there[e.ID] = true
	}
	for _, e := range want {
		if !there[e.ID] {
			r.problem(missing, "%s: the %s lacks %s %s", m.id, who, e.Name, e.ID)
		}
		delete(there, e.ID)
	}
	for id := range there {
		r.problem(foreign, "%s: the %s has %s, which is not in the log", m.id, who, id)
	}
}

// logged is the log of a directory.
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

// state applies what the bus delivered, as a consumer does that drops what is
// older than what it knows, and compares the end with the table.
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
				r.problem(&r.StateDifferences, "%s: the consumer lacks %s %s", m.id, what, id)
			}
		}
		for id := range got {
			if !want[id] {
				r.problem(&r.StateDifferences, "%s: the consumer still has %s %s", m.id, what, id)
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
	// The table itself is what the model says.
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

// Print writes the counts.
func (r *Report) Print(w io.Writer) {
	row := func(what string, n int) { fmt.Fprintf(w, "  %-58s %8d\n", what, n) }
	fmt.Fprintf(w, "%d changes in %d directories, %d of them deleted; %s of changes, %s in all\n\n",
		r.Changes, r.Directories, r.Deleted, r.Worked.Round(time.Second), r.Took.Round(time.Second))
	fmt.Fprintln(w, "Faults")
	for _, fault := range everyFault {
		row(fault, r.faults[fault])
	}
	fmt.Fprintln(w, "\nEvents")
	row("expected by the model", r.Expected)
	row("in the log", r.Logged)
	row("delivered by the bus", r.Delivered)
	row("  of which different", r.Distinct)
	row("seen by the reader who follows the cursor", r.Read)
	row("  shown to it once more", r.ReadAgain)
	fmt.Fprintln(w, "\nPromises (all must be 0)")
	row("lost on the bus", r.Lost)
	row("on the bus, but not in the log", r.Unexpected)
	row("different events under one id", r.DifferentUnderOneID)
	row("missing in the log", r.MissingInLog)
	row("in the log, but not expected", r.ForeignInLog)
	row("missed by the reader", r.MissingForReader)
	row("out of order on the bus, per resource", r.OrderPerResource)
	row("out of order in the log, per directory", r.OrderInLog)
	row("out of order for the reader, per directory", r.OrderForReader)
	row("differences between the consumer and the table", r.StateDifferences)
	row("records left of deleted directories", r.RecordsLeft)
	row("parked", r.Parked)
	row("given up by the event source mapping", r.GivenUp)
	for _, fault := range r.Unfaulted() {
		fmt.Fprintf(w, "\nThis fault did not happen: %s. A longer campaign would have it.\n", fault)
	}
	for _, p := range r.problems {
		fmt.Fprintln(w, " ", p)
	}
}
