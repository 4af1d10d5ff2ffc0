// Command local runs all of dsync on one machine, without an AWS account:
//
//	go run ./infra/cmd/local         run until Ctrl-C
//	go run ./infra/cmd/local reset   delete the data in .local/
//
// PORT sets the port; the default is 8080. EXTENSIONS names a file with custom
// schemas. PROCESSES=1 builds the binary of each function and runs it in separate
// processes, as Lambda does. UNKIND=1 injects the faults that AWS can have.
// SINGLE_SIGN_ON has the settings of an identity provider for the console, as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"dsync/infra/cmd/internal/eventfmt"
	"dsync/infra/local/system"
	"dsync/internal/awslocal/dynamodb"
)

const (
	dataDir     = ".local"
	defaultPort = 8080
)

func main() {
	out, user := os.Stdout, os.Stderr
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 0:
		err = run(out, user)
	case len(args) == 1 && args[0] == "reset":
		if err = system.Reset(dataDir); err == nil {
			fmt.Fprintf(out, "Deleted %s/. The next `make run` starts with empty data.\n", dataDir)
			if endpoint := os.Getenv(dynamodb.EndpointVariable); endpoint != "" {
				fmt.Fprintf(out, "The table stays in the DynamoDB at %s.\n", endpoint)
			}
		}
	default:
		err = fmt.Errorf("unknown arguments %q; the only argument is `reset`", args)
	}
	if err != nil {
		fmt.Fprintln(user, "dsync:", err)
		os.Exit(1)
	}
}

// run runs a system until the first SIGINT or SIGTERM, which stops the system
// cleanly. The second signal ends the process immediately.
func run(out, user io.Writer) error {
	port, err := port(os.Getenv("PORT"))
	if err != nil {
		return err
	}
	extensions, err := extensions(os.Getenv("EXTENSIONS"))
	if err != nil {
		return err
	}
	processes, err := flag("PROCESSES", os.Getenv("PROCESSES"))
	if err != nil {
		return err
	}
	unkind, err := flag("UNKIND", os.Getenv("UNKIND"))
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-signals
		fmt.Fprintln(out, "\nStopping. Press Ctrl-C again to quit immediately.")
		cancel()
		<-signals
		os.Exit(130)
	}()

	fmt.Fprintln(out, "Starting dsync on this machine: DynamoDB Local, the functions, EventBridge.")
	if processes {
		fmt.Fprintln(out, "Building the binary of each function. Each function runs in separate processes.")
	}
	if unkind {
		fmt.Fprintln(out, "Injecting faults: a stream with shards in any order, repeated batches, throttled and lost calls, an index that is behind.")
	}
	events := &printer{out: out}
	progress := startProgress(out, progressInterval)
	s, err := system.Start(ctx, system.Options{
		DynamoDBEndpoint: os.Getenv(dynamodb.EndpointVariable),
		Port:             port, DataDir: dataDir, Extensions: extensions, Processes: processes, Unkind: unkind, Log: progress.log(user), OnEvent: events.event,
		Person: os.Getenv("USER"), SingleSignOn: os.Getenv("SINGLE_SIGN_ON"), Step: progress.step,
	})
	progress.stop()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	greet(out, s)
	events.open()
	<-ctx.Done()
	return s.Stop()
}

func port(value string) (int, error) {
	if value == "" {
		return defaultPort, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 65535 {
		return 0, fmt.Errorf("PORT must be a number from 1 to 65535, or 0 for any free port, not %q", value)
	}
	return n, nil
}

func flag(name, value string) (bool, error) {
	switch value {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, fmt.Errorf("%s must be 1 or 0, not %q", name, value)
}

// extensions reads a JSON list of custom schemas for the first directory.
func extensions(file string) (list []json.RawMessage, err error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("EXTENSIONS must name a file with a JSON list of schemas: %w", err)
	}
	return list, nil
}

func greet(out io.Writer, s *system.System) {
	fmt.Fprintf(out, `dsync is running. Press Ctrl-C to stop it. The data stays in %[1]s/; make reset deletes it.

  Tenant URL     %[2]s
  Secret Token   %[3]s
  API key        %[4]s
  Console        %[6]s
                 (signs you in, once, within five minutes; make console prints another link)

Send the request of Entra's Test Connection:

  curl -sS -H 'Authorization: Bearer %[3]s' '%[2]s/Users?filter=userName+eq+%%22nobody%%22'

List the directories, as your application does:

  curl -sS -H 'Authorization: Bearer %[4]s' '%[5]s/directories'

Simulate Entra, which provisions users and groups, in another terminal:

  make demo

For a real Entra, point a tunnel such as `+"`ngrok http %[7]s`"+` at the port, and put the
tunnel's address in the place of http://localhost:%[7]s in the Tenant URL.

Events appear here and in %[1]s/events.ndjson. The logs are in %[1]s/functions.log.

`, dataDir, s.TenantURL, s.Token, s.APIKey, s.APIURL, s.ConsoleURL, s.APIURL[strings.LastIndexByte(s.APIURL, ':')+1:])
}

// printer prints events after open. A restart can deliver events before open;
// open prints these events.
type printer struct {
	out    io.Writer
	mu     sync.Mutex
	opened bool
	early  []string
}

func (p *printer) event(event json.RawMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var e struct {
		Detail json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		e.Detail = event
	}
	text := time.Now().Format(time.TimeOnly) + "  " + eventfmt.Of(e.Detail) + "\n"
	if !p.opened {
		p.early = append(p.early, text)
		return
	}
	_, _ = io.WriteString(p.out, text)
}

func (p *printer) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = true
	for _, text := range p.early {
		_, _ = io.WriteString(p.out, text)
	}
	p.early = nil
}
