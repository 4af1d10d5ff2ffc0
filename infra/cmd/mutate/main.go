// Command mutate changes the code in one place at a time and runs the tests of
// that package: one of them must fail. It exits with status 1 if a mutant
// survives without a reason in its data.
//
//	go run ./infra/cmd/mutate eventlog
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"dsync/infra/test/mutate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := mutate.Config{Root: "."}
	flag.StringVar(&c.Match, "mutant", "", "run only the mutants whose name matches this regular expression")
	flag.BoolVar(&c.Fast, "fast", false, "run only the fast tests of a package; a survivor may be killed by another test")
	flag.DurationVar(&c.Timeout, "timeout", 10*time.Minute, "how long the tests of a package may take; a mutant that exceeds it is killed")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: mutate [flags] [package...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(ctx, c, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c mutate.Config, packages []string) error {
	suites, err := mutate.Suites()
	if err != nil {
		return err
	}
	var names []string
	for _, s := range suites {
		names = append(names, s.Name)
	}
	for _, name := range packages {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there are no mutants of %q; the packages are %s", name, strings.Join(names, ", "))
		}
	}
	var results []mutate.Result
	invalid := 0
	for _, s := range suites {
		if len(packages) > 0 && !slices.Contains(packages, s.Name) {
			continue
		}
		for r, err := range c.Run(ctx, s) {
			if err != nil {
				fmt.Println(err)
				invalid++
				continue
			}
			fmt.Println(r.Line())
			results = append(results, r)
		}
	}
	fmt.Println()
	if passed := mutate.Summary(os.Stdout, results); invalid > 0 {
		return fmt.Errorf("%d errors: see above", invalid)
	} else if !passed {
		return fmt.Errorf("a mutant survives without a reason: add a test, or say in its data why none can fail")
	}
	return nil
}
