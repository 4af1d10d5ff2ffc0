package runtimeapi

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/process"
)

// environment is an execution environment: a process and the Runtime API
// endpoint that only this process uses.
type environment struct {
	name    string
	process *process.Process
	server  *http.Server
	log     *lineWriter // nil when the process writes to a file by itself
	started time.Time

	polls  chan struct{}    // the process has called next
	work   chan *invocation // for the process
	failed chan error       // the process has reported an init error

	mu      sync.Mutex
	current *invocation // in progress
}

// invocation is one invocation of the function.
type invocation struct {
	id       string
	arn      string
	deadline time.Time
	payload  []byte
	result   chan result // has capacity for one result
}

type result struct {
	response []byte
	err      error
}

// start starts a process and its Runtime API endpoint.
func start(o Options) (*environment, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &environment{
		name:   o.Name,
		polls:  make(chan struct{}, 1),
		work:   make(chan *invocation),
		failed: make(chan error, 1),
	}
	e.server = &http.Server{Handler: e.api(), ReadHeaderTimeout: initTimeout}
	go func() { _ = e.server.Serve(listener) }() // until close

	cmd := exec.Command(o.Binary)
	cmd.Dir = filepath.Dir(o.Binary)
	cmd.Env = o.environ(listener.Addr().String())
	if file, ok := o.Log.(*os.File); ok {
		cmd.Stdout, cmd.Stderr = file, file
	} else {
		e.log = &lineWriter{w: o.Log}
		cmd.Stdout, cmd.Stderr = e.log, e.log
	}
	e.started = time.Now()
	// As on Lambda, functions get no SIGTERM.
	if e.process, err = process.Start(cmd, syscall.SIGKILL); err != nil {
		_ = e.server.Close()
		return nil, err
	}
	return e, nil
}

// environ returns the environment of a process: the configured variables, and
// those of Lambda's reserved variables that the Go runtime client reads.
func (o Options) environ(api string) []string {
	all := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          api,
		"AWS_LAMBDA_FUNCTION_NAME":        o.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(o.MemoryMiB),
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_LEVEL":            "INFO",
		"TZ":                              ":UTC",
	}
	for name, value := range o.Variables {
		all[name] = value
	}
	environ := make([]string, 0, len(all))
	for name, value := range all {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// awaitInit waits until the process calls next for the first time.
func (e *environment) awaitInit(ctx context.Context) error {
	late := time.NewTimer(initTimeout)
	defer late.Stop()
	select {
	case <-e.polls:
		return nil
	case err := <-e.failed:
		return err
	case <-e.process.Done():
		return e.exit()
	case <-late.C:
		return &lambda.FunctionError{Type: "Sandbox.Timedout", Message: fmt.Sprintf("function %s did not call the Runtime API within %v", e.name, initTimeout)}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// invoke sends i to the process and waits for the result. It kills the process
// when ctx ends before that.
func (e *environment) invoke(ctx context.Context, i *invocation) ([]byte, error) {
	select {
	case e.work <- i:
	case <-e.process.Done():
		return nil, e.exit()
	case <-ctx.Done():
		e.kill()
		return nil, ctx.Err()
	}
	select {
	case r := <-i.result:
		return r.response, r.err
	case <-e.process.Done():
		select {
		case r := <-i.result: // sent just before the end
			return r.response, r.err
		default:
			return nil, e.exit()
		}
	case <-ctx.Done():
		e.kill()
		return nil, ctx.Err()
	}
}

// exit returns the error that Lambda reports for a process that has ended.
func (e *environment) exit() error {
	status := "exit status 0"
	if err := e.process.Err(); err != nil {
		status = err.Error()
	}
	return &lambda.FunctionError{Type: "Runtime.ExitError", Message: fmt.Sprintf("function %s: Runtime exited with error: %s", e.name, status)}
}

// kill kills the process and waits for its end.
func (e *environment) kill() {
	e.process.Signal(syscall.SIGKILL)
	<-e.process.Done()
}

// close closes the endpoint of a process that has ended.
func (e *environment) close() {
	_ = e.server.Close()
	if e.log != nil {
		e.log.end()
	}
}

// lineWriter writes only whole lines to w, so that the lines of several
// processes do not mix.
type lineWriter struct {
	w    io.Writer
	rest []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	end := len(l.rest)
	for end > 0 && l.rest[end-1] != '\n' {
		end--
	}
	if end == 0 {
		return len(p), nil
	}
	_, err := l.w.Write(l.rest[:end])
	l.rest = append(l.rest[:0], l.rest[end:]...)
	return len(p), err
}

func (l *lineWriter) end() {
	if len(l.rest) > 0 {
		_, _ = l.Write([]byte("\n"))
	}
}
