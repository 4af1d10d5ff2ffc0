// Package engine finds and runs DynamoDB Local.
//
// In order of preference: the endpoint in DYNAMODB_ENDPOINT; Java 17 or newer
// with the official jar, which is fetched once into the user's cache folder
// and checked against its known hash; Docker with amazon/dynamodb-local.
//
// An engine that Start started ends with the process that started it, however
// that ends (on macOS with Java, after a kill -9, the next Start on the same
// folder ends it), and what a kept engine has answered survives that. A kill
// -9 of the engine itself can lose what it answered in its last milliseconds.
// DynamoDB Local listens on every interface of the machine; it has no option
// against that.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// EndpointVariable names an engine that is already running.
	EndpointVariable = "DYNAMODB_ENDPOINT"

	// A JVM on a busy CI machine needs a few seconds; Docker may pull its
	// image first.
	javaStartTimeout   = time.Minute
	dockerStartTimeout = 5 * time.Minute

	// A free port can be lost to another process before the engine binds it.
	portAttempts = 5
)

// ErrNoEngine says what to install.
var ErrUnavailable = errors.New("no DynamoDB engine here: install Java 17 or newer together with npm, or Docker, or set " + EndpointVariable)

// Options say how to run the engine.
type Options struct {
	DataDir string    // "" keeps everything in memory
	Log     io.Writer // one line when something is downloaded or slow; may be nil
}

// Engine is a DynamoDB that answers.
type Server struct {
	endpoint string
	child    *child // nil when the engine is somebody else's
	pidFile  string
}

// launch is one way to run DynamoDB Local on a port.
type launcher struct {
	command      func(port int) command
	startTimeout time.Duration
	hint         string // said once, before the first try
}

// Start returns an engine that answers requests, or says in one sentence why
// there is none.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if endpoint := os.Getenv(EndpointVariable); endpoint != "" {
		if err := probe(ctx, endpoint); err != nil {
			return nil, fmt.Errorf("engine: nothing answers at %s=%s: %w", EndpointVariable, endpoint, err)
		}
		return &Server{endpoint: endpoint}, nil
	}
	var pidFile string
	if o.DataDir != "" {
		dir, err := filepath.Abs(o.DataDir)
		if err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		o.DataDir, pidFile = dir, filepath.Join(dir, "engine.pid")
		if err := stopLeftover(pidFile, dir); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	l, err := find(ctx, o)
	if err != nil {
		return nil, err
	}
	if l.hint != "" {
		fmt.Fprintln(o.Log, l.hint)
	}
	for attempt := 1; ; attempt++ {
		e, err := run(ctx, l, pidFile)
		if errors.Is(err, errPortTaken) && attempt < portAttempts {
			continue
		}
		return e, err
	}
}

// find picks Java or Docker. A Java that cannot be used falls back to Docker;
// the reason is told only when there is no Docker either.
func find(ctx context.Context, o Options) (launcher, error) {
	l, javaErr := java(ctx, o)
	if javaErr == nil {
		return l, nil
	}
	l, dockerErr := docker(ctx, o)
	if dockerErr == nil {
		return l, nil
	}
	if ctx.Err() != nil {
		return launcher{}, ctx.Err()
	}
	return launcher{}, fmt.Errorf("%w (%w; %w)", ErrUnavailable, javaErr, dockerErr)
}

// run starts the engine on a free port and waits until it answers.
func run(ctx context.Context, l launcher, pidFile string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	c, err := startChild(l.command(port))
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e := &Server{endpoint: fmt.Sprintf("http://127.0.0.1:%d", port), child: c, pidFile: pidFile}
	if pidFile != "" {
		if err := writePid(pidFile, c.PID()); err != nil {
			return nil, errors.Join(fmt.Errorf("engine: %w", err), e.Stop())
		}
	}
	if err := e.await(ctx, l.startTimeout); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// await polls until the engine answers. A JVM that fails to bind its port
// stays alive, so its output is watched as well as its end.
func (e *Server) await(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience,
		fmt.Errorf("no answer within %v", patience))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("engine: %w; its last output: %s", context.Cause(ctx), e.child.output.tail())
		case <-e.child.Done():
		case <-tick.C:
			if probe(ctx, e.endpoint) != nil && !e.child.output.contains("Failed to bind") {
				continue
			}
		}
		switch {
		case e.child.output.contains("Failed to bind", "port is already allocated"):
			return errPortTaken
		case e.child.Ended():
			return fmt.Errorf("engine: DynamoDB Local ended (%w); its last output: %s", e.child.reason(), e.child.output.tail())
		}
		return nil
	}
}

var errPortTaken = errors.New("engine: the chosen port was taken by another process")

// Endpoint is where the engine answers, http://host:port.
func (e *Server) Endpoint() string { return e.endpoint }

// Stop ends the engine if Start started it, and returns when it is gone.
func (e *Server) Stop() error {
	if e.child == nil {
		return nil
	}
	err := e.child.stop()
	if e.pidFile != "" && err == nil {
		err = os.Remove(e.pidFile)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// answering asks without credentials, which DynamoDB refuses with an answer
// of its own.
func probe(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.Header.Get("X-Amzn-Requestid") == "" && !strings.HasPrefix(answer.Header.Get("Server"), "Jetty") {
		return fmt.Errorf("the answer (%s) is not DynamoDB's", answer.Status)
	}
	return nil
}
