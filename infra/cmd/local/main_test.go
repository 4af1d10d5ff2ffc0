package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEventsAreLines(t *testing.T) {
	for event, want := range map[string]string{
		`{"detail":{"event":"dsync.user.updated","data":{"id":"u","name":null,"email":"ada@example.com","state":"inactive"}}}`:                     "dsync.user.updated         u                                            <ada@example.com> (inactive)",
		`{"detail":{"event":"dsync.group.user_added","data":{"user":{"id":"u","email":"ada@example.com"},"group":{"id":"g","name":"Engineers"}}}}`: "dsync.group.user_added     g                                            Engineers: <ada@example.com>",
		`{"detail":{"event":"dsync.group.created","data":{"id":"g","name":"a\u001b[31m\nb"}}}`:                                                     "dsync.group.created        g                                            a\\x1b[31m\\nb",
	} {
		var out bytes.Buffer
		p := &printer{out: &out, opened: true}
		p.event(json.RawMessage(event))
		if _, got, _ := strings.Cut(out.String(), "  "); got != want+"\n" {
			t.Errorf("\n%q, want\n%q", got, want)
		}
	}
}

func TestPort(t *testing.T) {
	for value, want := range map[string]int{"": 8080, "0": 0, "1": 1, "65535": 65535, "65536": -1, "-1": -1, "http": -1, " 80": -1} {
		got, err := port(value)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v", value, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "PORT") {
			t.Error(err)
		}
	}
}

func TestFlag(t *testing.T) {
	for value, want := range map[string]bool{"": false, "0": false, "1": true} {
		if got, err := flag("PROCESSES", value); err != nil || got != want {
			t.Errorf("%q: %t, %v", value, got, err)
		}
	}
	for _, value := range []string{"yes", "2", " "} {
		if _, err := flag("PROCESSES", value); err == nil || !strings.Contains(err.Error(), "PROCESSES") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestEarlyEventsWaitForTheGreeting(t *testing.T) {
	var out bytes.Buffer
	p := &printer{out: &out}
	p.event(json.RawMessage(`{"detail":{"event":"first"}}`))
	if out.Len() > 0 {
		t.Errorf("printed before open: %s", out.String())
	}
	p.open()
	p.event(json.RawMessage(`{"detail":{"event":"second"}}`))
	if !regexp.MustCompile(`^\S+  first\n\S+  second\n$`).MatchString(out.String()) {
		t.Errorf("%q", out.String())
	}
}

// TestNoCDK checks that `make run` neither downloads nor compiles the CDK.
func TestNoCDK(t *testing.T) {
	deps, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(deps)) {
		for _, heavy := range []string{"aws-cdk", "jsii", "constructs-go", "dsync/infra/stack"} {
			if strings.Contains(dep, heavy) {
				t.Errorf("infra/local depends on %s", dep)
			}
		}
	}
}

// machine is the running program. Each machine has its own folder.
type machine struct {
	*exec.Cmd
	lines chan string
	said  strings.Builder
}

func launch(t *testing.T, program, dir string, args ...string) *machine {
	t.Helper()
	m := &machine{Cmd: exec.Command(program, args...), lines: make(chan string, 1000)}
	m.Dir = dir
	m.Env = append(os.Environ(), "PORT=0")
	out, err := m.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.Stderr = m.Stdout
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Process.Kill() })
	go func() {
		defer close(m.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			m.lines <- scanner.Text()
		}
	}()
	return m
}

// until reads the output up to a line that matches.
func (m *machine) until(t *testing.T, expression string) string {
	t.Helper()
	re := regexp.MustCompile(expression)
	late := time.After(time.Minute)
	for {
		select {
		case line, ok := <-m.lines:
			if !ok {
				t.Fatalf("the program ended without a line that matches %s; output:\n%s", expression, m.said.String())
			}
			m.said.WriteString(line + "\n")
			if found := re.FindStringSubmatch(line); found != nil {
				return found[len(found)-1]
			}
		case <-late:
			t.Fatalf("no line matches %s; output:\n%s", expression, m.said.String())
		}
	}
}

func TestRunStopReset(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "dsync")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := launch(t, program, dir)
	tenant := m.until(t, `Tenant URL\s+(http://localhost:\d+/scim/v2\.0/\S+)`)
	token := m.until(t, `Secret Token\s+(\S+)`)
	m.until(t, `API key\s+(dsync_api_\S+)$`)
	curls := []string{m.until(t, `^\s+(curl .*/Users.*)$`), m.until(t, `^\s+(curl .*/directories.*)$`)}
	m.until(t, `make demo`)
	m.until(t, `events\.ndjson`)

	if _, err := exec.LookPath("curl"); err == nil {
		for i, want := range []string{`"totalResults":0`, `"name":"Entra ID"`} {
			out, err := exec.Command("sh", "-c", curls[i]).Output()
			if err != nil || !strings.Contains(string(out), want) || !strings.HasSuffix(string(out), "\n") {
				t.Errorf("%s: %s, %v", curls[i], out, err)
			}
		}
	}
	r, _ := http.NewRequest("POST", tenant+"/Users", strings.NewReader(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com","active":true}`))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	m.until(t, `^\d\d:\d\d:\d\d  dsync\.user\.created +directory_user_\S+ +.*ada@example\.com`)

	for _, args := range [][]string{nil, {"reset"}} {
		other := launch(t, program, dir, args...)
		other.until(t, `dsync is already running here: stop it first, with Ctrl-C \(process \d+ at http`)
		if err := other.Wait(); err == nil {
			t.Errorf("%v succeeds while another system is running", args)
		}
	}

	if err := m.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.until(t, "Stopping")
	for range m.lines { // read the rest of the output
	}
	if err := m.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v; output:\n%s", err, m.said.String())
	}
	if out, err := exec.Command("pgrep", "-f", dir).Output(); err == nil {
		t.Errorf("processes still running: %s", out)
	}

	t.Setenv("DYNAMODB_ENDPOINT", "http://localhost:8000")
	reset := launch(t, program, dir, "reset")
	reset.until(t, "starts with empty data")
	reset.until(t, "The table stays in the DynamoDB at http://localhost:8000")
	if err := reset.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, dataDir)); !errors.Is(err, os.ErrNotExist) {
		t.Error("reset did not delete the data")
	}
}
