package engine

import (
	"bytes"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// command is what to run and where.
type command struct {
	path string
	args []string
	dir  string
	// tether keeps the child's standard input open for as long as this
	// process lives: a launcher that reads it learns of our end by its end.
	tether bool
}

// child is a running engine. done is closed when it has ended; err may be
// read after that.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	output *output
	done   chan struct{}
	err    error
}

// startChild starts c so that it outlives neither us (where the system can
// do that) nor a Ctrl-C of the terminal before us.
func startChild(c command) (*child, error) {
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir = c.dir
	// An own process group: Ctrl-C in a terminal reaches the group, and the
	// engine has to be the last to go.
	cmd.SysProcAttr = withParentDeath(&syscall.SysProcAttr{Setpgid: true})
	ch := &child{cmd: cmd, output: &output{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = ch.output, ch.output
	if c.tether {
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		ch.stdin = stdin
	}
	started := make(chan error)
	go func() {
		// Linux ties "die with the parent" to the thread that forked, so
		// that thread has to last as long as the child.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		ch.err = cmd.Wait()
		if ch.err == nil {
			ch.err = io.EOF // an engine has no business ending well on its own
		}
		close(ch.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return ch, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop asks the child to end, insists after a few seconds, and waits.
func (c *child) stop() error {
	if c.stdin != nil {
		_ = c.stdin.Close()
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
		return nil
	case <-time.After(5 * time.Second):
	}
	_ = c.cmd.Process.Kill()
	<-c.done
	return nil
}

// output keeps the end of what the child says.
type output struct {
	mu   sync.Mutex
	text []byte
}

const outputKept = 8 << 10

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	if over := len(o.text) - outputKept; over > 0 {
		o.text = append(o.text[:0], o.text[over:]...)
	}
	return len(p), nil
}

func (o *output) saw(phrases ...string) bool {
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
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(o.text)), "\n")
	if len(lines) > 8 {
		lines = lines[len(lines)-8:]
	}
	return strings.Join(lines, "\n")
}
