package id_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"dsync/internal/id"
)

func TestNew(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var ids []string
	for i := range 3 {
		s, err := id.New(id.User, at.Add(time.Duration(i)*time.Millisecond), bytes.NewReader(make([]byte, 10)))
		if err != nil {
			t.Fatal(err)
		}
		if !id.User.Valid(s) {
			t.Errorf("%s is not valid", s)
		}
		ids = append(ids, s)
	}
	if !slices.IsSorted(ids) {
		t.Errorf("%v do not sort by time", ids)
	}
	failure := errors.New("no entropy")
	if _, err := id.New(id.User, at, iotest.ErrReader(failure)); !errors.Is(err, failure) {
		t.Errorf("%v", err)
	}
	if _, err := id.New(id.User, at, io.LimitReader(strings.NewReader("short"), 5)); err == nil {
		t.Error("an id with half of the entropy")
	}
}

func TestValid(t *testing.T) {
	const u = "01E1JG7J09H96KYP8HM9B0G5SJ"
	for s, want := range map[string]bool{
		"directory_user_" + u:                       true,
		"directory_user_" + strings.ToLower(u):      false,
		"directory_group_" + u:                      false,
		"directory_" + u:                            false,
		"directory_user_" + u + "A":                 false,
		"directory_user_" + u[1:]:                   false,
		"directory_user_U" + u[1:]:                  false,
		"directory_user_81E1JG7J09H96KYP8HM9B0G5SJ": false, // more than 128 bits
		"directory_user_":                           false,
		u:                                           false,
		"":                                          false,
	} {
		if got := id.User.Valid(s); got != want {
			t.Errorf("Valid(%q) = %v", s, got)
		}
	}
}
