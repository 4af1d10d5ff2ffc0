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

// command is what to run and where.
type command struct {
	path string
	args []string
	dir  string
	// tether keeps the child's standard input open for as long as this
	// process lives: a launcher that reads it learns of our end by its end.
	stopOnEOF bool
}

// child is a running engine.
type child struct {
	*process.Process
	stdin  io.Closer
	output *outputTail
}

// startChild starts c. At our end it gets SIGTERM, not SIGKILL: DynamoDB Local
// answers a few milliseconds before it commits, and on SIGTERM it commits first.
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

// reason is why an engine that has ended did: it has no business ending well
// on its own.
func (c *child) reason() error {
	if err := c.Err(); err != nil {
		return err
	}
	return io.EOF
}

// stop asks the child to end, insists after a few seconds, and waits.
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

// output keeps the end of what the child says.
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

// tail is the last few lines.
func (o *outputTail) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(o.text)), "\n")
	if len(lines) > 8 {
		lines = lines[len(lines)-8:]
	}
	return strings.Join(lines, "\n")
}
