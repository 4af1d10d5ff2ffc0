package dynamodb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func tarball(t *testing.T, entries ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		if e.Typeflag == tar.TypeReg {
			e.Size = int64(len("text"))
		}
		if err := w.WriteHeader(&e); err != nil {
			t.Fatal(err)
		}
		if e.Typeflag == tar.TypeReg {
			_, _ = w.Write([]byte("text"))
		}
	}
	_ = w.Close()
	_ = z.Close()
	file := filepath.Join(t.TempDir(), "p.tgz")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestUnpackOnlyTheFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "out")
	err := unpack(tarball(t,
		tar.Header{Name: "package/index.js", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "package/emulator/lib/a.jar", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "package/emulator/link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
	), "package/emulator", folder)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(folder, "lib", "a.jar")); err != nil || string(b) != "text" {
		t.Errorf("lib/a.jar: %q, %v", b, err)
	}
	for _, name := range []string{"link", "index.js"} {
		if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
}

func TestUnpackRefusesToLeaveTheFolder(t *testing.T) {
	for _, name := range []string{"../escape", "lib/../../escape", "/etc/escape", "./lib/x", "lib//x"} {
		folder := filepath.Join(t.TempDir(), "out")
		err := unpack(tarball(t, tar.Header{Name: "package/emulator/" + name, Typeflag: tar.TypeReg, Mode: 0o644}), "package/emulator", folder)
		if err == nil || !strings.Contains(err.Error(), "invalid file name") {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(folder), "escape")); err == nil {
			t.Errorf("%s was written outside", name)
		}
	}
}

func TestVerifyRefusesAnotherFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.tgz")
	if err := os.WriteFile(file, []byte("not the package"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := verify(file, jarIntegrity); err == nil {
		t.Fatal("accepted")
	}
}

func TestJavaMajor(t *testing.T) {
	for banner, want := range map[string]int{
		`openjdk version "17.0.15" 2025-04-15`: 17,
		`java version "1.8.0_402"`:             8,
		`openjdk version "21" 2023-09-19`:      21,
		`openjdk version "26-ea" 2026-03-17`:   26,
		`no java here`:                         0,
	} {
		if got, ok := javaMajor(banner); got != want || ok != (want != 0) {
			t.Errorf("%s: %d, %v", banner, got, ok)
		}
	}
}

func TestLockIsHeldByOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, file); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second holder: %v", err)
	}
	unlock()
	unlock, err = lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// The script in the container ends its command at the end of standard input, so
// that the container ends with this process.
func TestStopOnEOFEndsTheCommand(t *testing.T) {
	cmd := exec.Command("sh", "-c", stopOnEOFScript, "sh", "sleep", "60")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = stdin.Close()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		_ = cmd.Process.Kill()
		t.Fatal("the command outlives its standard input")
	}

	// A command that ends by itself ends the script.
	cmd = exec.Command("sh", "-c", stopOnEOFScript, "sh", "sh", "-c", "exit 3")
	if stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("error %v, want exit 3", err)
	}
}

func TestOutputKeepsTheEnd(t *testing.T) {
	o := &outputTail{}
	_, _ = io.WriteString(o, strings.Repeat("x\n", outputLimit))
	_, _ = io.WriteString(o, "last words\n")
	if len(o.text) > outputLimit || !strings.HasSuffix(o.tail(), "last words") || !o.contains("last words") {
		t.Errorf("%d bytes, tail %q", len(o.text), o.tail())
	}
}
