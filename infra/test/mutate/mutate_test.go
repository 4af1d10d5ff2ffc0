package mutate

import (
	"strings"
	"testing"
)

// Every mutant applies: its old text is in its file, once.
func TestMutantsApply(t *testing.T) {
	suites, err := Suites()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range suites {
		if len(s.Mutants) == 0 {
			t.Errorf("%s has no mutants", s.Name)
		}
		if want := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(s.Package, "internal/"), "events/"), "/", "."); s.Name != want {
			t.Errorf("the mutants of %s are in %s.txt, want %s.txt", s.Package, s.Name, want)
		}
		for _, m := range s.Mutants {
			if _, _, err := s.Apply("../../..", m); err != nil {
				t.Error(err)
			}
		}
	}
}
