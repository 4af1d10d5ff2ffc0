package dynamodb

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"dsync/internal/awslocal/process"
)

// command is a program with its arguments and working directory.
type command struct {
	path string
	args []string
	dir  string
	// stopOnEOF keeps the child's standard input open while this process lives.
	// The child stops when it reads EOF.
	stopOnEOF bool
}

// child is a running DynamoDB Local.
type child struct {
	*process.Process
	stdin  io.Closer
	output *outputTail
}

// startChild starts c. The child gets SIGTERM, not SIGKILL, when this process
// ends. DynamoDB Local responds a few milliseconds before it commits, and it
// commits on SIGTERM.
func startChild(c command) (*child, error) {
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir = c.dir
	ch := &child{output: &outputTail{}}
	cmd.Stdout, cmd.Stderr = ch.output, ch.output
	if c.stopOnEOF {
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		ch.stdin = stdin
	}
	var err error
	ch.Process, err = process.Start(cmd, syscall.SIGTERM)
	return ch, err
}

// reason returns the error of a child that has ended. Exit status 0 is an error,
// too, because the child must not end by itself.
func (c *child) reason() error {
	if err := c.Err(); err != nil {
		return err
	}
	return io.EOF
}

// stop sends SIGTERM, after 5 seconds SIGKILL, and waits for the end.
func (c *child) stop() error {
	if c.stdin != nil {
		_ = c.stdin.Close()
	}
	c.Signal(syscall.SIGTERM)
	select {
	case <-c.Done():
		return nil
	case <-time.After(5 * time.Second):
	}
	c.Signal(syscall.SIGKILL)
	<-c.Done()
	return nil
}

// outputTail keeps the last outputLimit bytes of the child's output.
type outputTail struct {
	mu   sync.Mutex
	text []byte
}

const outputLimit = 8 << 10

func (o *outputTail) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	if over := len(o.text) - outputLimit; over > 0 {
		o.text = append(o.text[:0], o.text[over:]...)
	}
	return len(p), nil
}

func (o *outputTail) contains(phrases ...string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range phrases {
		if bytes.Contains(o.text, []byte(p)) {
			return true
		}
	}
	return false
}

// tail returns the last 8 lines.
func (o *outputTail) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(o.text)), "\n")
	if len(lines) > 8 {
		lines = lines[len(lines)-8:]
	}
	return strings.Join(lines, "\n")
}
