package dsynctest

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Filled is a JSON object that begins with a text, has as many of the members as fit
// max bytes, and ends with a text.
func Filled(max int, begin string, member func(i int) string, end string) string {
	var b strings.Builder
	b.WriteString(begin)
	for i := 0; ; i++ {
		m := member(i)
		if b.Len()+len(m)+len(end)+1 > max {
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m)
	}
	b.WriteString(end)
	return b.String()
}

// CPU is the time that the process has used on all cores, with its collector of
// garbage.
func CPU(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Gate is an HTTP client of an engine that answers until the gate is silent. Then a
// call lasts until its context ends.
type Gate struct{ Silent atomic.Bool }

// Do implements aws.HTTPClient.
func (g *Gate) Do(r *http.Request) (*http.Response, error) {
	if !g.Silent.Load() {
		return http.DefaultClient.Do(r)
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}
