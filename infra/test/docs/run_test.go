package docs

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dsync/infra/local/runfile"
	"dsync/internal/awslocal/dynamodb"
)

// clone is a copy of the files of the repository, as somebody has it who cloned it.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, path))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err == nil {
			err = os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, path), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// terminal runs lines of a shell in a folder.
type terminal struct {
	dir string
	env []string
}

// process is a line that runs.
type process struct {
	*exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer
	done chan error
}

func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// start runs a line in a process group of its own, as a terminal does.
func (c terminal) start(t *testing.T, line string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command("sh", "-c", "exec "+line), done: make(chan error, 1)}
	p.Dir, p.Env, p.Stdout, p.Stderr = c.dir, append(environment(), c.env...), p, p
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) })
	go func() { p.done <- p.Wait() }()
	return p
}

// environment is that of this process without what make has set for its children.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"MAKELEVEL", "MAKEFLAGS", "MFLAGS", "STAGE", "STACK", "DSYNC_URL", "DSYNC_API_KEY"}, name)
	})
}

// until waits for a match in the output.
func (p *process) until(t *testing.T, expression string) {
	t.Helper()
	re := regexp.MustCompile(expression)
	for deadline := time.After(10 * time.Minute); !re.MatchString(p.said()); {
		select {
		case err := <-p.done:
			p.done <- err
			if !re.MatchString(p.said()) {
				t.Fatalf("%s ended (%v) without %s:\n%s", p.Args[2], err, expression, p.said())
			}
		case <-deadline:
			t.Fatalf("%s does not say %s:\n%s", p.Args[2], expression, p.said())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// interrupt presses Ctrl-C.
func (p *process) interrupt(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-p.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-p.done
}

// noise is what make and go add to the sentence of a command.
var noise = regexp.MustCompile(`make: \*\*\*|\*\*\* \[|exit status|goroutine \d|Usage of`)

// run runs a line to its end. It must say something that matches, and no noise.
func (c terminal) run(t *testing.T, line string, succeeds bool, expression string) {
	t.Helper()
	p := c.start(t, line)
	err := <-p.done
	if text := p.said(); (err == nil) != succeeds || !regexp.MustCompile(expression).MatchString(text) || noise.MatchString(text) {
		t.Errorf("%s: %v, want %s\n%s", line, err, expression, text)
	}
}

// section is the part of a page from a heading to the next one of its level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(page, "\n"+heading+"\n")
	if !found {
		t.Fatalf("there is no section %s", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	text, _, _ = strings.Cut(text, "\n"+level+" ")
	return text
}

// What the README says to try works in a new clone, without an AWS account: each
// task of the section is run, and says what the README says that it does. A failure
// is one sentence.
func TestTryIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the commands")
	}
	c := terminal{dir: clone(t), env: []string{"PORT=0", "DEMO_USERS=6", "DEMO_GROUPS=2", "USER=ada", dynamodb.EndpointVariable + "=" + os.Getenv(dynamodb.EndpointVariable)}}
	todo := invocations(section(t, read(t, "README.md"), "## Try it"))
	for _, variant := range []string{"PORT=9090 run", "PROCESSES=1 run", "UNKIND=1 run"} { // tested in package local
		if !slices.Contains(todo, variant) {
			t.Errorf("the README does not say %s", variant)
		}
		todo = slices.DeleteFunc(todo, func(call string) bool { return call == variant })
	}
	did := func(call string) string {
		if !slices.Contains(todo, call) {
			t.Errorf("the README does not say make %s", call)
		}
		todo = slices.DeleteFunc(todo, func(other string) bool { return other == call })
		return "make " + call
	}
	c.run(t, "make tail", false, "dsync: no system is running on this machine: run `make run`")
	system := c.start(t, did("run"))
	system.until(t, `Events appear here`)
	text, err := os.ReadFile(filepath.Join(c.dir, ".local", runfile.Name))
	if err != nil {
		t.Fatal(err)
	}
	var written map[string]any
	if err := json.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	for name := range written {
		if !strings.Contains(section(t, read(t, "README.md"), "## Try it"), "`"+name+"`") {
			t.Errorf("the README does not name %s of %s", name, runfile.Name)
		}
	}
	for _, curl := range regexp.MustCompile(`(?m)^  (curl .*)$`).FindAllStringSubmatch(system.said(), -1) {
		c.run(t, curl[1], true, `^\{.*\}\n$`)
	}
	tail := c.start(t, did("tail"))
	tail.until(t, "Press Ctrl-C")
	c.run(t, did(`directory NAME='Acme Inc.'`), true, `Acme Inc\. has a directory(?s:.*)Tenant URL +http://localhost:\d+/scim/v2\.0/\S+\n +Secret Token +dsync_scim_`)
	c.run(t, `make directory NAME='A$B $(C) Inc.'`, true, `A\$B \$\(C\) Inc\. has a directory`)
	tail.until(t, `dsync\.token\.created`)
	tail.interrupt(t)
	if noise.MatchString(tail.said()) {
		t.Errorf("after Ctrl-C:\n%s", tail.said())
	}
	c.run(t, did("console"), true, `as ada \(admin\)(?s:.*)/console/sign-in\?link=`)
	c.run(t, did("doctor"), true, `ok  event delivered(?s:.*)Everything works`)
	c.run(t, did("demo"), true, `(?i)passed|ok`)
	c.run(t, did("demo PROFILE=okta"), true, `(?i)passed|ok`)
	c.run(t, did("demo SETUP=1"), true, `(?i)passed|ok`)
	c.run(t, "make demo PROFILE=ldap", false, "PROFILE is entra or okta")
	c.run(t, "make directory", false, "the name of the customer is missing")
	c.run(t, "make reset", false, `stop it first, with Ctrl-C`)
	system.interrupt(t)
	if noise.MatchString(system.said()) {
		t.Errorf("after Ctrl-C:\n%s", system.said())
	}
	c.run(t, did("reset"), true, `starts with empty data`)
	if _, err := os.Stat(filepath.Join(c.dir, ".local")); !os.IsNotExist(err) {
		t.Error("make reset left .local/")
	}
	if len(todo) > 0 {
		t.Errorf("the README says %q, which is not tested", todo)
	}
}

// recorder is a program that writes its arguments to a file instead of doing
// something. With -o it creates the file, as go build does.
const recorder = `#!/bin/sh
echo "$(basename "$0") $*" >>"$RECORD"
while [ $# -gt 0 ]; do
	if [ "$1" = -o ]; then mkdir -p "$(dirname "$2")"; : >"$2"; fi
	shift
done
`

// The tasks of a deployment hand the stage, of any name, and the CDK options to the
// CDK, for each stage that the pages use. Without a Region, and for the deletion of a
// stage that serves customers, they stop with a sentence.
func TestDeploymentTasks(t *testing.T) {
	c := terminal{dir: clone(t)}
	programs, record := t.TempDir(), filepath.Join(t.TempDir(), "record")
	for _, name := range []string{"go", "npx", "npm", "aws"} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(recorder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.env = []string{"PATH=" + programs + ":" + os.Getenv("PATH"), "RECORD=" + record, "AWS_REGION=eu-central-1"}
	deploys := func(line string, want ...string) {
		t.Helper()
		_ = os.Remove(record)
		p := c.start(t, line)
		if err := <-p.done; err != nil {
			t.Errorf("%s: %v\n%s", line, err, p.said())
		}
		text, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range want {
			if !slices.Contains(strings.Split(string(text), "\n"), strings.TrimSpace(call)) {
				t.Errorf("%s does not run %s, but\n%s", line, call, text)
			}
		}
	}
	const cdk = "npx --no-install cdk "
	for _, stage := range []string{"dev", "prod", "staging"} {
		option := " STAGE=" + stage
		if stage == "dev" {
			option = ""
		}
		synth := cdk + "synth --quiet --app dist/tools/infra -c stage=" + stage + " "
		deploys("make synth"+option, synth)
		deploys("make bootstrap"+option, cdk+"bootstrap --app dist/tools/infra -c stage="+stage+" ")
		deploys("make diff"+option, synth, cdk+"diff --app cdk.out ")
		deploys("make deploy"+option, synth, cdk+"deploy --app cdk.out ")
		deploys("make destroy FORCE=1"+option, cdk+"destroy --app cdk.out --force ")
	}
	deploys("make deploy CONTEXT='-c tracing=on'", cdk+"synth --quiet --app dist/tools/infra -c stage=dev -c tracing=on", cdk+"deploy --app cdk.out -c tracing=on")
	_ = os.Remove(record)
	p := c.start(t, "make destroy STAGE=prod")
	if err := <-p.done; err == nil || !strings.Contains(p.said(), "make destroy STAGE=prod FORCE=1") {
		t.Errorf("the deletion of prod: %v\n%s", err, p.said())
	}
	if text, _ := os.ReadFile(record); strings.Contains(string(text), "cdk") {
		t.Errorf("the deletion of prod runs\n%s", text)
	}
	c.env = append(c.env, "AWS_REGION=", "AWS_DEFAULT_REGION=")
	if err := os.WriteFile(filepath.Join(programs, "aws"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p = c.start(t, "make deploy")
	if err := <-p.done; err == nil || !strings.Contains(p.said(), "no Region is chosen") {
		t.Errorf("without a Region: %v\n%s", err, p.said())
	}
}
