package runtimeapi

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// flags are the Makefile's: what runs here is what is deployed. A test holds
// them against each other. Without the commit in it, a binary changes only
// when its code does.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid="}

// Build builds the binaries of functions for this machine, or for the
// architecture of Linux that is named, each into dir/<function>/bootstrap. The
// working directory is in the module.
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
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the functions with go: %w\n%s", err, strings.TrimSpace(string(said)))
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

// Bootstrap is where Build puts the binary of a function.
func Bootstrap(dir, function string) string { return filepath.Join(dir, function, "bootstrap") }
