// Command demo simulates Microsoft Entra against the local system that `make
// run` started, or with -remote against a deployed stack. With -profile okta it
// simulates Okta, in a directory that it creates and deletes. It checks that every
// change has an event. It exits with status 0 if all checks passed, 1 if a check
// failed, and 2 if the system is not running. What it created in a deployed stack, it
// deletes.
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

	"dsync/infra/local/client"
	"dsync/infra/local/runfile"
	"dsync/infra/test/entra"
)

const (
	exitFailed     = 1
	exitNotRunning = 2

	dialTimeout = 2 * time.Second
)

func main() {
	users := flag.Int("users", number("DEMO_USERS"), "number of users; 0 selects the default (environment variable DEMO_USERS)")
	groups := flag.Int("groups", number("DEMO_GROUPS"), "number of groups; 0 selects the default (environment variable DEMO_GROUPS)")
	seed := flag.Uint64("seed", 0, "seed of names and random choices; 0 selects a random seed")
	timeout := flag.Duration("timeout", 0, "maximum wait for outstanding events; 0 selects the default")
	dir := flag.String("dir", ".local", "folder with the files of 'make run'")
	profile := flag.String("profile", os.Getenv("PROFILE"), "provider to simulate: entra, the default, or okta (environment variable PROFILE)")
	remote := flag.Bool("remote", false, "test the stack of STAGE, with the key DSYNC_API_KEY")
	onboarding := flag.Bool("admin", os.Getenv("SETUP") == "1", "play an admin with a setup link who makes the classic mistakes (environment variable SETUP=1)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := entra.Config{Users: *users, Groups: *groups, Seed: *seed, Timeout: *timeout, Out: os.Stdout}
	switch *profile {
	case "", "entra":
	case "okta":
		c.Okta = true
	default:
		fmt.Fprintf(os.Stderr, "dsync: there is no profile %q: PROFILE is entra or okta\n", *profile)
		os.Exit(exitNotRunning)
	}
	if *onboarding {
		system, err := find(ctx, *dir)
		if err != nil {
			fmt.Fprintf(os.Stderr, "The system is not running: %v. Run `make run` in another terminal.\n", err)
			os.Exit(exitNotRunning)
		}
		os.Exit(setup(ctx, system))
	}
	if *remote {
		os.Exit(smoke(ctx, c, os.Getenv))
	}
	os.Exit(demo(ctx, *dir, c))
}

// number returns the value of an environment variable, or 0 if it is not set.
func number(name string) int {
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		fmt.Fprintf(os.Stderr, "dsync: %s must be a number, not %q\n", name, text)
		os.Exit(exitNotRunning)
	}
	return n
}

// demo runs the scenario against the local system whose files are in dir. It
// returns the exit status.
func demo(ctx context.Context, dir string, c entra.Config) int {
	system, err := find(ctx, dir)
	if err != nil {
		fmt.Fprintf(os.Stderr, "dsync: the system is not running: %v; run `make run` in another terminal\n", err)
		return exitNotRunning
	}
	if c.Okta {
		return inOwnDirectory(ctx, client.Client{URL: system.APIURL, Key: system.APIKey}, "Okta demo", c)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.TenantURL, c.Token, c.DirectoryID = system.TenantURL, system.Token, system.DirectoryID
	c.Events, err = follow(ctx, filepath.Join(dir, "events.ndjson"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "dsync: events cannot be read:", err)
		return exitFailed
	}
	return play(ctx, c)
}

// play runs the scenario and returns the exit status.
func play(ctx context.Context, c entra.Config) int {
	fmt.Fprintf(c.Out, "Provisioning %s\n\n", c.TenantURL)
	report, err := entra.Run(ctx, c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dsync: the run stopped early:", err)
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
