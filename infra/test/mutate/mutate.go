// Package mutate tests the tests: it changes one place of the code, runs the
// tests of that package, and expects one of them to fail.
//
// The mutants are data: mutants/<package>.txt, with one file per package. A
// mutant is what a careless change would break: a condition that is dropped, a
// limit that is off by one, an error that is ignored. The working tree is not
// changed, because the compiler reads the changed file through an overlay.
package mutate

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:embed mutants/*.txt
var files embed.FS

// Suite are the mutants of one package.
type Suite struct {
	Name    string   // of the file
	Package string   // folder of the package, relative to the root of the module
	Flags   []string // of go test, for example to skip tests that take minutes
	Fast    []string // flags that select the fast tests, which run first; none for all
	Mutants []Mutant
}

// Mutant is a change of one place in a file of the package.
type Mutant struct {
	Name     string
	File     string
	Old, New string
	// Equivalent says why no test can fail: the behaviour is the same. Survives
	// says why none has to. At most one of them is set.
	Equivalent, Survives string
}

// excused reports whether the mutant may survive.
func (m Mutant) excused() bool { return m.Equivalent != "" || m.Survives != "" }

// Suites reads the mutants of all packages, in the order of their names.
func Suites() ([]Suite, error) {
	names, err := fs.Glob(files, "mutants/*.txt")
	if err != nil {
		return nil, err
	}
	suites := make([]Suite, len(names))
	for i, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if suites[i], err = parse(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		suites[i].Name = strings.TrimSuffix(path.Base(name), ".txt")
	}
	return suites, nil
}

// parse reads a file of mutants. It has blocks of lines "key: value", separated
// by blank lines. The first block is that of the package, every other one is a
// mutant. Lines that begin with "- " are the old text, lines that begin with
// "+ " the new one. Lines that begin with "#" are comments.
func parse(text string) (s Suite, err error) {
	for _, block := range strings.Split(text, "\n\n") {
		var m Mutant
		var old, updated []string
		header := false
		for line := range strings.Lines(block) {
			line = strings.TrimSuffix(line, "\n")
			key, value, _ := strings.Cut(line, ": ")
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
			case line == "-" || strings.HasPrefix(line, "- "):
				old = append(old, strings.TrimPrefix(line[1:], " "))
			case line == "+" || strings.HasPrefix(line, "+ "):
				updated = append(updated, strings.TrimPrefix(line[1:], " "))
			case key == "package":
				s.Package, header = value, true
			case key == "flags":
				s.Flags, header = strings.Fields(value), true
			case key == "fast":
				s.Fast, header = strings.Fields(value), true
			case key == "mutant":
				m.Name = value
			case key == "file":
				m.File = value
			case key == "equivalent":
				m.Equivalent = value
			case key == "survives":
				m.Survives = value
			default:
				return s, fmt.Errorf("the line %q has no known key", line)
			}
		}
		m.Old, m.New = strings.Join(old, "\n"), strings.Join(updated, "\n")
		if !header && m != (Mutant{}) {
			s.Mutants = append(s.Mutants, m)
		}
	}
	return s, s.validate()
}

func (s Suite) validate() error {
	if s.Package == "" {
		return errors.New("there is no package")
	}
	names := map[string]bool{}
	for _, m := range s.Mutants {
		switch {
		case m.Name == "" || m.File == "" || m.Old == "":
			return fmt.Errorf("the mutant %q has no name, file or old text", m.Name)
		case m.Old == m.New:
			return fmt.Errorf("the mutant %q changes nothing", m.Name)
		case m.Equivalent != "" && m.Survives != "":
			return fmt.Errorf("the mutant %q is equivalent and survives: give one reason", m.Name)
		case names[m.Name]:
			return fmt.Errorf("there are two mutants %q", m.Name)
		}
		names[m.Name] = true
	}
	return nil
}

// Apply returns the path and the changed content of the mutant's file. root is
// the folder of the module. It fails unless the file contains the old text
// exactly once.
func (s Suite) Apply(root string, m Mutant) (file string, content []byte, err error) {
	file, err = filepath.Abs(filepath.Join(root, filepath.FromSlash(s.Package), m.File))
	if err != nil {
		return "", nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	if n := strings.Count(string(text), m.Old); n != 1 {
		return "", nil, fmt.Errorf("%s: the mutant %q finds its old text %d times in %s/%s, not once", s.Name, m.Name, n, s.Package, m.File)
	}
	return file, []byte(strings.Replace(string(text), m.Old, m.New, 1)), nil
}
