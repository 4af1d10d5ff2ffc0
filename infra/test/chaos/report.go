package chaos

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Report is the result of a campaign.
type Report struct {
	Directories, Changes, Deleted int
	Expected, Optional, Dropped   int // events; Dropped are the optional ones that were not logged
	Delivered, Distinct           int // by the bus
	Logged, Read, ReadAgain       int
	Lost, Unexpected              int // on the bus
	MissingInLog, ForeignInLog    int
	MissingForReader              int
	OrderPerResource              int // violations on the bus
	OrderInLog, OrderForReader    int
	Gaps                          int // in the sequence of a directory
	DifferentSequences            int // of one event
	TooEarly                      int // events about a resource before its creation
	AboutDeleted                  int // events about a resource after its deletion
	DifferentUnderOneID           int
	StateDifferences              int // between the consumer and the table
	Miscounted                    int // directories
	RecordsLeft                   int // of deleted directories
	Repeated                      int // requests that had their effect before a repetition
	Poison                        int // records
	StoppedByPoison               int
	PoisonParked, PoisonGivenUp   int
	Parked, GivenUp               int // that are no poison
	Invalid                       int // calls of DynamoDB
	Revived                       int // tokens that were revoked
	VictimLate                    int
	Slowest                       time.Duration // from a change to its event on the bus
	victim                        delays
	took                          phases
	faults                        map[string]int
	problems                      []string
}

// row is a line of the report.
type row struct {
	text  string
	count int
}

// promises returns the violations of each promise.
func (r *Report) promises() []row {
	return []row{
		{"not delivered by the bus", r.Lost},
		{"delivered by the bus, but not in the log", r.Unexpected},
		{"different events with one ID", r.DifferentUnderOneID},
		{"missing in the log", r.MissingInLog},
		{"in the log, but not expected", r.ForeignInLog},
		{"missing for the reader", r.MissingForReader},
		{"out of order on the bus, per resource", r.OrderPerResource},
		{"out of order in the log, per resource", r.OrderInLog},
		{"out of order for the reader, per directory", r.OrderForReader},
		{"gaps in the sequence of a directory", r.Gaps},
		{"events with two sequences", r.DifferentSequences},
		{"events about a resource before its creation", r.TooEarly},
		{"events about a resource after its deletion", r.AboutDeleted},
		{"differences between the consumer and the table", r.StateDifferences},
		{"directories that count their users and groups wrong", r.Miscounted},
		{"remaining records of deleted directories", r.RecordsLeft},
		{"records that poison has stopped", r.StoppedByPoison},
		{"messages in the dead-letter queue that are no poison", r.Parked},
		{"calls that DynamoDB rejects as invalid", r.Invalid},
		{"discarded batches that are no poison", r.GivenUp},
		{"revoked tokens that open a session after the restore", r.Revived},
		{fmt.Sprintf("events of the victim later than %s", bearable), r.VictimLate},
	}
}

// Violations counts the violations of all promises.
func (r *Report) Violations() (n int) {
	for _, p := range r.promises() {
		n += p.count
	}
	return n
}

// open returns the violations in one line, with one example.
func (r *Report) open() string {
	var counts []string
	for _, p := range r.promises() {
		if p.count > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", p.count, p.text))
		}
	}
	if len(r.problems) > 0 {
		counts = append(counts, "for example: "+r.problems[len(r.problems)-1])
	}
	return strings.Join(counts, "; ")
}

// Passed reports whether the campaign found no violation and injected every
// fault.
func (r *Report) Passed() bool { return r.Violations() == 0 && len(r.Unfaulted()) == 0 }

// Unfaulted returns the faults that the campaign did not inject.
func (r *Report) Unfaulted() (list []string) {
	for _, fault := range everyFault {
		if r.faults[fault] == 0 {
			list = append(list, fault)
		}
	}
	return list
}

// problem counts a violation. It stores the descriptions of the first violations
// of each promise.
func (r *Report) problem(count *int, format string, arguments ...any) {
	if *count++; *count <= described {
		r.problems = append(r.problems, fmt.Sprintf(format, arguments...))
	}
}

const described = 5

// Print writes the counts and the violations.
func (r *Report) Print(w io.Writer) {
	print := func(what string, n int) { fmt.Fprintf(w, "  %-58s %8d\n", what, n) }
	second := func(d time.Duration) time.Duration { return d.Round(time.Second) }
	fmt.Fprintf(w, "%d changes in %d directories, %d of them deleted; %s for the changes, %s until the last event, %s for the attack, %s in total\n\n",
		r.Changes, r.Directories, r.Deleted, second(r.took.work), second(r.took.settle), second(r.took.attack), second(r.took.total))
	fmt.Fprintln(w, "Faults")
	for _, fault := range everyFault {
		print(fault, r.faults[fault])
	}
	fmt.Fprintln(w, "\nEvents")
	print("expected by the model", r.Expected)
	print("  of these optional: their subject is deleted meanwhile", r.Optional)
	print("  of these not logged", r.Dropped)
	print("in the log", r.Logged)
	print("delivered by the bus", r.Delivered)
	print("  without duplicates", r.Distinct)
	print("read from the log with cursors", r.Read)
	print("  returned again", r.ReadAgain)
	print("requests that found their own effect", r.Repeated)
	print("poison records", r.Poison)
	print("  in the dead-letter queue", r.PoisonParked)
	print("  discarded by the event source mapping", r.PoisonGivenUp)
	print("seconds from a change to its event, at most", int(r.Slowest.Seconds()))
	if r.took.attack > 0 {
		fmt.Fprintf(w, "\nA victim beside an attacker: %s\n", r.victim)
	}
	fmt.Fprintln(w, "\nViolations (each count must be 0)")
	for _, p := range r.promises() {
		print(p.text, p.count)
	}
	for _, fault := range r.Unfaulted() {
		fmt.Fprintf(w, "\nThe campaign did not inject this fault: %s. Run a longer campaign.\n", fault)
	}
	for _, p := range r.problems {
		fmt.Fprintln(w, " ", p)
	}
}
