package scim_test

import (
	"strings"
	"testing"

	"dsync/internal/scim"
)

// A Folder folds as Fold does, each text once, and counts those that are not ASCII.
func TestFolder(t *testing.T) {
	var f scim.Folder
	texts := []string{"", "ABC", "\u00e9", "\uff57\uff49\uff44\uff45", "\u212a"}
	for range 2 {
		for _, s := range texts {
			if got, want := f.Fold(s), scim.Fold(s); got != want {
				t.Errorf("%q: %q, want %q", s, got, want)
			}
		}
	}
	if want := 3 * (2 + 12 + 3); f.Cost() != want || f.Exceeded() {
		t.Errorf("cost %d, want %d; exceeded: %v", f.Cost(), want, f.Exceeded())
	}
}

// Beyond its limit a Folder folds nothing more, and says so.
func TestFolderLimit(t *testing.T) {
	f := scim.Folder{Limit: 20}
	long := strings.Repeat("\u00e9", 10)
	for range 2 { // it is counted once
		if f.Fold(long) != scim.Fold(long) || f.Fold("A") != "a" || f.Exceeded() {
			t.Error("at the limit")
		}
	}
	if f.Fold("\u00e9") != "\u00e9" || scim.Fold("\u00e9") == "\u00e9" || !f.Exceeded() {
		t.Error("above the limit")
	}
}
