package main

import (
	"fmt"
	"math"
	"strings"
)

// directories contains the number of directories of each column.
var directories = []float64{10, 1_000, 10_000}

// hypothetical is the price of a hosted product in US dollars per connection and
// month. It is an example for the formula, not the price of a vendor.
const hypothetical = 50

// page returns the content of docs/cost.md.
func page() string {
	var b strings.Builder
	line := func(format string, arguments ...any) { fmt.Fprintf(&b, format+"\n", arguments...) }

	line("# Monthly costs")
	line("")
	line("`go run ./infra/cmd/cost` computes this page from three inputs: the units that tests measure or limit (each constant in `infra/cmd/cost/units.go` names its test), the prices that AWS publishes for us-east-1, and the assumptions below. Not included are free tiers, discounts, taxes, support, your own consumers, and the work of operating the stack. The figures have not been compared with a bill: dsync has not run on AWS yet.")
	line("")
	line("## Usage of one directory")
	line("")
	line("| | %s | %s |", sizes[0].name, sizes[1].name)
	line("|---|---|---|")
	for _, row := range []struct {
		name string
		of   func(s size) float64
	}{
		{"groups", func(s size) float64 { return s.groups }},
		{"memberships", func(s size) float64 { return s.memberships }},
		{fmt.Sprintf("users changed per day (%.4g %%)", changedADay*100), func(s size) float64 { return s.users * changedADay }},
		{fmt.Sprintf("users created, and users deleted, per day (%.4g %% each)", joinedADay*100), func(s size) float64 { return s.users * joinedADay }},
		{fmt.Sprintf("memberships changed per day (%.4g %% of the users)", movedADay*100), func(s size) float64 { return s.users * movedADay }},
	} {
		line("| %s | %s | %s |", row.name, number(row.of(sizes[0])), number(row.of(sizes[1])))
	}
	line("| provisioning cycles per day, one every 40 minutes, each with %d requests that find nothing | %d | %d |", probesACycle, cyclesADay, cyclesADay)
	for _, row := range []struct {
		name string
		of   func(l load) float64
	}{
		{"requests per month", func(l load) float64 { return l.requests }},
		{"events per month", func(l load) float64 { return l.events }},
		{"write units per month", func(l load) float64 { return l.writes }},
		{"read units per month", func(l load) float64 { return l.reads }},
		{"stored, MB", func(l load) float64 { return l.stored / 1e6 }},
	} {
		line("| %s | %s | %s |", row.name, number(row.of(month(sizes[0]))), number(row.of(month(sizes[1]))))
	}
	line("")
	line("Entra reads before it writes. It creates a user in two requests. It disables a leaving user and deletes that user 30 days later. Your application calls the API once per event. Each request is charged for reading its token, although functions cache tokens for some seconds. Two assumptions concern speed: a function needs %d ms for a request, and the relay needs %d ms for an event, without batching. The model also takes the limit of the test for an event that is logged alone, %d write units. An event of 1 KB costs about 6.3 write units alone, and about 2.3 in a batch of 100, because an append writes the heads of the log once. Counting requests costs one write unit in each cycle, because a directory is counted once in a quarter of an hour, and one read unit for each function; a process that serves a hundred requests in that time writes one more. Each cycle starts an environment of each of the two functions, and each event one of the relay, for %d ms: that is so with few directories, and less with many.", int(requestTime*1000), int(relayTime*1000), appendEvent, int(coldTime*1000))
	line("")
	line("### Compared with counted units")
	line("")
	line("`cost.TestTraffic` sends this traffic through the real handlers, relay and engine, with the initial users in the table, and counts the units of every call. The model must not be below what is counted, and at most a quarter of it may be above. `DSYNC_BENCH=1` runs the whole month, which is the table; `go test` runs a day with the changes of some.")
	line("")
	line("| counted in a month | %s | model | %s | model |", sizes[0].name, sizes[1].name)
	line("|---|---|---|---|---|")
	for _, row := range []struct {
		name string
		of   func(l load) float64
	}{
		{"requests", func(l load) float64 { return l.requests }},
		{"events", func(l load) float64 { return l.events }},
		{"write units", func(l load) float64 { return l.writes }},
		{"read units", func(l load) float64 { return l.reads }},
	} {
		line("| %s | %s | %s | %s | %s |", row.name, number(row.of(counted[0])), number(row.of(month(sizes[0]))), number(row.of(counted[1])), number(row.of(month(sizes[1]))))
	}
	line("")
	line("With the counted units instead of those of the model, all else as below, US dollars per month:")
	line("")
	line("| | 10 directories | 1,000 directories | 10,000 directories |")
	line("|---|---|---|---|")
	for i, s := range sizes {
		row := fmt.Sprintf("| directories of %s |", s.name)
		for _, n := range directories {
			row += " " + dollars(total(append(bill(fromCounted(i).times(n)), fixed()...))) + " |"
		}
		line("%s", row)
	}
	line("")

	for _, s := range sizes {
		line("## Directories of %s", s.name)
		line("")
		line("US dollars per month:")
		line("")
		line("| | 10 directories | 1,000 directories | 10,000 directories |")
		line("|---|---|---|---|")
		columns := make([][]item, len(directories))
		for i, n := range directories {
			columns[i] = append(bill(month(s).times(n)), fixed()...)
		}
		for i := range columns[0] {
			line("| %s | %s | %s | %s |", columns[0][i].name, dollars(columns[0][i].cost), dollars(columns[1][i].cost), dollars(columns[2][i].cost))
		}
		line("| **total** | **%s** | **%s** | **%s** |", dollars(total(columns[0])), dollars(total(columns[1])), dollars(total(columns[2])))
		line("| per directory | %s | %s | %s |", dollars(total(columns[0])/directories[0]), dollars(total(columns[1])/directories[1]), dollars(total(columns[2])/directories[2]))
		line("")
	}

	line("## Fixed costs")
	line("")
	line("| | | US dollars per month |")
	line("|---|---|---|")
	for _, i := range fixed() {
		line("| %s | %s | %s |", i.name, i.of, dollars(i.cost))
	}
	line("")
	line("The stage is prod. The metrics are bounded: %d is every metric of every function with every method and every class of status codes (`cost.TestSeries`). A deployment in normal operation writes about half of them.", series())
	line("")
	line("CloudWatch charges for a metric only in hours in which it receives data. An idle deployment has no such hours, and a deployment with few directories has few. When idle, a deployment pays for alarms, the dashboard, the schedule and its metric only. The failure bucket and the dead-letter queues cost nothing while they are empty. AWS does not charge for the metrics of Lambda, which include those of event source mappings.")
	line("")
	line("The initial cycle of a directory costs, once:")
	line("")
	line("| | requests | events | US dollars |")
	line("|---|---|---|---|")
	for _, s := range sizes {
		l := initial(s)
		line("| %s, %s groups, %s memberships | %s | %s | %s |", s.name, number(s.groups), number(s.memberships), number(l.requests), number(l.events), dollars(total(bill(l))))
	}
	line("")
	line("## Comparison with hosted products")
	line("")
	line("Hosted directory sync is usually sold per connection: a monthly price for each directory, regardless of its size. This page does not state the price of any vendor. Insert the price that you were offered. With")
	line("")
	line("- `P` = the price per connection and month,")
	line("- `F` = %s, the fixed costs with all metrics,", "$"+dollars(total(fixed())))
	line("- `v` = %s for a directory of %s, or %s for one of %s: the cost of one more directory,", "$"+dollars(total(bill(month(sizes[0])))), sizes[0].name, "$"+dollars(total(bill(month(sizes[1])))), sizes[1].name)
	line("")
	line("`n` directories cost `F + n·v` with dsync and `n·P` with a hosted product. Both cost the same at **n = F / (P − v)**. If `P` is below `v`, the hosted product is always cheaper.")
	line("")
	line("Example: at a hypothetical price of $%d, dsync costs no more from %s of %s:", hypothetical, plural(evenAt(hypothetical, sizes[1])), sizes[1].name)
	line("")
	line("| directories of %s | dsync | $%d per connection |", sizes[1].name, hypothetical)
	line("|---|---|---|")
	for _, n := range directories {
		line("| %s | $%s | $%s |", number(n), dollars(total(fixed())+total(bill(month(sizes[1]).times(n)))), number(n*hypothetical))
	}
	line("")
	line("This compares costs only. A hosted product also supports other identity providers, and its vendor provides support and is on call. With dsync your team is on call; see [operations.md](operations.md).")
	line("")
	line("## Settings that change the costs")
	line("")
	line("- `exampleRule`, which is off for prod, logs each event a second time: $%s for 1,000 events. It also adds 3 metrics of alarms.", dollars(1_000*(eventBytes+perLine)/gb*(logsGB+logsGBMonth)))
	line("- `eraseAfterDays` erases the log of deleted directories earlier than after 90 days. The deletion of an event costs as many write units as its size in KB.")
	line("- `logRetentionDays` limits the cost of log storage. Log ingestion costs more than storage.")
	line("- `archiveDays` adds $0.10 per GB of archived events, and $0.023 per GB and month of storage.")
	line("- `tracing` adds $5 per million traces.")
	line("- A rule that sends events to a bus of another account adds $%s for 1,000 events.", dollars(1_000*crossAccountEvent))
	line("- The custom schemas of a directory (`extensions`) are part of the record of its token, which a request reads. Each 4 KB of them add a read unit to a request: $%s a month for a directory of %s.", dollars(month(sizes[1]).requests*readUnit), sizes[1].name)
	line("- The verified domains of an organization are part of the record of each user. Each domain takes about 20 bytes, so 45 domains, the most there can be, cost a write unit more for each change of a user.")
	return b.String()
}

// fromCounted is a month of a directory with the units that were counted.
func fromCounted(i int) load {
	l := month(sizes[i])
	l.requests, l.events, l.writes, l.reads = counted[i].requests, counted[i].events, counted[i].writes, counted[i].reads
	return l
}

// evenAt returns the number of directories from which dsync costs no more than
// a hosted product at that price.
func evenAt(price float64, s size) float64 {
	return math.Ceil(total(fixed()) / (price - total(bill(month(s)))))
}

func plural(n float64) string {
	if n == 1 {
		return "1 directory"
	}
	return number(n) + " directories"
}

func dollars(v float64) string {
	switch {
	case v >= 100:
		return number(math.Round(v))
	case v >= 0.01 || v == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}

// number formats a number with commas between thousands. It formats a fraction
// below 100 with two significant digits.
func number(v float64) string {
	if v < 100 && v != math.Trunc(v) {
		return fmt.Sprintf("%.2g", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// idle says what a stage costs that has no directories.
func idle() string {
	text := fmt.Sprintf("A stage without directories costs about $%.0f a month in us-east-1, before free tiers:\n", total(fixed()))
	for _, i := range fixed() {
		text += fmt.Sprintf("  %-28s $%5.2f   %s\n", i.name, i.cost, i.of)
	}
	return text + "docs/cost.md has the costs of directories and of requests.\n"
}
