package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"dsync/infra/cmd/internal/trial"
)

// finding is what a check found. Without Do, all is well.
type finding struct {
	Check  string
	Result string
	Do     string // what to do about it
	Skip   bool   // it could not be checked, or need not be
}

// examination is one run of the doctor.
type examination struct {
	*operator
	env  func(string) string
	out  io.Writer
	bad  int
	look func(ctx context.Context, program string, arguments ...string) (string, error) // what a program prints
	host func(ctx context.Context, name string) (string, error)                         // the canonical name of a host
	wait trial.Waiting
}

// doctor checks the tools, the account and the system from the outside in, and ends
// with a change whose event must arrive. Each finding says what to do.
func (o *operator) doctor(ctx context.Context, env func(string) string, out io.Writer) error {
	e := &examination{operator: o, env: env, out: out, look: printed, host: net.DefaultResolver.LookupCNAME, wait: patientCanary}
	return e.run(ctx)
}

func (e *examination) run(ctx context.Context) error {
	checks := []func(context.Context){e.goVersion, e.canary}
	if e.Stack != "" {
		checks = []func(context.Context){e.goVersion, e.nodeVersion, e.account}
	}
	for _, check := range checks {
		check(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if e.bad > 0 {
		return fmt.Errorf("%d of the checks need something done", e.bad)
	}
	fmt.Fprintln(e.out, "\nEverything works.")
	return nil
}

// say prints a finding.
func (e *examination) say(f finding) {
	mark := "ok"
	switch {
	case f.Skip:
		mark = "--"
	case f.Do != "":
		mark = "NO"
		e.bad++
	}
	fmt.Fprintf(e.out, "%s  %-20s %s\n", mark, f.Check, f.Result)
	if f.Do != "" {
		fmt.Fprintf(e.out, "    %-20s %s\n", "", f.Do)
	}
}

// failed is the finding of a call that failed.
func failed(check string, err error, do string) finding {
	return finding{Check: check, Result: err.Error(), Do: do}
}

// printed returns the first line that a program prints.
func printed(ctx context.Context, program string, arguments ...string) (string, error) {
	text, err := exec.CommandContext(ctx, program, arguments...).Output()
	line, _, _ := strings.Cut(string(text), "\n")
	if errors.Is(err, exec.ErrNotFound) {
		err = errors.New("not installed")
	}
	return strings.TrimSpace(line), err
}

// The least versions of the tools.
const (
	leastNode = 22 // earlier lines of Node.js have no security updates
	leastAWS  = 2  // version 1 has no --cli-binary-format
)

var number = regexp.MustCompile(`(\d+)\.\d+`)

// major returns the major version in the output of a program, or 0.
func major(text string) int {
	found := number.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return 0
	}
	return n
}

func (e *examination) goVersion(context.Context) {
	e.say(finding{Check: "Go", Result: runtime.Version()}) // go.mod has asked for the right one
}

func (e *examination) nodeVersion(ctx context.Context) {
	e.tool(ctx, "Node.js", leastNode, "https://nodejs.org", "node", "--version")
}

// tool checks the version of a program.
func (e *examination) tool(ctx context.Context, name string, least int, from, program string, arguments ...string) bool {
	text, err := e.look(ctx, program, arguments...)
	switch {
	case err != nil:
		e.say(failed(name, err, fmt.Sprintf("Install version %d or later: %s", least, from)))
	case major(text) < least:
		e.say(finding{name, text, fmt.Sprintf("Install version %d or later: %s", least, from), false})
	default:
		e.say(finding{Check: name, Result: text})
	}
	return err == nil
}

// account checks what needs the AWS CLI. A check that fails can make others
// pointless; those are left out.
func (e *examination) account(ctx context.Context) {
	const install = "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
	if !e.tool(ctx, "AWS CLI", leastAWS, install, "aws", "--version") {
		return
	}
	var identity struct{ Account, Arn string }
	if err := e.CLI().JSON(ctx, &identity, "sts", "get-caller-identity"); err != nil {
		e.say(failed("credentials", err, "Sign in, for example with aws sso login, or set AWS_PROFILE."))
		return
	}
	e.say(finding{Check: "credentials", Result: fmt.Sprintf("account %s, %s", identity.Account, identity.Arn)})
	region := first(e.env("AWS_REGION"), e.env("AWS_DEFAULT_REGION"))
	if region == "" {
		region, _ = e.CLI().Text(ctx, "configure", "get", "region")
	}
	if region == "" {
		e.say(finding{"Region", "none", "Set AWS_REGION, for example AWS_REGION=eu-central-1: the CDK would take us-east-1.", false})
		return
	}
	e.say(finding{Check: "Region", Result: region})
	for _, check := range []func(context.Context){e.bootstrapped, e.concurrency, e.logPolicies} {
		check(ctx)
	}
	if e.deployed(ctx) {
		for _, check := range []func(context.Context){e.domain, e.mappings, e.alarms, e.canary} {
			check(ctx)
		}
	}
}
