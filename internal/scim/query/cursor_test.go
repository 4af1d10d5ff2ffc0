package query_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"dsync/internal/scim/query"
	"dsync/internal/scim/scimtest"

	"pgregory.net/rapid"
)

var (
	cursorKey = []byte("the key of a directory, 32 bytes")
	sealed    = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
)

func TestOpenCursor(t *testing.T) {
	expires := sealed.Add(query.CursorLife)
	c := query.SealCursor(cursorKey, "bound", "position", expires)
	swapped := []byte(c)
	swapped[20], swapped[21] = swapped[21], swapped[20]
	for _, row := range []struct {
		name, bound, cursor string
		key                 []byte
		now                 time.Time
		problem             string
	}{
		{"rfc: at once", "bound", c, cursorKey, sealed, ""},
		{"rfc: at the end of its life", "bound", c, cursorKey, expires, ""},
		{"rfc: after its life", "bound", c, cursorKey, expires.Add(time.Millisecond), "400 expiredCursor"},
		{"rfc: long after its life", "bound", c, cursorKey, expires.AddDate(100, 0, 0), "400 expiredCursor"},
		{"rfc: a clock that is behind", "bound", c, cursorKey, sealed.Add(-time.Hour), ""},
		{"hostile: for another filter", "bound2", c, cursorKey, sealed, "400 invalidCursor"},
		{"hostile: for another filter, expired", "bound2", c, cursorKey, expires.Add(time.Hour), "400 invalidCursor"},
		{"hostile: of another directory", "bound", c, []byte("the key of another directory"), sealed, "400 invalidCursor"},
		{"hostile: empty", "bound", "", cursorKey, sealed, "400 invalidCursor"},
		{"hostile: cut off", "bound", c[:len(c)-1], cursorKey, sealed, "400 invalidCursor"},
		{"hostile: only a seal", "bound", c[len(c)-44:], cursorKey, sealed, "400 invalidCursor"},
		{"hostile: longer", "bound", c + "A", cursorKey, sealed, "400 invalidCursor"},
		{"hostile: padded", "bound", c + "=", cursorKey, sealed, "400 invalidCursor"},
		{"hostile: line end inside", "bound", c[:9] + "\n" + c[9:], cursorKey, sealed, "400 invalidCursor"},
		{"hostile: two letters swapped", "bound", string(swapped), cursorKey, sealed, "400 invalidCursor"},
		{"hostile: an id", "bound", "directory_user_01E1X56GH84T3FB41SD6PZGDBX", cursorKey, sealed, "400 invalidCursor"},
		{"hostile: enormous", "bound", strings.Repeat("A", 1<<20), cursorKey, sealed, "400 invalidCursor"},
	} {
		t.Run(row.name, func(t *testing.T) {
			position, err := query.OpenCursor(row.key, row.bound, row.cursor, row.now)
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err == nil && position != "position" || err != nil && position != "" {
				t.Errorf("got %q", position)
			}
		})
	}
}

// No bit of a cursor can change, and position and bound cannot exchange bytes.
func TestCursorIsTamperProof(t *testing.T) {
	c := query.SealCursor(cursorKey, "filter", "position", sealed.Add(time.Hour))
	for i := range c {
		for bit := range 7 {
			b := []byte(c)
			b[i] ^= 1 << bit
			if _, err := query.OpenCursor(cursorKey, "filter", string(b), sealed); scimtest.Problem(t, err) != "400 invalidCursor" {
				t.Fatalf("bit %d of byte %d may change: %v", bit, i, err)
			}
		}
	}
	if query.SealCursor(cursorKey, "bc", "a", sealed)[12:] == query.SealCursor(cursorKey, "c", "ab", sealed)[12:] {
		t.Error("position and bound are not separated")
	}
}

func TestMaxPosition(t *testing.T) {
	for n, want := range map[int]string{0: "", query.MaxPosition: "", query.MaxPosition + 1: "400 invalidCursor"} {
		position := strings.Repeat("x", n)
		c := query.SealCursor(cursorKey, "", position, sealed)
		got, err := query.OpenCursor(cursorKey, "", c, sealed)
		if p := scimtest.Problem(t, err); p != want || err == nil && got != position {
			t.Errorf("%d bytes: got %q", n, p)
		}
		if len(c) > query.MaxCursor != (want != "") {
			t.Errorf("%d bytes make a cursor of %d", n, len(c))
		}
	}
}

// A sealed position can be opened with its own key and bound only.
func TestCursorRoundTrip(t *testing.T) {
	unreserved := regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)
	rapid.Check(t, func(t *rapid.T) {
		key, other := rapid.SliceOf(rapid.Byte()).Draw(t, "key"), rapid.SliceOf(rapid.Byte()).Draw(t, "other key")
		bound, otherBound := rapid.String().Draw(t, "bound"), rapid.String().Draw(t, "other bound")
		position := rapid.StringN(-1, -1, query.MaxPosition).Draw(t, "position")
		c := query.SealCursor(key, bound, position, sealed)
		if !unreserved.MatchString(c) {
			t.Fatalf("%q needs escapes", c)
		}
		if got, err := query.OpenCursor(key, bound, c, sealed); err != nil || got != position {
			t.Fatalf("got %q, %v", got, err)
		}
		// HMAC pads a short key with zeros.
		if !bytes.Equal(bytes.TrimRight(key, "\x00"), bytes.TrimRight(other, "\x00")) {
			if _, err := query.OpenCursor(other, bound, c, sealed); err == nil {
				t.Fatal("opens with another key")
			}
		}
		if bound != otherBound {
			if _, err := query.OpenCursor(key, otherBound, c, sealed); err == nil {
				t.Fatal("opens for another list")
			}
		}
	})
}

func FuzzOpenCursor(f *testing.F) {
	c := query.SealCursor(cursorKey, "bound", "position", sealed)
	for _, s := range []string{c, c[1:], c + "A", "", "AQ", strings.Repeat("A", 100), c + "\n", "%", "\xff"} {
		f.Add("bound", s)
	}
	f.Fuzz(func(t *testing.T, bound, cursor string) {
		position, err := query.OpenCursor(cursorKey, bound, cursor, sealed)
		if err != nil {
			scimtest.Refused(t, err)
			return
		}
		if again := query.SealCursor(cursorKey, bound, position, sealed); again != cursor {
			t.Fatalf("%q opens to %q, which is %q", cursor, position, again)
		}
	})
}
