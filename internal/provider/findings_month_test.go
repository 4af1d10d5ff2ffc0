package provider_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/settings"
)

// month is a tenant's month: what it sends on a day.
type month struct {
	*clinic
	users  []string
	groups []string
	flag   string // of the Tenant URL
	gone   int    // users who were deactivated
}

const aCycle = 40 * time.Minute

// cycle is what Entra sends when nothing has changed.
func (m *month) cycle() {
	m.ask("GET", "/Users"+m.flag+"filter=userName+eq+%22"+guid+"%22", "")
}

// day sends a day of cycles. Each has its probe, and some have changes.
func (m *month) day(n int) {
	for i := range 36 {
		m.cycle()
		switch {
		case i == 3: // somebody joins
			id := m.user()
			m.users = append(m.users, id)
			m.patch("/Groups", m.groups[n%len(m.groups)], `{"op":"Add","path":"members","value":[{"value":"`+id+`"}]}`)
		case i == 9: // has another title
			m.ask("GET", "/Users/"+m.users[n%len(m.users)], "")
			m.patch("/Users", m.users[n%len(m.users)], fmt.Sprintf(`{"op":"Replace","path":"title","value":"Title %d"}`, n))
		case i == 15 && n%3 == 0: // moves
			m.patch("/Groups", m.groups[0], `{"op":"Remove","path":"members","value":[{"value":"`+m.users[n]+`"}]}`)
			m.patch("/Groups", m.groups[1], `{"op":"Add","path":"members","value":[{"value":"`+m.users[n]+`"}]}`)
		case i == 21 && n%5 == 4: // leaves
			m.patch("/Users", m.users[m.gone], `{"op":"Replace","path":"active","value":"False"}`)
			m.gone++
		case i == 24 && n%9 == 8: // comes back
			m.patch("/Users", m.users[m.gone-1], `{"op":"Replace","path":"active","value":"True"}`)
		case i == 27 && n == 20: // is deleted
			m.ask("DELETE", "/Users/"+m.users[0], "")
		}
		m.wait(aCycle)
		if i%12 == 11 {
			m.restart() // Lambda ends a process
		}
	}
	m.counted(len(m.users)-m.gone, m.gone, len(m.groups))
}

// A month of three tenants who are in order has no finding that blocks or warns. In
// `go test` the month has every fourth of its days, one after the other, and
// DSYNC_BENCH=1 runs all of them.
func TestHealthyMonth(t *testing.T) {
	const days = 30
	step := 4
	if os.Getenv("DSYNC_BENCH") == "1" {
		step = 1
	}
	first := open(t)
	alarms, ran := map[string]int{}, 0
	for i, flag := range []string{"?", "?aadOptscim062020&", "?"} {
		c := first.clinic(t, true, func(n *management.NewDirectory) {
			if i == 2 {
				n.Type = settings.Okta
			}
		})
		m := &month{clinic: c, flag: flag}
		m.cycle()
		m.wait(time.Hour)
		for range 25 * (i + 1) {
			m.users = append(m.users, m.user())
		}
		for g := range 3 {
			m.groups = append(m.groups, m.group(fmt.Sprint("Group ", g), m.users[g:g+20]...))
		}
		m.counted(len(m.users), 0, 3)
		rotated, revoked := false, false
		for n := 0; n < days; n += step {
			if n >= 14 && !rotated { // a rotation
				rotated = true
				_, secret, err := m.management().CreateToken(t.Context(), m.directory.ID, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				m.secret = secret
			}
			if n >= 17 && !revoked {
				revoked = true
				if err := m.management().RevokeToken(t.Context(), m.directory.ID, m.directory.Tokens[0].ID); err != nil {
					t.Fatal(err)
				}
			}
			m.day(n)
			ran++
			for _, f := range m.findings() {
				alarms[f.Code]++
				if f.Severity != doctor.Informs {
					t.Errorf("tenant %d, day %d: %+v", i, n, f)
				}
			}
		}
	}
	for _, c := range doctor.Conditions() {
		t.Logf("| %s | %s | %s | %s | on %d of %d days |", c.Code, c.Severity, c.Raised, c.Ended, alarms[c.Code], ran)
	}
}
