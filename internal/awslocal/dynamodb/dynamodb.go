// Package dynamodb finds or starts DynamoDB Local.
//
// In order of preference: the endpoint in DYNAMODB_ENDPOINT; Java 17 or newer
// with the official jar, which is downloaded once into the user's cache folder
// and verified by its hash; Docker with amazon/dynamodb-local.
//
// A server that Start has started ends with this process, even after a kill -9.
// The exception is Java on macOS after a kill -9: the next Start on the same
// folder stops that server. Acknowledged writes in a data folder survive a kill
// -9 of this process. A kill -9 of the server itself can lose the writes of its
// last milliseconds.
//
// DynamoDB Local listens on all network interfaces and has no option to change
// that. It runs with a database for each access key ID and region. A client that
// does not know the access key ID of another one finds none of its tables.
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
	// EndpointVariable is the environment variable from which callers take
	// Options.Endpoint.
	EndpointVariable = "DYNAMODB_ENDPOINT"

	// A JVM takes a few seconds on a busy CI machine. Docker may pull the image
	// first.
	javaStartTimeout   = time.Minute
	dockerStartTimeout = 5 * time.Minute

	// Another process can take a free port before DynamoDB Local binds it.
	portAttempts = 5
)

// ErrUnavailable means that there is no way to run DynamoDB Local. Its text
// says what to install.
var ErrUnavailable = errors.New("DynamoDB Local is not available: install Java 17 or newer together with npm, or install Docker, or set " + EndpointVariable)

// Options configure DynamoDB Local.
type Options struct {
	Endpoint string    // of a DynamoDB that is running; "" starts one
	DataDir  string    // "" keeps the data in memory
	Adopt    string    // database that takes over DataDir's data of an earlier version; see Database
	Log      io.Writer // gets a line before a download; may be nil
}

// Server is a DynamoDB that responds to requests.
type Server struct {
	endpoint string
	child    *child // nil if Start did not start it
	pidFile  string
}

// launcher is a way to run DynamoDB Local on a port.
type launcher struct {
	command      func(port int) command
	startTimeout time.Duration
	hint         string // logged once before the first attempt
}

// Start returns a server that responds to requests. Without Java and Docker its
// error wraps ErrUnavailable.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if endpoint := o.Endpoint; endpoint != "" {
		if err := probe(ctx, endpoint); err != nil {
			return nil, fmt.Errorf("dynamodb local: no DynamoDB at %s=%s: %w", EndpointVariable, endpoint, err)
		}
		return &Server{endpoint: endpoint}, nil
	}
	var pidFile string
	if o.DataDir != "" {
		dir, err := filepath.Abs(o.DataDir)
		if err != nil {
			return nil, fmt.Errorf("dynamodb local: %w", err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("dynamodb local: %w", err)
		}
		o.DataDir, pidFile = dir, filepath.Join(dir, "engine.pid")
		if err := errors.Join(stopStale(pidFile, dir), adopt(dir, o.Adopt)); err != nil {
			return nil, fmt.Errorf("dynamodb local: %w", err)
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
		s, err := run(ctx, l, pidFile)
		if errors.Is(err, errPortTaken) && attempt < portAttempts {
			continue
		}
		return s, err
	}
}

// Database returns the name of the file with the tables of an access key ID in a
// region.
func Database(accessKey, region string) string { return accessKey + "_" + region + ".db" }

// sharedDatabase is the file with the tables of all clients of an earlier version.
const sharedDatabase = "shared-local-instance.db"

// adopt renames the shared database.
func adopt(dir, database string) error {
	if database == "" {
		return nil
	}
	err := os.Rename(filepath.Join(dir, sharedDatabase), filepath.Join(dir, database))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// find returns the launcher for Java, or for Docker if Java cannot be used. The
// error contains the reasons of both.
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

// run starts DynamoDB Local on a free port and waits until it responds.
func run(ctx context.Context, l launcher, pidFile string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("dynamodb local: %w", err)
	}
	c, err := startChild(l.command(port))
	if err != nil {
		return nil, fmt.Errorf("dynamodb local: %w", err)
	}
	s := &Server{endpoint: fmt.Sprintf("http://127.0.0.1:%d", port), child: c, pidFile: pidFile}
	if pidFile != "" {
		if err := writePid(pidFile, c.PID()); err != nil {
			return nil, errors.Join(fmt.Errorf("dynamodb local: %w", err), s.Stop())
		}
	}
	if err := s.await(ctx, l.startTimeout); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// await polls until the server responds. A JVM that cannot bind its port does
// not exit, so await also searches the output.
func (s *Server) await(ctx context.Context, startTimeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout,
		fmt.Errorf("no response within %v", startTimeout))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("dynamodb local: %w; its last output: %s", context.Cause(ctx), s.child.output.tail())
		case <-s.child.Done():
		case <-tick.C:
			if probe(ctx, s.endpoint) != nil && !s.child.output.contains("Failed to bind") {
				continue
			}
		}
		switch {
		case s.child.output.contains("Failed to bind", "port is already allocated"):
			return errPortTaken
		case s.child.Ended():
			return fmt.Errorf("dynamodb local: DynamoDB Local ended (%w); its last output: %s", s.child.reason(), s.child.output.tail())
		}
		return nil
	}
}

var errPortTaken = errors.New("dynamodb local: another process has taken the chosen port")

// Endpoint returns the URL of the server, http://host:port.
func (s *Server) Endpoint() string { return s.endpoint }

// Stop stops the server if Start has started it, and waits for its end.
func (s *Server) Stop() error {
	if s.child == nil {
		return nil
	}
	err := s.child.stop()
	if s.pidFile != "" && err == nil {
		err = os.Remove(s.pidFile)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("dynamodb local: %w", err)
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

// probe checks that a DynamoDB responds. It sends a request without credentials
// and expects DynamoDB's error response.
func probe(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.Header.Get("X-Amzn-Requestid") == "" && !strings.HasPrefix(response.Header.Get("Server"), "Jetty") {
		return fmt.Errorf("the response (%s) is not from DynamoDB", response.Status)
	}
	return nil
}
