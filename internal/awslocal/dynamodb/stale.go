package dynamodb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func writePid(file string, pid int) error {
	return os.WriteFile(file, []byte(strconv.Itoa(pid)+"\n"), 0o600)
}

// stopStale stops the DynamoDB Local in the pid file if it still runs on
// dataDir. Two servers on one folder would each see half of the writes. A
// process of another program with the same pid is not stopped.
func stopStale(file, dataDir string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return os.Remove(file) // incomplete after a crash
	}
	running := func() bool {
		line := commandLine(pid)
		return strings.Contains(line, "DynamoDBLocal.jar") && strings.Contains(line, dataDir)
	}
	if !running() {
		return os.Remove(file)
	}
	// SIGTERM first, so that it commits all acknowledged writes.
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(pid, signal)
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if !running() {
				return os.Remove(file)
			}
		}
	}
	return fmt.Errorf("another DynamoDB Local (process %d) uses %s and cannot be stopped", pid, dataDir)
}

// commandLine returns the command line of a process, or "" if there is none.
func commandLine(pid int) string {
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		return strings.ReplaceAll(string(line), "\x00", " ")
	}
	line, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return string(line)
}
