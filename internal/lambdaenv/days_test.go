package lambdaenv

import (
	"testing"
	"time"
)

func TestDays(t *testing.T) {
	const fallback = 30 * 24 * time.Hour
	for text, want := range map[string]time.Duration{"": fallback, "0": 0, "7": 7 * 24 * time.Hour, "90": 90 * 24 * time.Hour, "91": -1, "-1": -1, "1.5": -1, "never": -1} {
		e := Environment{getenv: func(string) string { return text }}
		got, err := e.Days("ERASE_AFTER_DAYS", fallback, 0, 90)
		if want >= 0 && (got != want || err != nil) || want < 0 && err == nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
