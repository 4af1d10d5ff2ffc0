package setup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/web"
	"dsync/internal/wording"
)

// How many users and groups the page shows.
const (
	shownUsers  = 10
	shownGroups = 5
)

// The steps of the page, in their order.
const (
	stepWelcome = iota
	stepApplication
	stepConnect
	stepMappings
	stepPerson
	stepPeople
	stepOn
	stepDone
	steps
)

// stepNames are the keys of the steps in the texts.
var stepNames = [steps]string{"welcome", "application", "connect", "mappings", "person", "people", "on", "done"}

// live is what the page knows of the traffic.
type live struct {
	Box      box
	Ticks    []tick
	Checks   []check
	Person   *person // who came first of those that are shown
	People   []person
	Groups   []group
	Users    int
	Grouped  int // number of groups
	Findings []finding
	Now      time.Time
}

// box says whether Test Connection came.
type box struct {
	Tone   string
	Title  string
	Text   string
	Remedy string
	Code   string    // of a finding; waiting, received or token
	At     time.Time // zero for none
}

// tick is a step with its state: done, todo or look.
type tick struct {
	Number     int
	Name, Text string
	State      string
	Badge      web.Badge
}

// check is what a mapping gives.
type check struct {
	Badge        web.Badge
	Text, Remedy string
}

// person is a user as it was received.
type person struct {
	Name, UserName string
	Email          string
	Attributes     []wording.Attribute
	At             time.Time
	Problems       []string
}

type group struct {
	Name    string
	Members string
	Empty   bool
	At      time.Time
}

// finding is a finding in the language of the page.
type finding struct {
	Code         string
	Badge        web.Badge
	Text, Remedy string
	Since        time.Time
}

// live reads what came to the directory.
func (r *request) live(ctx context.Context) (l live, d management.Directory, err error) {
	if d, err = r.session.Directory(ctx); err != nil {
		return l, d, err
	}
	l.Now = r.site.now()
	counts, err := r.session.Counts(ctx)
	if err != nil {
		return l, d, err
	}
	users, err := r.session.Users(ctx, shownUsers)
	if err != nil {
		return l, d, err
	}
	groups, err := r.session.Groups(ctx, shownGroups)
	if err != nil {
		return l, d, err
	}
	findings, err := r.session.Findings(ctx)
	if err != nil {
		return l, d, err
	}
	t := r.texts()
	// The counts follow the log of events, the lists do not.
	l.Users, l.Grouped = max(counts.Active+counts.Inactive, len(users)), max(counts.Groups, len(groups))
	for _, u := range users {
		l.People = append(l.People, personOf(t, u))
	}
	if len(l.People) > 0 {
		l.Person = &l.People[len(l.People)-1]
	}
	for _, g := range groups {
		members := fmt.Sprint(g.Members)
		if g.More {
			members += "+"
		}
		l.Groups = append(l.Groups, group{cmp.Or(text(g.Document, "displayName"), g.ID), members, g.Members == 0, g.Created})
	}
	l.Checks = checksOf(t, users)
	for _, f := range findings {
		if !slices.Contains(connection, f.Code) || len(users) > 0 && f.Severity == doctor.Blocks {
			l.Findings = append(l.Findings, findingOf(t, f))
		}
	}
	l.Box = boxOf(t, d, findings)
	l.Ticks = ticksOf(t, l, findings)
	return l, d, nil
}

// connection are the codes of findings about the way to the directory, which the box
// shows.
var connection = append(doctor.TokenCodes(), doctor.URLWrong, doctor.TestConnection)

// boxOf says whether Test Connection came, or why it was refused: whichever is newer.
func boxOf(t Texts, d management.Directory, findings []doctor.Finding) box {
	newest := doctor.Finding{}
	for _, f := range findings {
		if slices.Contains(connection, f.Code) && f.Last.After(newest.Last) {
			newest = f
		}
	}
	switch {
	case newest.Severity == doctor.Blocks:
		f := findingOf(t, newest)
		return box{Tone: "bad", Title: t.Text("live.refused"), Text: f.Text, Remedy: f.Remedy, Code: f.Code, At: newest.Last}
	case !newest.Last.IsZero():
		return box{Tone: "good", Title: t.Text("live.received"), Text: t.Text("live.save"), Code: "received", At: newest.Last}
	case !d.Pending:
		return box{Tone: "good", Title: t.Text("live.connected"), Text: t.Text("live.save"), Code: "received"}
	case len(d.Tokens) == 0:
		return box{Tone: "off", Title: t.Text("live.token"), Text: t.Text("live.token.text"), Code: "token"}
	}
	return box{Tone: "wait", Title: t.Text("live.waiting"), Text: t.Text("live.waiting.text"), Code: "waiting"}
}

// findingOf says a finding in the language of the page; where it has no words for it,
// in those of the finding.
func findingOf(t Texts, f doctor.Finding) finding {
	said := finding{Code: f.Code, Text: f.Text, Remedy: f.Remedy, Since: f.Since, Badge: web.Off(t.Text("finding.informs"))}
	if key := "finding." + f.Code; t.Has(key + ".text") {
		said.Text, said.Remedy = t.Text(key+".text"), t.Text(key+".remedy")
	}
	switch {
	case f.Severity == doctor.Blocks:
		said.Badge = web.Bad(t.Text("finding.blocks"))
	case f.Severity == doctor.Warns:
		said.Badge = web.Wait(t.Text("finding.warns"))
	}
	return said
}

// Healthy reports whether all that came is as it should be.
func (l live) Healthy() bool {
	return l.checked() && !slices.ContainsFunc(l.Findings, func(f finding) bool { return f.Badge.Tone != "off" })
}

// checked reports whether each mapping that matters gives what it should.
func (l live) checked() bool {
	return l.Users > 0 && !slices.ContainsFunc(l.Checks, func(c check) bool { return c.Badge.Tone != "good" })
}

// ticksOf are the states of the steps.
func ticksOf(t Texts, l live, findings []doctor.Finding) []tick {
	connected := l.Box.Code == "received" || l.Users > 0
	checked := l.checked()
	several := l.Users > 1
	blocked := slices.ContainsFunc(findings, func(f doctor.Finding) bool { return f.Severity == doctor.Blocks })
	done := [steps]bool{
		stepWelcome: true, stepApplication: connected, stepConnect: connected, stepMappings: checked, stepPerson: l.Users > 0,
		stepPeople: several || l.Grouped > 0, stepOn: several, stepDone: several && connected && checked && !blocked,
	}
	look := [steps]bool{
		stepConnect: l.Box.Tone == "bad", stepMappings: l.Users > 0 && !checked,
		stepPeople: slices.ContainsFunc(l.Groups, func(g group) bool { return g.Empty }) && several, stepDone: blocked && several,
	}
	ticks := make([]tick, steps)
	for i := range ticks {
		k := tick{Number: i + 1, Name: stepNames[i], Text: t.Text("step." + stepNames[i]), State: "todo", Badge: web.Off(t.Text("tick.todo"))}
		switch {
		case look[i]:
			k.State, k.Badge = "look", web.Wait(t.Text("tick.look"))
		case done[i]:
			k.State, k.Badge = "done", web.Good(t.Text("tick.done"))
		}
		ticks[i] = k
	}
	return ticks
}

// Tick is the state of a step.
func (l live) Tick(name string) tick {
	return l.Ticks[slices.Index(stepNames[:], name)]
}
