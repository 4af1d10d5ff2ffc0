// Package process starts child processes.
//
// On Linux a child ends with this process, even after a kill -9. Ctrl-C in the
// terminal does not reach a child, so this process decides when the child ends.
package process

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Process is a process that was started. It is safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts cmd. On Linux the child gets the signal parentDeath when this
// process ends first.
func Start(cmd *exec.Cmd, parentDeath syscall.Signal) (*Process, error) {
	// Ctrl-C in a terminal reaches the whole process group, so the child gets
	// its own group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	setParentDeathSignal(cmd.SysProcAttr, parentDeath)
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux sends the parent death signal when the thread that forked ends,
		// so that thread must live as long as the child.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed when the process has ended and all its
// output was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether Done is closed.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Err returns nil for exit status 0, otherwise an *exec.ExitError. It may be
// called only after Done is closed.
func (p *Process) Err() error { return p.err }

// Signal sends a signal. It has no effect on a process that has ended.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }
