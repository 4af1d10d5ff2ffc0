package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"dsync/internal/release"
)

// The changelog describes the version of the code first.
func TestChangelog(t *testing.T) {
	text, err := os.ReadFile("../../../" + changelog)
	if err != nil {
		t.Fatal(err)
	}
	if got := newest(text); got != release.Version {
		t.Errorf("the newest entry is %q, the version %q", got, release.Version)
	}
}

// A release is a commit with an entry in the changelog, and has a tag that is new.
func TestRelease(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	run := func(arguments ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, arguments...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v %s", arguments, err, out)
		}
	}
	for _, name := range []string{"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"} {
		t.Setenv(name, "a")
	}
	for _, name := range []string{"GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"} {
		t.Setenv(name, "a@example.com")
	}
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll("docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(changelog, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(want string) {
		t.Helper()
		if err := tagRelease(t.Context(), &output{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	run("init", "-q")
	write("# Changelog\n\n## 0.0.0\n")
	refused("the newest entry of docs/changelog.md is 0.0.0")
	write("# Changelog\n\n## " + release.Version + "\n\n## 0.0.0\n")
	refused("not committed")
	run("add", ".")
	run("commit", "-q", "-m", "a")
	if err := tagRelease(t.Context(), &output{}); err != nil {
		t.Fatal(err)
	}
	refused("exists")
}
