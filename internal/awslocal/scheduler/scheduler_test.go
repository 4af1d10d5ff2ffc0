package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/scheduler"
)

// function records its invocations.
type function struct {
	takes time.Duration
	err   error

	mu       sync.Mutex
	began    []time.Time
	payloads []string
	running  int
	most     int
}

func (f *function) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	f.mu.Lock()
	f.began = append(f.began, time.Now())
	f.payloads = append(f.payloads, string(payload))
	f.running++
	f.most = max(f.most, f.running)
	f.mu.Unlock()
	time.Sleep(f.takes) // by the clock of the test
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
	return nil, f.err
}

func schedule(name string, rate time.Duration, f *function) scheduler.Schedule {
	return scheduler.Schedule{Name: name, Rate: rate, Payload: []byte(`{"schedule":"` + name + `"}`),
		Function: lambda.Function{Name: name, Timeout: time.Hour, Handler: f}}
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		fast, slow, failing := &function{}, &function{takes: 25 * time.Second}, &function{err: errors.New("no table")}
		s, err := scheduler.New([]scheduler.Schedule{
			schedule("fast", time.Minute, fast), schedule("slow", 10*time.Second, slow), schedule("failing", time.Minute, failing),
		}, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()

		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if n := len(fast.began); n != 5 || fast.began[0].Sub(began) != time.Minute || fast.payloads[0] != `{"schedule":"fast"}` {
			t.Errorf("%d invocations, the first after %v with %q", n, fast.began[0].Sub(began), fast.payloads)
		}
		// Of three intervals, the second and the third pass in the invocation; one
		// tick is kept.
		if n := len(slow.began); slow.most != 1 || n < 10 || n > 13 {
			t.Errorf("%d invocations, %d at a time", n, slow.most)
		}
		if n := len(failing.began); n != 5 || strings.Count(log.String(), "no table") != 5 || !strings.Contains(log.String(), "schedule=failing") {
			t.Errorf("%d invocations that fail, log: %s", n, log.String())
		}

		stop()
		<-done // not before the invocation in progress has ended
		if slow.running != 0 {
			t.Error("an invocation is still running")
		}
		n := len(fast.began) + len(slow.began)
		time.Sleep(time.Hour)
		if len(fast.began)+len(slow.began) != n {
			t.Error("invocations after Run")
		}
	})
}

// A tick that is ready when ctx ends is not an invocation.
func TestNoInvocationAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			f := &function{}
			s, err := scheduler.New([]scheduler.Schedule{schedule("s", time.Second, f)}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			s.Run(ctx)
			if len(f.began) != 0 {
				t.Fatal("invoked after the end")
			}
		}
	})
}

func TestInvalidRate(t *testing.T) {
	for rate, fine := range map[time.Duration]bool{0: false, -1: false, 1: true} {
		if _, err := scheduler.New([]scheduler.Schedule{schedule("s", rate, &function{})}, slog.Default()); (err == nil) != fine {
			t.Errorf("%v: %v", rate, err)
		}
	}
}
