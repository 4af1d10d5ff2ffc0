package main

import (
	"fmt"
	"math"
	"strings"
)

// directories are how many there are in each column.
var directories = []float64{10, 1_000, 10_000}

// hypothetical is a price of a hosted product, per connection and month. It is
// nobody's: it shows how the formula is used.
const hypothetical = 50

// page writes docs/cost.md.
func page() string {
	var b strings.Builder
	line := func(format string, arguments ...any) { fmt.Fprintf(&b, format+"\n", arguments...) }

	line("# What a month costs")
	line("")
	line("Computed by `go run ./infra/cmd/cost` from three things: the units that the tests measure or bound (each constant of `infra/cmd/cost/units.go` names its test), the prices that AWS publishes for us-east-1, and the assumptions below. Without free tiers, discounts, taxes, support, your own consumers and the people who look after it. No bill has been seen: dsync has not run on AWS yet.")
	line("")
	line("## What a directory does")
	line("")
	line("| | %s | %s |", sizes[0].name, sizes[1].name)
	line("|---|---|---|")
	for _, row := range []struct {
		name string
		of   func(s size) float64
	}{
		{"groups", func(s size) float64 { return s.groups }},
		{"memberships", func(s size) float64 { return s.memberships }},
		{fmt.Sprintf("users changed a day (%.4g %%)", changedADay*100), func(s size) float64 { return s.users * changedADay }},
		{fmt.Sprintf("users who come, and users who leave, a day (%.4g %% each)", joinedADay*100), func(s size) float64 { return s.users * joinedADay }},
		{fmt.Sprintf("memberships changed a day (%.4g %% of the users)", movedADay*100), func(s size) float64 { return s.users * movedADay }},
	} {
		line("| %s | %s | %s |", row.name, number(row.of(sizes[0])), number(row.of(sizes[1])))
	}
	line("| cycles of Entra a day, one every 40 minutes, with %d requests that find nothing | %d | %d |", probesACycle, cyclesADay, cyclesADay)
	for _, row := range []struct {
		name string
		of   func(l load) float64
	}{
		{"requests a month", func(l load) float64 { return l.requests }},
		{"events a month", func(l load) float64 { return l.events }},
		{"write units a month", func(l load) float64 { return l.writes }},
		{"read units a month", func(l load) float64 { return l.reads }},
		{"stored, MB", func(l load) float64 { return l.stored / 1e6 }},
	} {
		line("| %s | %s | %s |", row.name, number(row.of(month(sizes[0]))), number(row.of(month(sizes[1]))))
	}
	line("")
	line("Entra reads before it writes, creates a user in two steps, disables one who leaves and deletes him 30 days later. Your application reads the API once for each event. Every request pays for reading its token, though functions remember tokens for some seconds. A function works %d ms on a request and the relay %d ms on an event, one event at a time: assumptions, the only ones about speed.", int(requestTime*1000), int(relayTime*1000))
	line("")

	for _, s := range sizes {
		line("## Directories of %s", s.name)
		line("")
		line("US dollars a month:")
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
		line("| a directory | %s | %s | %s |", dollars(total(columns[0])/directories[0]), dollars(total(columns[1])/directories[1]), dollars(total(columns[2])/directories[2]))
		line("")
	}

	line("## What there is without a directory")
	line("")
	line("| | | US dollars a month |")
	line("|---|---|---|")
	for _, i := range fixed() {
		line("| %s | %s | %s |", i.name, i.of, dollars(i.cost))
	}
	line("")
	line("CloudWatch bills a metric for the hours in which it is written: while nobody uses the deployment these are none, and few directories pay for fewer. Alarms and the dashboard are all that costs anything while nothing happens.")
	line("")
	line("The first cycle of a directory costs once:")
	line("")
	line("| | requests | events | US dollars |")
	line("|---|---|---|---|")
	for _, s := range sizes {
		l := initial(s)
		line("| %s, %s groups, %s memberships | %s | %s | %s |", s.name, number(s.groups), number(s.memberships), number(l.requests), number(l.events), dollars(total(bill(l))))
	}
	line("")
	line("## Beside hosted products")
	line("")
	line("Hosted directory sync is usually sold by the connection: a price for each directory and month, whatever its size. This page names nobody's price; put in the one that you were offered. With")
	line("")
	line("- `P` = that price for a connection and month,")
	line("- `F` = %s, what watches, all metrics in use,", "$"+dollars(total(fixed())))
	line("- `v` = %s for directories of %s, %s for directories of %s: what one more costs,", "$"+dollars(total(bill(month(sizes[0])))), sizes[0].name, "$"+dollars(total(bill(month(sizes[1])))), sizes[1].name)
	line("")
	line("`n` directories cost `F + n·v` here and `n·P` there. They are even at **n = F / (P − v)**; if `P` is below `v`, never.")
	line("")
	line("Example: at a hypothetical price of $%d, which is nobody's, they are even at %s of %s:", hypothetical, plural(evenAt(hypothetical, sizes[1])), sizes[1].name)
	line("")
	line("| directories of %s | dsync | $%d a connection |", sizes[1].name, hypothetical)
	line("|---|---|---|")
	for _, n := range directories {
		line("| %s | $%s | $%s |", number(n), dollars(total(fixed())+total(bill(month(sizes[1]).times(n)))), number(n*hypothetical))
	}
	line("")
	line("This compares bills, not worth. A hosted product brings other identity providers, support, and somebody who is woken at night; here that is you, with [operations.md](operations.md).")
	line("")
	line("## What to turn")
	line("")
	line("- The example rule `every-event` logs each event once more: leave it out of the topology and the logs of events shrink by about two thirds.")
	line("- `logRetentionDays` bounds what logs cost to keep; taking them in is the larger part.")
	line("- `archiveDays` adds $0.10 for each GB of events taken in, and $0.023 for each GB and month.")
	line("- `tracing` adds $5 for a million traces.")
	return b.String()
}

// evenAt is from how many directories on dsync costs no more.
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

// number writes thousands with commas, and small ones with two digits.
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
