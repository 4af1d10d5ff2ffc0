package recovery

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dsync/infra/local/runfile"
	"dsync/infra/local/system"
	"dsync/internal/table"
	"dsync/internal/table/version"

	"github.com/google/go-cmp/cmp"
)

// unreleased is the version before the first release, for a repository without tags.
const unreleased = "7bc8bf15885c33151ce22e74520ae52a003a7ad4"

// before returns the last release before this commit.
func before(t *testing.T) string {
	t.Helper()
	if out, err := exec.Command("git", "describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD~1").Output(); err == nil {
		return strings.TrimSpace(string(out))
	}
	if exec.Command("git", "cat-file", "-e", unreleased+"^{commit}").Run() != nil {
		t.Skip("the version before is not in this clone: it has neither a tag nor the whole history (git fetch --unshallow --tags)")
	}
	return unreleased
}

// extract writes the files of a version to a folder.
func extract(t *testing.T, revision, dir string) {
	t.Helper()
	root, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive := exec.Command("git", "archive", revision)
	archive.Dir = strings.TrimSpace(string(root))
	text, err := archive.Output()
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			var content []byte
			if content, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, content, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// older is the version before, as PROCESSES=1 make run starts it.
type older struct {
	*exec.Cmd
	ended chan error
}

func startOlder(t *testing.T, dir, endpoint string) (*older, runfile.Run) {
	t.Helper()
	o := &older{Cmd: exec.Command(filepath.Join(dir, "machine")), ended: make(chan error, 1)}
	o.Dir, o.Stdout, o.Stderr = dir, t.Output(), t.Output()
	o.Env = append(os.Environ(), "PORT=0", "PROCESSES=1", "DYNAMODB_ENDPOINT="+endpoint)
	if err := o.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Process.Kill() })
	go func() { o.ended <- o.Wait() }()
	for deadline := time.After(5 * time.Minute); ; {
		if c, err := runfile.Read(filepath.Join(dir, ".local")); err == nil && c.PID == o.Process.Pid {
			return o, c
		}
		select {
		case err := <-o.ended:
			t.Fatalf("the older version ended: %v", err)
		case <-deadline:
			t.Fatal("the older version does not start")
		case <-time.After(tick):
		}
	}
}

func (o *older) stop(t *testing.T) {
	t.Helper()
	if err := o.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-o.ended; err != nil {
		t.Fatal(err)
	}
}

// The version before runs, this version takes over and upgrades the records, the
// version before takes over again, and then this version. Nothing is lost, each
// change has its event, and the log has no gap.
func TestRollback(t *testing.T) {
	revision := before(t)
	dir, endpoint := t.TempDir(), engine(t)
	extract(t, revision, dir)
	build := exec.Command("go", "build", "-trimpath", "-o", "machine", "./infra/cmd/local")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s cannot be built: %v\n%s", revision, err, out)
	}
	startThis := func() (*system.System, runfile.Run) {
		t.Helper()
		s, err := system.Start(t.Context(), system.Options{DataDir: filepath.Join(dir, ".local"), DynamoDBEndpoint: endpoint, Processes: true, Environments: 1, Log: t.Output()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop() })
		return s, connection(s)
	}
	unchanged := func(step string, c runfile.Run, wantNames []string, want counts) {
		t.Helper()
		names, n := state(t, c)
		if diff := cmp.Diff(wantNames, names); diff != "" || n != want {
			t.Errorf("%s: %v, want %v (-want +got)\n%s", step, n, want, diff)
		}
		t.Logf("%-28s %v", step, n)
	}

	old, c := startOlder(t, dir, endpoint)
	ada, bob := createUser(t, c, "ada"), createUser(t, c, "bob")
	group := createGroup(t, c, "engineers", ada, bob)
	await(t, c, 7) // a token, activated, two users, a group, two memberships
	names, n := state(t, c)
	t.Logf("%-28s %v", "version before", n)
	old.stop(t)

	this, c := startThis()
	unchanged("after the upgrade", c, names, n)
	tab := table.New(this.DynamoDB(), this.TableName())
	for deadline := time.Now().Add(3 * time.Minute); ; {
		r, err := version.Read(t.Context(), tab)
		if err != nil {
			t.Fatal(err)
		}
		if r.Version == version.Current {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the records are not upgraded: the table has the version %+v", r)
		}
		<-time.After(tick)
	}
	carl := createUser(t, c, "carl")
	patch(t, c, "/Groups/"+group, c.Token, map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": carl}}})
	patch(t, c, "/Users/"+ada, c.Token, map[string]any{"op": "replace", "path": "title", "value": "Captain"})
	await(t, c, 10)
	names, n = state(t, c)
	if err := this.Stop(); err != nil {
		t.Fatal(err)
	}

	old, c = startOlder(t, dir, endpoint)
	unchanged("after the rollback", c, names, n)
	must(t, "DELETE", c.TenantURL+"/Users/"+bob, c.Token, nil)
	patch(t, c, "/Users/"+carl, c.Token, map[string]any{"op": "replace", "path": "active", "value": false})
	createUser(t, c, "dora")
	await(t, c, 13)
	names, n = state(t, c)
	old.stop(t)

	_, c = startThis()
	unchanged("after the second upgrade", c, names, n)
	patch(t, c, "/Users/"+carl, c.Token, map[string]any{"op": "replace", "path": "active", "value": true})
	await(t, c, 14)
}
