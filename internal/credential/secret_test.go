package credential

import (
	"context"
	"crypto/rand"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewSecret(t *testing.T) {
	for _, p := range []Prefix{TokenPrefix, APIKeyPrefix} {
		seen := map[string]bool{}
		for range 100 {
			s, err := NewSecret(p, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`^`+string(p)+`[A-Za-z0-9_-]{49}$`).MatchString(s.Value) || !p.WellFormed(s.Value) || seen[s.Value] {
				t.Fatalf("%q", s.Value)
			}
			if s.Hash != Hash(s.Value) || s.Suffix != s.Value[len(s.Value)-4:] || strings.Contains(s.Value, s.Hash) {
				t.Errorf("%+v", s)
			}
			seen[s.Value] = true
			// A changed character is noticed without a read.
			for i := range s.Value {
				changed := []byte(s.Value)
				changed[i] ^= 1
				if p.WellFormed(string(changed)) {
					t.Errorf("%s passes for %s", changed, s.Value)
				}
			}
		}
	}
	s, err := NewSecret(TokenPrefix, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", s.Value[1:], s.Value + "A", s.Value[:len(s.Value)-1], strings.ToUpper(s.Value)} {
		if TokenPrefix.WellFormed(wrong) {
			t.Errorf("%q passes", wrong)
		}
	}
	if APIKeyPrefix.WellFormed(s.Value) {
		t.Error("a token passes for an API key")
	}
	if _, err := NewSecret(TokenPrefix, strings.NewReader("too little")); err == nil {
		t.Error("a secret was made of too little entropy")
	}
}

func TestNewExternalKey(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		k, err := NewExternalKey(rand.Reader)
		if err != nil || !regexp.MustCompile(`^[0-9A-Za-z]{16}$`).MatchString(k) || seen[k] {
			t.Fatalf("%q, %v", k, err)
		}
		seen[k] = true
	}
}

func TestStateOf(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		revoked bool
		expires time.Time
		want    State
	}{
		{false, time.Time{}, Active},
		{false, now.Add(time.Millisecond), Active},
		{false, now, Expired},
		{false, now.Add(-time.Millisecond), Expired},
		{true, time.Time{}, Revoked},
		{true, now.Add(-time.Hour), Revoked},
	} {
		if got := StateOf(row.revoked, row.expires, now); got != row.want {
			t.Errorf("revoked %v, expires %v: %s, want %s", row.revoked, row.expires.Sub(now), got, row.want)
		}
	}
}

// A secret has 256 random bits. The characters of an external key are equally
// likely: a byte that does not fit is passed over.
func TestEntropy(t *testing.T) {
	for n, enough := range map[int]bool{31: false, 32: true} {
		if _, err := NewSecret(TokenPrefix, strings.NewReader(strings.Repeat("x", n))); (err == nil) != enough {
			t.Errorf("a secret of %d bytes: %v", n, err)
		}
	}
	key, err := NewExternalKey(strings.NewReader("\xff\xf8" + strings.Repeat("\xf7", 16)))
	if err != nil || key != strings.Repeat("z", 16) {
		t.Errorf("%q, %v", key, err)
	}
}

// The use of a day is written once. A failure is logged and has no other effect.
func TestUse(t *testing.T) {
	var written []string
	now := time.Date(2026, 11, 23, 23, 59, 0, 0, time.FixedZone("west", -3600)) // 0:59 on the next day in UTC
	for _, last := range []string{"", "2026-11-23", "2026-11-24"} {
		Use{"id", "hash", last}.Record(t.Context(), now, slog.New(slog.DiscardHandler), func(_ context.Context, hash, day string) error {
			written = append(written, hash+" "+day)
			return nil
		})
	}
	if want := []string{"hash 2026-11-24", "hash 2026-11-24"}; !slices.Equal(written, want) {
		t.Errorf("written %q, want %q", written, want)
	}
}
