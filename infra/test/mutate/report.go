package mutate

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Line returns a result as a line of the table.
func (r Result) Line() string {
	fate := "SURVIVED"
	switch {
	case r.Killed && r.Mutant.excused():
		fate = "killed, although the data has a reason why not"
	case r.Killed && r.Test == "":
		fate = "killed"
	case r.Killed:
		fate = "killed by " + r.Test
	case r.Mutant.Equivalent != "":
		fate = "equivalent: " + r.Mutant.Equivalent
	case r.Mutant.Survives != "":
		fate = "survived: " + r.Mutant.Survives
	}
	return fmt.Sprintf("%-16s %5.1fs  %-60s %s", r.Package, r.Time.Seconds(), r.Mutant.Name, fate)
}

// Summary writes, for each package, how many mutants were killed of those that
// are not equivalent. It reports whether every survivor has a reason.
func Summary(w io.Writer, results []Result) (passed bool) {
	type count struct {
		killed, survived, equivalent int
		time                         time.Duration
	}
	var names []string
	counts := map[string]*count{}
	passed = true
	for _, r := range results {
		c := counts[r.Package]
		if c == nil {
			c = &count{}
			counts[r.Package], names = c, append(names, r.Package)
		}
		c.time += r.Time
		switch {
		case r.Killed:
			c.killed++
		case r.Mutant.Equivalent != "":
			c.equivalent++
		default:
			c.survived++
		}
		passed = passed && !r.Unexpected()
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "package\tkilled\tsurvived\tequivalent\tkilled of the judged\ttime\t")
	for _, name := range names {
		c := counts[name]
		percent := "-"
		if judged := c.killed + c.survived; judged > 0 {
			percent = fmt.Sprintf("%.0f %%", 100*float64(c.killed)/float64(judged))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t\n", name, c.killed, c.survived, c.equivalent, percent, c.time.Round(time.Second))
	}
	_ = table.Flush() // w reports a failure at the next write, if any
	return passed
}
