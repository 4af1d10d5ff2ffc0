// Command operate performs operator tasks, against the system that `make run`
// started or against a deployed stack:
//
//	go run ./infra/cmd/operate directory NAME     creates a directory; prints the values for the identity provider
//	go run ./infra/cmd/operate tail               shows new events
//	go run ./infra/cmd/operate api-key NAME       creates an API key
//	go run ./infra/cmd/operate console            prints a link that signs a person in to the console
//	go run ./infra/cmd/operate redrive FROM [TO]  publishes the events of a time range again
//	go run ./infra/cmd/operate redrive            publishes what is in the dead-letter queue and the failure bucket
//	go run ./infra/cmd/operate doctor             checks that everything works, up to the event of a change
//	go run ./infra/cmd/operate restore            restores the table of a deployed stack (TO, APPLY)
//	go run ./infra/cmd/operate carry-over OLD NEW [apply]
//	                                              copies to a restored table what a restore must not take back
//	go run ./infra/cmd/operate release            tags this commit as a release
//
//	go run ./infra/cmd/operate logs FUNCTION      follows the log of a deployed function
//
// The command reads the address of the local system from .local/dsync.json. With
// STAGE it acts on a deployed stack: it reads the address from the outputs of the
// stack, with the AWS CLI, and the key from DSYNC_API_KEY. STACK names a stack of
// another name, and DSYNC_URL another address. IAM protects the functions of the
// stack that only operators invoke.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"dsync/infra/cmd/internal/target"
)

const usage = `usage:
  operate directory NAME     create an organization and a directory; print Tenant URL and Secret Token
                             (TYPE=entra, TYPE=okta or TYPE=generic; the default is entra)
  operate tail               show new events
  operate api-key NAME       create an API key (SCOPE=read, manage, keys, "read keys" or "manage keys"; the default
                             is read; ORGANIZATION=org_… binds it to one organization)
  operate console            print a link that signs a person in to the console, once (NAME='Ada Lovelace', $USER by
                             default; ROLE=viewer, operator or admin; the default is admin)
  operate redrive FROM [TO]  publish the events of a time range again (2026-01-31 or 2026-01-31T12:00:00Z)
  operate redrive            publish what is in the dead-letter queue and the failure bucket
  operate logs FUNCTION      follow the log of a function of a deployed stack
  operate doctor             check that everything works, up to the event of a change, and say what to do
  operate restore            restore the table of a stack to the time TO; APPLY=1 does what it shows
                             (BEHIND=1 goes on although the relay has not caught up)
  operate carry-over OLD NEW [apply]
                             copy revocations, the log and versions of records from a table to its restored copy
  operate release            tag this commit as the release that docs/changelog.md describes`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := operate(ctx, os.Args[1:], os.Getenv, os.Stdout)
	if errors.Is(err, context.Canceled) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dsync:", err)
		os.Exit(1)
	}
}

func operate(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	command, rest := "", []string{}
	if len(args) > 0 {
		command, rest = args[0], args[1:]
	}
	if command == "redrive" && len(args) == 1 && env("FROM") == "" && env("TO") != "" {
		return errors.New("TO needs FROM: make redrive FROM=2026-01-31T12:00:00Z TO=2026-01-31T13:00:00Z")
	}
	// Make hands over values in the environment, which needs no quotes.
	for _, name := range parameters[command] {
		if value := strings.TrimSpace(env(name)); value != "" && len(args) == 1 {
			rest = append(rest, value)
		}
	}
	switch {
	case command == "carry-over" && len(rest) == 2:
		return carryOver(ctx, rest[0], rest[1], false, out)
	case command == "carry-over" && len(rest) == 3 && rest[2] == "apply":
		return carryOver(ctx, rest[0], rest[1], true, out)
	case command == "carry-over":
		return errors.New(usage)
	case command == "release" && len(rest) == 0:
		return tagRelease(ctx, out)
	}
	system, err := target.Find(env, target.AWS)
	if err != nil {
		return err
	}
	s := &operator{system}
	switch {
	case command == "directory" && len(rest) == 1:
		return s.createDirectory(ctx, rest[0], first(env("TYPE"), "entra"), out)
	case command == "directory":
		return errors.New("the name of the customer is missing: make directory NAME='Acme Inc.'")
	case command == "tail" && len(rest) == 0:
		return s.tail(ctx, out)
	case command == "api-key" && len(rest) == 1:
		return s.makeKey(ctx, rest[0], first(env("SCOPE"), "read"), env("ORGANIZATION"), out)
	case command == "api-key":
		return errors.New("the name of the key is missing: make api-key NAME='billing service'")
	case command == "doctor" && len(rest) == 0:
		return s.doctor(ctx, env, out)
	case command == "restore" && len(rest) == 0:
		return s.restore(ctx, env, out)
	case command == "logs" && len(rest) <= 1:
		return s.logs(ctx, strings.Join(rest, ""), out)
	case command == "console" && len(rest) == 0:
		return s.signIn(ctx, first(env("NAME"), env("USER"), "operator"), first(env("ROLE"), "admin"), out)
	case command == "redrive" && len(rest) == 0:
		return s.redrive(ctx, map[string]any{"dead_letters": true}, out)
	case command == "redrive" && (len(rest) == 1 || len(rest) == 2):
		order := map[string]any{}
		for i, name := range []string{"range_start", "range_end"}[:len(rest)] {
			t, err := parseTime(rest[i])
			if err != nil {
				return err
			}
			order[name] = t
		}
		return s.redrive(ctx, order, out)
	case command == "redrive":
		return errors.New("the range of events is missing: make redrive FROM=2026-01-31T12:00:00Z TO=2026-01-31T13:00:00Z")
	}
	return errors.New(usage)
}

// parameters are the variables with the arguments of a command, for the tasks of the
// Makefile.
var parameters = map[string][]string{
	"directory": {"NAME"}, "api-key": {"NAME"}, "logs": {"FUNCTION"}, "redrive": {"FROM", "TO"},
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// parseTime parses a date, or a date with a time.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a valid time: use 2026-01-31 or 2026-01-31T12:00:00Z", s)
}
