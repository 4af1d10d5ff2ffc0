// Command operate does from a terminal what an operator of dsync does now and
// then, against the system that `make run` started, or against a deployed one:
//
//	go run ./infra/cmd/operate directory NAME     a new customer: prints what to paste into Entra
//	go run ./infra/cmd/operate tail               shows events as they come
//	go run ./infra/cmd/operate api-key NAME       makes a key of the REST API
//	go run ./infra/cmd/operate redrive FROM [TO]  publishes a range of the log once more
//	go run ./infra/cmd/operate redrive parked     publishes what is in the dead-letter queue
//
// The system on this machine is found by .local/dsync.json. A deployed one is
// found by DSYNC_URL and DSYNC_API_KEY; its functions, which only IAM lets
// anybody invoke, by the AWS CLI and STACK, the name of the stack.
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
)

const usage = `usage:
  operate directory NAME     create an organization and a directory; print Tenant URL and Secret Token
  operate tail               show events as they come
  operate api-key NAME       make an API key (SCOPE=read, or manage)
  operate redrive FROM [TO]  publish the events of a time range once more (2026-01-31 or 2026-01-31T12:00:00Z)
  operate redrive parked     publish the events in the dead-letter queue once more`

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
		command = args[0]
		for _, a := range args[1:] { // make hands over what was not given as ""
			if a = strings.TrimSpace(a); a != "" {
				rest = append(rest, a)
			}
		}
	}
	s, err := find(env)
	if err != nil {
		return err
	}
	switch {
	case command == "directory" && len(rest) == 1:
		return s.createDirectory(ctx, rest[0], out)
	case command == "directory":
		return errors.New("name the customer: make directory NAME='Acme Inc.'")
	case command == "tail" && len(rest) == 0:
		return s.tail(ctx, out)
	case command == "api-key" && len(rest) == 1:
		return s.makeKey(ctx, rest[0], first(env("SCOPE"), "manage"), out)
	case command == "api-key":
		return errors.New("say what the key is for: make api-key NAME='billing service'")
	case command == "redrive" && len(rest) == 1 && rest[0] == "parked":
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
		return errors.New("say which events: make redrive FROM=2026-01-31T12:00:00Z TO=2026-01-31T13:00:00Z, or make redrive PARKED=1")
	}
	return errors.New(usage)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// parseTime reads a date, or a date with a time.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-01-31 or 2026-01-31T12:00:00Z", s)
}
