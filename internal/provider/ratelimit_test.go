package provider_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dsync/internal/provider"
	"dsync/internal/ratelimit"
)

// A directory may make so many requests at once, then so many a second. The
// others go on, and whoever has no token uses up nothing.
func TestLimits(t *testing.T) {
	now := time.Now()
	v := open(t).serving(provider.Options{
		Log: slog.New(slog.DiscardHandler), Limits: ratelimit.Limits{PerSecond: 2, Burst: 3}, Now: func() time.Time { return now },
	})
	other := v
	other.key, other.secret = v.connect(t)
	get := func(v tenant, status int) string {
		t.Helper()
		return v.ask(t, status, "GET", "/Users?filter=userName+eq+%22x%22", "").header.Get("Retry-After")
	}
	for range 10 {
		v.ask(t, 401, "GET", "/Users", "", "Authorization", "Bearer "+other.secret)
	}
	for range 3 {
		get(v, 200)
	}
	if after := get(v, 429); after != "1" {
		t.Errorf("Retry-After %q", after)
	}
	v.refused(t, 429, "", "POST", "/Users", `{"userName":"x"}`)
	v.ask(t, 429, "PUT", "/Users", "{}")
	get(other, 200)
	now = now.Add(400 * time.Millisecond)
	get(v, 429)
	now = now.Add(100 * time.Millisecond)
	get(v, 200)
	get(v, 429)
	now = now.Add(time.Hour)
	for range 3 {
		get(v, 200)
	}
	get(v, 429)
	now = now.Add(-time.Minute) // a clock that goes back
	get(v, 429)
	now = now.Add(2 * time.Minute)
	if n := len(v.idsNamed(t, "x")); n != 0 {
		t.Errorf("a request that was refused made %d users", n)
	}
}

// What is tested above holds of the limits that functions have: they are above
// what Entra sends, and below what a process can do.
func TestDefaultLimits(t *testing.T) {
	const entra = 25 // requests a second (entra.md section 9)
	if l := provider.DefaultLimits; l.PerSecond < 2*entra || l.Burst < l.PerSecond {
		t.Errorf("%+v", l)
	}
	now := time.Now()
	v := open(t).serving(provider.Options{Log: slog.New(slog.DiscardHandler), Limits: provider.DefaultLimits, Now: func() time.Time { return now }})
	var answered []string
	for range provider.DefaultLimits.Burst + 1 {
		answered = append(answered, fmt.Sprint(v.send(v.discovery, "GET", "/ServiceProviderConfig", "").Code))
	}
	if want := strings.Repeat("200", provider.DefaultLimits.Burst) + "429"; strings.Join(answered, "") != want {
		t.Errorf("the answers end with %v", answered[len(answered)-5:])
	}
}
