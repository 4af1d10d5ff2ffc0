// Package process starts processes that do not outlive this one, however it
// ends, where the system can do that, and that a Ctrl-C of the terminal does
// not reach: when they end is for this process to say.
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

// Start starts cmd. The signal is what it gets when this process ends before
// it does.
func Start(cmd *exec.Cmd, atEnd syscall.Signal) (*Process, error) {
	// An own process group: Ctrl-C in a terminal reaches the whole group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	setParentDeathSignal(cmd.SysProcAttr, atEnd)
	p := &Process{cmd: cmd, done: make(chan struct{})}
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
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and all it wrote was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended tells whether Done is closed.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Err is how the process ended, nil for status 0. Ask after Done.
func (p *Process) Err() error { return p.err }

// Signal does nothing to a process that has ended.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }
