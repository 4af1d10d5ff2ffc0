package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dsync/events/consumer"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// stage runs many goroutines one step at a time: before each step they wait
// for their turn. The next goroutine and the failing steps are chosen at
// random. When the choices are used up, the first in line is next, without
// faults.
type stage struct {
	mu      sync.Mutex
	waiting map[int]chan verdict // by place in the line
	width   int                  // the number of goroutines that may be chosen
	chance  *rand.Rand
	choices int // that are left
	faults  int // that are left: steps that may fail
	stalls  int // how often time passed during work
}

// choose returns a number below n.
func (s *stage) choose(n int) int {
	if s.choices == 0 {
		return 0
	}
	s.choices--
	return s.chance.IntN(n)
}

// verdict is the outcome of a step.
type verdict int

const (
	succeeds verdict = iota
	failsBefore
	failsAfter // the step is done, and its caller gets an error
)

var errFault = errors.New("fault")

// place is the context key of a goroutine's place in the line.
type place struct{}

// step waits for its turn and calls f, unless it fails before.
func (s *stage) step(ctx context.Context, f func() error) error {
	turn := make(chan verdict)
	s.mu.Lock()
	s.waiting[ctx.Value(place{}).(int)] = turn
	s.mu.Unlock()
	switch <-turn {
	case failsBefore:
		return errFault
	case failsAfter:
		if err := f(); err != nil {
			return err
		}
		return errFault
	}
	return f()
}

// play gives turns until done is closed. It runs in a synctest bubble.
func (s *stage) play(done chan struct{}) {
	for {
		synctest.Wait()
		select {
		case <-done:
			return
		default:
		}
		s.mu.Lock()
		line := slices.Sorted(maps.Keys(s.waiting))
		s.mu.Unlock()
		if len(line) == 0 { // all wait for a lease
			time.Sleep(10 * time.Millisecond)
			continue
		}
		switch s.choose(40) { // sometimes all stall
		case 38:
			s.stall(4 * time.Second)
		case 39:
			s.stall(40 * time.Second) // longer than any lease
		}
		next := line[s.choose(min(s.width, len(line)))]
		s.mu.Lock()
		turn := s.waiting[next]
		delete(s.waiting, next)
		s.mu.Unlock()
		v := succeeds
		if s.faults > 0 && s.choose(6) == 5 {
			v = []verdict{failsBefore, failsAfter}[s.choose(2)]
			s.faults--
		}
		turn <- v
	}
}

func (s *stage) stall(d time.Duration) {
	s.stalls++
	time.Sleep(d)
	synctest.Wait()
}

// staged is a store. Each call is a step.
type staged struct {
	*stage
	consumer.Store
}

func (s staged) Take(ctx context.Context, k consumer.Key, l consumer.Lease) error {
	return s.step(ctx, func() error { return s.Store.Take(ctx, k, l) })
}

func (s staged) Finish(ctx context.Context, k consumer.Key, holder string, forget time.Time) error {
	return s.step(ctx, func() error { return s.Store.Finish(ctx, k, holder, forget) })
}

func (s staged) Release(ctx context.Context, k consumer.Key, holder string) error {
	return s.step(ctx, func() error { return s.Store.Release(ctx, k, holder) })
}

func (s staged) Raise(ctx context.Context, k consumer.Key, position string, forget time.Time) error {
	return s.step(ctx, func() error { return s.Store.Raise(ctx, k, position, forget) })
}

func (s staged) Record(ctx context.Context, directory string, sequence int64, forget time.Time) error {
	return s.step(ctx, func() error { return s.Store.Record(ctx, directory, sequence, forget) })
}

func (s staged) Read(ctx context.Context, keys ...consumer.Key) (marks []string, err error) {
	err = s.step(ctx, func() (err error) { marks, err = s.Store.Read(ctx, keys...); return err })
	return marks, err
}

func (s staged) List(ctx context.Context, prefix consumer.Key) (keys []consumer.Key, err error) {
	err = s.step(ctx, func() (err error) { keys, err = s.Store.List(ctx, prefix); return err })
	return keys, err
}

// application is a handler that meets the requirements of the package comment.
// It records violations of the guarantees.
type application struct {
	*stage
	mu     sync.Mutex
	state  state
	newest map[consumer.Key]consumer.Event  // that was written last
	atWork map[consumer.Key]context.Context // of the last handler
	calls  map[string]int                   // successful ones, by resource and event
	broken []string
}

func newApplication(s *stage) *application {
	return &application{
		stage: s, state: state{}, newest: map[consumer.Key]consumer.Event{}, atWork: map[consumer.Key]context.Context{}, calls: map[string]int{},
	}
}

func (a *application) handle(ctx context.Context, e consumer.Event) error {
	k := e.Key()
	a.begin(ctx, k, e)
	defer a.end(ctx, k)
	return a.step(ctx, func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if last := a.newest[k]; last.CreatedAt.After(e.CreatedAt) {
			a.broken = append(a.broken, fmt.Sprintf("%s %s is applied after %s", e.Name, e.ID, last.ID))
		}
		a.newest[k] = e
		a.calls[fmt.Sprint(k, e.Name, e.ID)]++
		apply(a.state, e)
		return nil
	})
}

func (a *application) begin(ctx context.Context, k consumer.Key, e consumer.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// A handler whose context has ended writes nothing.
	if other := a.atWork[k]; other != nil && other.Err() == nil {
		a.broken = append(a.broken, fmt.Sprintf("%s %s is handled at the same time as another event", e.Name, e.ID))
	}
	a.atWork[k] = ctx
}

func (a *application) end(ctx context.Context, k consumer.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.atWork[k] == ctx {
		delete(a.atWork, k)
	}
}

// apply does what a handler must do for one event.
func apply(s state, e consumer.Event) {
	k := e.Key()
	switch {
	case e.Name == consumer.DirectoryDeleted:
		s.drop(k.Directory, "")
	case e.Name == consumer.GroupDeleted:
		for m := range s {
			if m == k || m.Directory == k.Directory && strings.HasSuffix(m.Resource, "/"+k.Resource) {
				delete(s, m)
			}
		}
	case e.Removes():
		delete(s, k)
	default:
		s[k] = e.ID
	}
}

// For any order, repetition and concurrency of deliveries and any failures, the
// final state is the same as if each event had been applied once, in order. An
// older event is never applied after a newer one.
func TestAnyOrder(t *testing.T) {
	for range 15 { // a check is short, and rare failures take thousands of runs
		rapid.Check(t, func(rt *rapid.T) { anyOrder(t, rt) })
	}
}

func anyOrder(t *testing.T, rt *rapid.T) {
	var events, deliveries []consumer.Event
	want := state{}
	for _, directoryID := range []string{"directory_1", "directory_2"}[:rapid.IntRange(1, 2).Draw(rt, "directories")] {
		history := history(rt, directoryID, 12)
		maps.Copy(want, inOrder(history))
		events = append(events, history...)
	}
	for _, e := range events {
		for range rapid.SampledFrom([]int{1, 1, 2}).Draw(rt, "deliveries") {
			deliveries = append(deliveries, e)
		}
	}
	deliveries = rapid.Permutation(deliveries).Draw(rt, "order")
	s := &stage{
		waiting: map[int]chan verdict{},
		width:   rapid.IntRange(1, 5).Draw(rt, "width"),
		faults:  rapid.SampledFrom([]int{0, 3, 20}).Draw(rt, "faults"),
		chance:  rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "chance"), 0)),
		choices: rapid.IntRange(0, 1000).Draw(rt, "choices"),
	}
	app := newApplication(s)
	quiet := s.faults == 0
	synctest.Test(t, func(*testing.T) {
		consume(s, consumer.New(staged{s, consumer.NewMemory()}, app.handle, consumer.Options{Gap: func(_ context.Context, g consumer.Gap) error {
			app.broken = append(app.broken, fmt.Sprintf("%+v is reported, and no event was lost", g))
			return nil
		}}), deliveries)
	})
	if diff := cmp.Diff(want, app.state); diff != "" {
		rt.Errorf("of %d events: %s", len(events), diff)
	}
	for _, broken := range app.broken {
		rt.Error(broken)
	}
	for what, n := range app.calls {
		if quiet && s.stalls == 0 && n > 1 {
			rt.Errorf("the handler was called %[2]d times for %[1]s", what, n)
		}
	}
}

// consume consumes the deliveries on a stage. A failed delivery is repeated,
// after others.
func consume(s *stage, c *consumer.Consumer, deliveries []consumer.Event) {
	var left sync.WaitGroup
	for i, e := range deliveries {
		left.Go(func() {
			for at := i; ; at += len(deliveries) {
				if c.Consume(context.WithValue(context.Background(), place{}, at), e) == nil {
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		left.Wait()
		close(done)
	}()
	s.play(done)
}
