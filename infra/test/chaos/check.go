package chaos

import (
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"
	"dsync/internal/table/count"
)

// check compares the events from the bus, the log and the reader with the
// models.
func (r *campaign) check(ctx context.Context) (*Report, error) {
	report := &Report{Directories: len(r.tenants), faults: r.faults.counts()}
	if err := readDiary(r.Folder, faultsFile, report.faults); err != nil {
		return nil, err
	}
	err := decodeLines(filepath.Join(r.Folder, givenUpFile), func(line json.RawMessage) error {
		if isPoison(string(line)) {
			report.PoisonGivenUp++
			return nil
		}
		report.problem(&report.GivenUp, "discarded: %.300s", line)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := report.poison(r); err != nil {
		return nil, err
	}
	report.Revived = r.revived(ctx)
	r.invalid.mu.Lock()
	for message, n := range r.invalid.messages {
		report.problem(&report.Invalid, "%d times %.500s", n, message)
	}
	r.invalid.mu.Unlock()

	first := map[string]dsync.Event{}
	delivered := map[string][]dsync.Event{} // directory → events without duplicates, in the order of delivery
	sequences := map[string]map[int64]bool{}
	for n, e := range r.bus.deliveries() {
		if r.Sabotage == LosesSequence && n%100 == 99 {
			e.Context.Sequence++
		}
		collect(sequences, e)
		report.Delivered++
		if earlier, repeated := first[e.ID]; repeated {
			if factOf(earlier) != factOf(e) {
				report.problem(&report.DifferentUnderOneID, "event %s has two contents: %s and %s", e.ID, earlier.Name, e.Name)
			}
			continue
		}
		first[e.ID] = e
		delivered[e.References().DirectoryID] = append(delivered[e.References().DirectoryID], e)
	}
	report.Distinct = len(first)
	read := map[string][]dsync.Event{}
	seen, repeats := r.reader.events()
	for _, e := range seen {
		collect(sequences, e)
		read[e.References().DirectoryID] = append(read[e.References().DirectoryID], e)
	}
	report.Read, report.ReadAgain = len(seen), repeats

	for _, t := range r.tenants {
		logged, err := r.logged(ctx, t.id)
		if err != nil {
			return nil, err
		}
		for _, e := range logged {
			collect(sequences, e)
		}
		report.faults[userOversized] += t.oversize
		report.Repeated += t.repeated
		report.Changes += t.changes
		report.Logged += len(logged)
		way := t.slowest(r.bus.arrived)
		report.Slowest = max(report.Slowest, way)
		report.log(t.model, logged, way)
		report.causes(t.model, logged)
		report.delivered(t.model, logged, delivered[t.id])
		report.read(t.model, logged, read[t.id])
		if err := report.state(ctx, r.exact, t.model, delivered[t.id]); err != nil {
			return nil, err
		}
		if t.deleted() {
			report.Deleted++
			report.RecordsLeft += r.left(ctx, t.id)
		}
	}
	for id, several := range sequences {
		if len(several) > 1 {
			report.problem(&report.DifferentSequences, "event %s has the sequences %v", id, slices.Sorted(maps.Keys(several)))
		}
	}
	return report, nil
}

// collect collects the sequences under which an event is known.
func collect(sequences map[string]map[int64]bool, e dsync.Event) {
	if sequences[e.ID] == nil {
		sequences[e.ID] = map[int64]bool{}
	}
	sequences[e.ID][e.Context.Sequence] = true
}

// poison looks for what poison records have stopped, and for other records that
// were parked.
func (r *Report) poison(c *campaign) error {
	ids, received, err := stopped(c.Folder)
	if err != nil {
		return err
	}
	r.Poison = received
	for _, id := range ids {
		r.problem(&r.StoppedByPoison, "the batch with the poison record %s was never processed", id)
	}
	bodies, err := c.parked()
	for _, body := range bodies {
		if isPoison(body) {
			r.PoisonParked++
			continue
		}
		r.problem(&r.Parked, "parked: %.300s", body)
	}
	return err
}

// log compares the log of a directory with its model. Each subject must have its
// expected events in their order. way is how long the slowest event of the
// directory was on its way.
func (r *Report) log(m *model, logged []dsync.Event, way time.Duration) {
	want, got := map[fact][]expectation{}, map[fact][]fact{}
	for _, w := range m.want {
		r.Expected++
		if w.optional = w.optionalIn(way); w.optional {
			r.Optional++
		}
		want[w.subject()] = append(want[w.subject()], w)
	}
	for n, e := range logged {
		if e.Context.Sequence != int64(n+1) {
			r.problem(&r.Gaps, "%s: the event at place %d of the log, %s, has the sequence %d", m.id, n+1, e.ID, e.Context.Sequence)
		}
		f := factOf(e)
		got[f.subject()] = append(got[f.subject()], f)
		if want[f.subject()] == nil {
			r.problem(&r.ForeignInLog, "%s: the log contains %+v, which is not expected", m.id, f)
		}
	}
	for subject, expected := range want {
		r.compare(m, expected, got[subject])
	}
}

// compare compares the events of one subject.
func (r *Report) compare(m *model, want []expectation, got []fact) {
	if fits(want, got) {
		r.Dropped += len(want) - len(got)
		return
	}
	open := map[fact]int{}
	for _, w := range want {
		open[w.fact]++
	}
	missing, foreign := r.MissingInLog, r.ForeignInLog
	for _, f := range got {
		if open[f]--; open[f] < 0 {
			r.problem(&r.ForeignInLog, "%s: the log contains %+v, which is not expected", m.id, f)
		}
	}
	for _, w := range want {
		if open[w.fact] > 0 && !w.optional {
			open[w.fact]--
			r.problem(&r.MissingInLog, "%s: the log does not contain %+v%s", m.id, w.fact, m.fate(w))
		}
	}
	if missing == r.MissingInLog && foreign == r.ForeignInLog {
		r.problem(&r.OrderInLog, "%s: the log has %v, want %v", m.id, got, want)
	}
}

// fits reports whether events are the expected ones in their order, without some
// of the optional ones.
func fits(want []expectation, got []fact) bool {
	switch {
	case len(got) > len(want):
		return false
	case len(want) == 0:
		return true
	case len(got) > 0 && got[0] == want[0].fact && fits(want[1:], got[1:]):
		return true
	}
	return want[0].optional && fits(want[1:], got)
}

// causes checks that the events about a resource are between its creation and its
// deletion, and that nothing follows the deletion of the directory.
func (r *Report) causes(m *model, logged []dsync.Event) {
	visible, existed := map[string]bool{}, map[string]bool{}
	ended := false
	for _, e := range logged {
		f := factOf(e)
		if ended {
			r.problem(&r.AboutDeleted, "%s: %s %s follows the deletion of the directory", m.id, e.Name, e.ID)
		}
		switch e.Name {
		case dsync.UserCreated, dsync.GroupCreated:
			visible[f.user+f.group], existed[f.user+f.group] = true, true
			continue
		case dsync.DirectoryDeleted:
			ended = true
		}
		for _, id := range []string{f.user, f.group} {
			switch {
			case id == "" || visible[id]:
			case existed[id]:
				r.problem(&r.AboutDeleted, "%s: %s %s follows the deletion of %s", m.id, e.Name, e.ID, id)
			default:
				r.problem(&r.TooEarly, "%s: %s %s precedes the creation of %s", m.id, e.Name, e.ID, id)
			}
		}
		if e.Name == dsync.UserDeleted || e.Name == dsync.GroupDeleted {
			visible[f.user+f.group] = false
		}
	}
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
	for _, e := range delivered {
		subject := factOf(e).subject()
		if position[e.ID] < newest[subject] {
			r.problem(&r.OrderPerResource, "%s: %s %s is out of order", m.id, e.Name, e.ID)
		}
		newest[subject] = max(newest[subject], position[e.ID])
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
	log := eventlog.New(r.exact, time.Now)
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
	counts, err := t.Counts(ctx, m.id)
	if err != nil {
		return err
	}
	want := count.Counts{Known: true, Groups: len(m.groups), Cut: counts.Cut}
	for _, u := range m.users {
		if u.active {
			want.Active++
		} else {
			want.Inactive++
		}
	}
	if counts != want && !m.deleted() {
		r.problem(&r.Miscounted, "%s: the directory counts %+v, want %+v", m.id, counts, want)
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
