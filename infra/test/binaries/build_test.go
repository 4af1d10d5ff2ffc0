package binaries

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dsync/infra/topology"
	"dsync/internal/awslocal/lambda/runtimeapi"
)

// maxSize is what the binary of a function may take: what Lambda has to fetch
// and unpack before a cold start.
const maxSize = 11_000_000

// maxPagesSize is maxSize for the functions with pages for people: package
// html/template calls methods by name, so the linker keeps all exported methods of what
// is linked, those of the AWS SDK above all.
const maxPagesSize = 14_000_000

// The binaries that are deployed are small, and the same bytes wherever they
// are built, so that a deployment changes only the functions that changed.
func TestBuildsAreSmallAndTheSame(t *testing.T) {
	all := names(topology.Dsync())
	here, there := t.TempDir(), t.TempDir()
	source, elsewhere := copied(t), t.TempDir()
	if err := os.CopyFS(elsewhere, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{source: here, elsewhere: there} {
		t.Chdir(from)
		if err := runtimeapi.Build(t.Context(), to, "arm64", all...); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range all {
		size, hash := sum(t, runtimeapi.Bootstrap(here, name))
		if _, again := sum(t, runtimeapi.Bootstrap(there, name)); again != hash {
			t.Errorf("%s: the second build has other bytes", name)
		}
		limit := maxSize
		if role := topology.Dsync().Function(name).Role; role == topology.ServesConsole || role == topology.ServesSetup {
			limit = maxPagesSize
		}
		if size > limit {
			t.Errorf("%s has %d bytes, more than %d", name, size, limit)
		}
		t.Logf("%-9s %10d bytes, sha256 %s", name, size, hash)
	}
}

func sum(t *testing.T, file string) (size int, hash string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	return len(content), hex.EncodeToString(digest[:])
}

// copied is a folder with all that the functions are built from.
func copied(t *testing.T) string {
	t.Helper()
	const format = `{{if and .Module .Module.Main}}{{.Module.Dir}} {{.Dir}}{{end}}`
	list, err := exec.Command("go", "list", "-deps", "-f", format, "dsync/functions/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	var root string
	// A folder comes before those in it: go list has a package after its imports.
	for _, line := range slices.Sorted(strings.Lines(string(list))) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		var from string
		root, from, _ = strings.Cut(line, " ")
		relative, err := filepath.Rel(root, from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(to, relative)); err == nil {
			continue // it came with the folder around it
		}
		if err := os.CopyFS(filepath.Join(to, relative), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}
