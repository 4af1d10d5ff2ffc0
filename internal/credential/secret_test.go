package credential

import (
	"crypto/rand"
	"regexp"
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
			if !regexp.MustCompile(`^`+string(p)+`[A-Za-z0-9_-]{49}$`).MatchString(s.Value) || !p.wellFormed(s.Value) || seen[s.Value] {
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
				if p.wellFormed(string(changed)) {
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
		if TokenPrefix.wellFormed(wrong) {
			t.Errorf("%q passes", wrong)
		}
	}
	if APIKeyPrefix.wellFormed(s.Value) {
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
