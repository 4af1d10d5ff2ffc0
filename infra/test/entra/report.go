package entra

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// check is a property of the system that a run checks.
type check int

const (
	checkAnswers check = iota
	checkState
	checkNothing
	checkMembers
	checkConcurrent
	checkRetries
	checkDisabled
	checkDeleted
	checkLeft
	checkMissing
	checkSurplus
	checkContent
	checkEnvelope
	checkResourceOrder
	checkSequence
	checkCount
)

var checkNames = [checkCount]string{
	checkAnswers:       "every request gets the answer that the provider requires",
	checkState:         "resources that are read equal the provisioned resources",
	checkNothing:       "a PATCH without a change keeps version and lastModified",
	checkMembers:       "a membership PATCH changes only the members in it",
	checkConcurrent:    "all concurrent adds to one group take effect",
	checkRetries:       "a request repeated after a timeout takes effect once",
	checkDisabled:      "a disabled user can be read and filtered and stays in its groups",
	checkDeleted:       "a deleted resource does not exist, and its userName is free",
	checkLeft:          "all resources that the run created are deleted",
	checkMissing:       "every change causes its event",
	checkSurplus:       "no event arrives without a change",
	checkContent:       "events contain the new and the previous values",
	checkEnvelope:      "events have the specified format",
	checkResourceOrder: "events of one resource arrive in the order of its requests",
	checkSequence:      "events have sequences without a gap, memberships after their user and group",
}

// Report is the result of a run.
type Report struct {
	Duration   time.Duration
	Requests   []RequestCount
	Events     []EventCount // of resources that the run created, without duplicates
	Latency    Quantiles    // from the SCIM answer to the event
	Duplicates int          // repeated deliveries of an event id
	Checks     []Check
}

// RequestCount counts requests of one kind in one dialect.
type RequestCount struct {
	Kind     string // "PATCH /Users/{id}"
	Dialect  string
	Count    int
	Statuses map[int]int // 0: cut off deliberately
	Time     Quantiles   // of the answered requests
}

// EventCount counts events of one type.
type EventCount struct {
	Type               string
	Expected, Received int
}

// Quantiles are the quantiles of a series of durations.
type Quantiles struct{ P50, P95 time.Duration }

// Check is the result of one check.
type Check struct {
	Name    string
	Skipped bool     // the check was not made
	Failed  []string // failures; empty if the check passed
}

// Passed reports whether no check failed.
func (r Report) Passed() bool {
	return len(r.Checks) > 0 && !slices.ContainsFunc(r.Checks, func(c Check) bool { return len(c.Failed) > 0 })
}

func (r *run) report(started time.Time, arrivals []arrival) Report {
	report := Report{Duration: time.Since(started), Requests: countRequests(r.client.exchanges())}
	v := r.judge(arrivals)
	watched := r.config.Events != nil && r.err == nil && !r.halted
	if watched {
		r.failures[checkMissing] = v.missing
		r.failures[checkSurplus] = v.surplus
		r.failures[checkContent] = v.content
		r.failures[checkEnvelope] = v.envelope
		r.failures[checkResourceOrder] = v.resourceOrder
		r.failures[checkSequence] = v.sequence
		report.Latency, report.Duplicates = quantiles(v.latencies), v.duplicates
		report.Events = r.countEvents(v.received)
	}
	for c, name := range checkNames {
		failed := r.failures[c]
		skipped := len(failed) == 0 && (r.halted || r.err != nil || check(c) >= checkMissing && !watched)
		report.Checks = append(report.Checks, Check{name, skipped, failed})
	}
	return report
}

func (r *run) countEvents(received map[string]int) []EventCount {
	expected := map[string]int{}
	for _, x := range r.expected {
		expected[x.kind]++
	}
	types := slices.Clone(eventTypes)
	for _, t := range sortedKeys(received) {
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	var counts []EventCount
	for _, t := range types {
		counts = append(counts, EventCount{t, expected[t], received[t]})
	}
	return counts
}

func countRequests(log []exchange) []RequestCount {
	type key struct {
		kind    string
		dialect dialect
	}
	counts, times := map[key]*RequestCount{}, map[key][]time.Duration{}
	for _, x := range log {
		k := key{x.kind, x.dialect}
		if counts[k] == nil {
			counts[k] = &RequestCount{Kind: x.kind, Dialect: string(x.dialect), Statuses: map[int]int{}}
		}
		counts[k].Count++
		counts[k].Statuses[x.status]++
		if x.status != 0 {
			times[k] = append(times[k], x.took)
		}
	}
	var rows []RequestCount
	for k, c := range counts {
		c.Time = quantiles(times[k])
		rows = append(rows, *c)
	}
	endpoint := func(c RequestCount) string { _, path, _ := strings.Cut(c.Kind, " "); return path }
	slices.SortFunc(rows, func(a, b RequestCount) int {
		return cmp.Or(-cmp.Compare(endpoint(a), endpoint(b)), cmp.Compare(a.Kind, b.Kind), -cmp.Compare(a.Dialect, b.Dialect))
	})
	return rows
}

// quantiles uses the nearest rank.
func quantiles(series []time.Duration) Quantiles {
	if len(series) == 0 {
		return Quantiles{}
	}
	sorted := slices.Sorted(slices.Values(series))
	rank := func(percent int) time.Duration { return sorted[(len(sorted)*percent+99)/100-1] }
	return Quantiles{rank(50), rank(95)}
}

// maxDetails limits the failures that the report lists for one check.
const maxDetails = 8

func (r Report) write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "\nREQUEST\tDIALECT\tCOUNT\tP50\tP95\tSTATUSES")
	for _, q := range r.Requests {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\n", q.Kind, q.Dialect, q.Count, millis(q.Time.P50), millis(q.Time.P95), statuses(q.Statuses))
	}
	if len(r.Events) > 0 {
		fmt.Fprintln(t, "\nEVENT\tEXPECTED\tRECEIVED")
		for _, e := range r.Events {
			fmt.Fprintf(t, "%s\t%d\t%d\n", e.Type, e.Expected, e.Received)
		}
	}
	t.Flush()
	if len(r.Events) > 0 {
		fmt.Fprintf(w, "\nLatency from answer to event: p50 %s, p95 %s. Duplicate deliveries: %d.\n",
			millis(r.Latency.P50), millis(r.Latency.P95), r.Duplicates)
	}
	fmt.Fprintln(w)
	failed := 0
	for _, c := range r.Checks {
		word := "ok"
		switch {
		case len(c.Failed) > 0:
			word = "FAILED"
			failed++
		case c.Skipped:
			word = "-"
		}
		fmt.Fprintf(w, "%-7s %s\n", word, c.Name)
		for i, detail := range c.Failed {
			if i == maxDetails {
				fmt.Fprintf(w, "          … and %d more\n", len(c.Failed)-i)
				break
			}
			fmt.Fprintf(w, "          %s\n", detail)
		}
	}
	fmt.Fprintln(w)
	requests, events := 0, 0
	for _, q := range r.Requests {
		requests += q.Count
	}
	for _, e := range r.Events {
		events += e.Received
	}
	outcome := "All checks passed"
	if failed > 0 {
		outcome = fmt.Sprintf("%d of %d checks FAILED", failed, len(r.Checks))
	} else if slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Skipped }) {
		outcome = "No check failed; those marked - were not made"
	}
	fmt.Fprintf(w, "%s: %d requests, %d events, %s.\n", outcome, requests, events, r.Duration.Round(100*time.Millisecond))
}

func statuses(counts map[int]int) string {
	var parts []string
	for _, status := range sortedKeys(counts) {
		name := fmt.Sprint(status)
		if status == 0 {
			name = "cut off"
		}
		parts = append(parts, fmt.Sprintf("%s × %d", name, counts[status]))
	}
	return strings.Join(parts, ", ")
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
