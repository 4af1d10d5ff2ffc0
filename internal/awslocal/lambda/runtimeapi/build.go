package runtimeapi

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildFlags are the flags of `make build`, so that local binaries are built
// like deployed ones. A test compares the two. The binaries do not contain the
// commit, so they change only when the code changes.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid="}

// Build builds the binaries of functions, each into dir/<function>/bootstrap.
// They are for the current platform if linuxArchitecture is "", otherwise for
// Linux and that GOARCH. The working directory must be in the module.
func Build(ctx context.Context, dir, linuxArchitecture string, functions ...string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	args := append([]string{"build", "-o", fresh + string(filepath.Separator)}, buildFlags...)
	for _, name := range functions {
		args = append(args, "dsync/functions/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if linuxArchitecture != "" {
		cmd.Env = append(cmd.Env, "GOOS=linux", "GOARCH="+linuxArchitecture)
	}
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, strings.TrimSpace(string(output)))
	}
	for _, name := range functions {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(fresh, name), Bootstrap(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Bootstrap returns the path of a binary that Build has built in dir.
func Bootstrap(dir, function string) string { return filepath.Join(dir, function, "bootstrap") }
