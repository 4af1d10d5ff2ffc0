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
	var said bytes.Buffer
	cmd := exec.Command("sh", "-c", "echo done; exit 3")
	cmd.Stdout = &said
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	var exit *exec.ExitError
	if !errors.As(p.Err(), &exit) || exit.ExitCode() != 3 || strings.TrimSpace(said.String()) != "done" || !p.Ended() {
		t.Errorf("ended %t with %v, said %q", p.Ended(), p.Err(), &said)
	}
	p.Signal(syscall.SIGKILL) // to nobody
}

func TestSignal(t *testing.T) {
	p, err := process.Start(exec.Command("sleep", "3600"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if p.Ended() {
		t.Error("it has ended before it was asked to")
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("its group is %d, %v: Ctrl-C would reach it", group, err)
	}
	p.Signal(syscall.SIGTERM)
	<-p.Done()
	if p.Err() == nil {
		t.Error("a signal is no good end")
	}
}

func TestNotThere(t *testing.T) {
	if _, err := process.Start(exec.Command("/no/such/program"), syscall.SIGKILL); err == nil {
		t.Error("a program that is not there starts")
	}
}
