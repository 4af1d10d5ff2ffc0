package mutate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// Result is what became of a mutant.
type Result struct {
	Package string // name of the suite
	Mutant  Mutant
	Killed  bool
	Test    string // that failed, or "the timeout"; "" if the process of the tests ended
	Time    time.Duration
}

// Unexpected reports whether the mutant survives without a reason.
func (r Result) Unexpected() bool { return !r.Killed && !r.Mutant.excused() }

// Config says how mutants are run.
type Config struct {
	Root    string        // folder of the module
	Match   string        // a regular expression: run the mutants whose name matches
	Fast    bool          // run the fast tests only: a survivor may be killed by another test
	Timeout time.Duration // of the tests of a package: a mutant that exceeds it is killed
}

// Run runs the mutants of a suite one after the other. Before, it runs the tests
// without a mutant; if they fail, that is the only pair. A mutant that does not
// apply or compile is an error.
func (c Config) Run(ctx context.Context, s Suite) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		match, err := regexp.Compile(c.Match)
		if err != nil {
			yield(Result{}, err)
			return
		}
		var fast []string
		if c.Fast {
			fast = s.Fast
		}
		if out, err := c.test(ctx, s, fast...); err != nil {
			yield(Result{}, fmt.Errorf("%s: the tests fail without a mutant: %w\n%s", s.Name, err, out))
			return
		}
		for _, m := range s.Mutants {
			if !match.MatchString(m.Name) {
				continue
			}
			r, err := c.run(ctx, s, m)
			if !yield(r, err) || ctx.Err() != nil {
				return
			}
		}
	}
}

// run runs the tests of the package with a mutant.
func (c Config) run(ctx context.Context, s Suite, m Mutant) (Result, error) {
	r := Result{Package: s.Name, Mutant: m}
	file, content, err := s.Apply(c.Root, m)
	if err != nil {
		return r, err
	}
	folder, err := os.MkdirTemp("", "dsync-mutate-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(folder)
	changed, overlay := filepath.Join(folder, "mutant.go"), filepath.Join(folder, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		return r, err
	}
	for name, text := range map[string][]byte{changed: content, overlay: replace} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return r, err
		}
	}
	start := time.Now()
	var out []byte
	if s.Fast != nil {
		out, err = c.test(ctx, s, append([]string{"-overlay=" + overlay}, s.Fast...)...)
	}
	if err == nil && !(c.Fast && s.Fast != nil) {
		out, err = c.test(ctx, s, "-overlay="+overlay)
	}
	r.Time = time.Since(start)
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err != nil && bytes.Contains(out, []byte("[build failed]")):
		return r, fmt.Errorf("%s: the mutant %q does not compile:\n%s", s.Name, m.Name, out)
	case err != nil:
		r.Killed = true
		if bytes.Contains(out, []byte("panic: test timed out")) {
			r.Test = "the timeout"
		} else if failed := failedTest.FindSubmatch(out); failed != nil {
			r.Test = string(failed[1])
		}
	}
	return r, nil
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// test runs the tests of the package. It fails if a test fails.
func (c Config) test(ctx context.Context, s Suite, flags ...string) (out []byte, err error) {
	args := slices.Concat([]string{"test", "-count=1", "-failfast", "-vet=off", "-timeout=" + c.Timeout.String()}, s.Flags, flags, []string{"./" + s.Package})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.Root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.CombinedOutput()
}
