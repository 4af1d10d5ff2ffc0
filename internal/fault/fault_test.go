package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKindOf(t *testing.T) {
	for _, row := range []struct {
		err  error
		want Kind
	}{
		{nil, 0},
		{io.EOF, Internal},
		{New(Conflict, "uniqueness", "taken"), Conflict},
		{fmt.Errorf("wrapped: %w", Missing("Directory", "d")), NotFound},
		{TooManyChanges(), Busy},
	} {
		if got := KindOf(row.err); got != row.want {
			t.Errorf("%v is %v, want %v", row.err, got, row.want)
		}
	}
	for k := Invalid; k <= Internal; k++ {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

// An error that was returned stays as it is.
func TestAboutAndBecause(t *testing.T) {
	e := New(Invalid, "invalidValue", "no such value")
	about := e.About("title")
	because := about.Because(io.EOF)
	if e.Path != "" || about.Path != "title" || errors.Is(about, io.EOF) || !errors.Is(because, io.EOF) {
		t.Errorf("%+v, %+v, %+v", e, about, because)
	}
	if again := because.About("name"); again.Path != "title" {
		t.Errorf("the path became %q", again.Path)
	}
}

func TestValidation(t *testing.T) {
	var v Validation
	if v.Failed() || v.Err() != nil {
		t.Error("nothing is wrong")
	}
	v.Add("name", "%s must be given.", "name")
	v.Add("limit", "limit must be a number.")
	v.Cause(io.EOF)
	err := v.Err()
	var e *Error
	if !errors.As(err, &e) || e.Kind != Invalid || !errors.Is(err, io.EOF) {
		t.Fatalf("%v", err)
	}
	want := []Field{{"name", "name must be given."}, {"limit", "limit must be a number."}}
	if diff := cmp.Diff(want, e.Fields); diff != "" {
		t.Error(diff)
	}
}
