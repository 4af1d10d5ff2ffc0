package process_test

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"dsync/internal/awslocal/process"
)

func TestEnd(t *testing.T) {
	var output bytes.Buffer
	cmd := exec.Command("sh", "-c", "echo done; exit 3")
	cmd.Stdout = &output
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	var exit *exec.ExitError
	if !errors.As(p.Err(), &exit) || exit.ExitCode() != 3 || strings.TrimSpace(output.String()) != "done" || !p.Ended() {
		t.Errorf("ended %t with %v, output %q", p.Ended(), p.Err(), &output)
	}
	p.Signal(syscall.SIGKILL) // no effect
}

func TestSignal(t *testing.T) {
	p, err := process.Start(exec.Command("sleep", "3600"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if p.Ended() {
		t.Error("the process has ended before the signal")
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("process group %d, %v: Ctrl-C would reach the process", group, err)
	}
	p.Signal(syscall.SIGTERM)
	<-p.Done()
	if p.Err() == nil {
		t.Error("no error after the end by a signal")
	}
}

func TestMissingProgram(t *testing.T) {
	if _, err := process.Start(exec.Command("/no/such/program"), syscall.SIGKILL); err == nil {
		t.Error("a missing program was started")
	}
}
