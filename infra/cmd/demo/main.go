// Demo plays Microsoft Entra against the system that `make run` started on
// this machine, or with -remote against a deployed one, and checks that every
// change has its event. It exits 0 when
// all checks passed, 1 when one failed, and 2 when the system is not running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"dsync/infra/local/runfile"
	"dsync/infra/test/entra"
)

const (
	exitFailed     = 1
	exitNotRunning = 2

	dialTimeout = 2 * time.Second
)

func main() {
	users := flag.Int("users", number("DEMO_USERS"), "users to provision; 0: the default (DEMO_USERS)")
	groups := flag.Int("groups", number("DEMO_GROUPS"), "groups to provision; 0: the default (DEMO_GROUPS)")
	seed := flag.Uint64("seed", 0, "seed of names and choices; 0: random")
	timeout := flag.Duration("timeout", 0, "longest wait for outstanding events; 0: the default")
	dir := flag.String("dir", ".local", "folder in which `make run` keeps its files")
	remote := flag.Bool("remote", false, "against the stack that DSYNC_URL and DSYNC_API_KEY name")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := entra.Config{Users: *users, Groups: *groups, Seed: *seed, Timeout: *timeout, Out: os.Stdout}
	if *remote {
		os.Exit(smoke(ctx, c, os.Getenv))
	}
	os.Exit(demo(ctx, *dir, c))
}

// number is a variable of the environment, 0 when it is not set.
func number(name string) int {
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s=%q is not a number\n", name, text)
		os.Exit(exitNotRunning)
	}
	return n
}

// demo runs the scenario against the system of dir and returns the exit code.
func demo(ctx context.Context, dir string, c entra.Config) int {
	system, err := find(ctx, dir)
	if err != nil {
		fmt.Fprintf(os.Stderr, "The system is not running (%v): start it with `make run` in another terminal.\n", err)
		return exitNotRunning
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.TenantURL, c.Token, c.DirectoryID = system.TenantURL, system.Token, system.DirectoryID
	c.Events, err = follow(ctx, filepath.Join(dir, "events.ndjson"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "Events cannot be followed:", err)
		return exitFailed
	}
	return play(ctx, c)
}

// play runs the scenario and returns the exit code.
func play(ctx context.Context, c entra.Config) int {
	fmt.Fprintf(c.Out, "Entra provisions %s\n\n", c.TenantURL)
	report, err := entra.Run(ctx, c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "The run did not come to its end:", err)
		return exitFailed
	}
	if !report.Passed() {
		return exitFailed
	}
	return 0
}

// find reads the run file and checks that the system listens.
func find(ctx context.Context, dir string) (runfile.Run, error) {
	system, err := runfile.Read(dir)
	if errors.Is(err, os.ErrNotExist) {
		return system, fmt.Errorf("there is no %s", runfile.Path(dir))
	}
	if err != nil {
		return system, err
	}
	base, err := url.Parse(system.TenantURL)
	if err != nil || base.Host == "" {
		return system, fmt.Errorf("%s has no tenant_url", runfile.Path(dir))
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	address := base.Host
	if base.Port() == "" {
		address = net.JoinHostPort(base.Hostname(), map[string]string{"http": "80", "https": "443"}[base.Scheme])
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return system, fmt.Errorf("nothing listens on %s", address)
	}
	return system, conn.Close()
}
