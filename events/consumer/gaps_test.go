package consumer_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"dsync/events/consumer"

	"pgregory.net/rapid"
)

const grace = 10 * time.Minute

// tracked is a number of processes with one store and one clock.
type tracked struct {
	now       time.Time
	store     *consumer.Memory
	processes []*consumer.Consumer
	mu        sync.Mutex
	gaps      []consumer.Gap
	err       error
}

func newTracked(processes int) *tracked {
	tr := &tracked{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), store: consumer.NewMemory()}
	for range processes {
		tr.processes = append(tr.processes, consumer.New(tr.store, func(context.Context, consumer.Event) error { return nil }, consumer.Options{
			Grace: grace, Now: func() time.Time { return tr.now }, Gap: tr.report,
		}))
	}
	return tr
}

func (tr *tracked) report(_ context.Context, g consumer.Gap) error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.gaps = append(tr.gaps, g)
	return tr.err
}

// numbers returns the sequences in the reported gaps, as often as they were
// reported.
func (tr *tracked) numbers() (all []int64) {
	for _, g := range tr.gaps {
		for n := g.From; n <= g.To; n++ {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// arrive consumes an event with each sequence, one after the other.
func (tr *tracked) arrive(t testing.TB, all ...int) {
	t.Helper()
	for _, n := range all {
		if err := tr.processes[0].Consume(t.Context(), event(n, consumer.UserUpdated, userOf("directory_1", fmt.Sprint(n)))); err != nil {
			t.Fatal(err)
		}
	}
}

func (tr *tracked) find(t testing.TB, process int) {
	t.Helper()
	if err := tr.processes[process].FindGaps(t.Context(), "directory_1"); err != nil {
		t.Fatal(err)
	}
}

func (tr *tracked) want(t testing.TB, gaps ...consumer.Gap) {
	t.Helper()
	if !slices.Equal(tr.gaps, gaps) {
		t.Errorf("reported %v, want %v", tr.gaps, gaps)
	}
}

func gap(from, to int64) consumer.Gap {
	return consumer.Gap{DirectoryID: "directory_1", From: from, To: to}
}

// A gap is reported once, at the end of the grace time and not before.
func TestGap(t *testing.T) {
	tr := newTracked(2)
	tr.arrive(t, 1, 2, 5, 8)
	tr.now = tr.now.Add(grace - time.Millisecond)
	tr.arrive(t, 9)
	tr.find(t, 1)
	tr.want(t)
	tr.now = tr.now.Add(time.Millisecond)
	tr.arrive(t, 10) // a check is due, and 3 to 4 were missing when 5 arrived
	// The first snapshot was taken at 1, and the gap was not yet visible.
	tr.want(t)
	tr.now = tr.now.Add(grace)
	tr.find(t, 1)
	tr.want(t, gap(3, 4), gap(6, 7))
	for range 5 {
		tr.now = tr.now.Add(grace)
		tr.arrive(t, 10)
		tr.find(t, 1)
	}
	tr.arrive(t, 3, 4, 6, 7)
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.want(t, gap(3, 4), gap(6, 7))
}

// A gap that is filled within the grace time is not reported.
func TestGapFilled(t *testing.T) {
	tr := newTracked(1)
	tr.arrive(t, 1, 4)
	tr.now = tr.now.Add(grace)
	tr.arrive(t, 5)
	tr.now = tr.now.Add(grace - time.Second)
	tr.arrive(t, 3, 2)
	for range 4 {
		tr.now = tr.now.Add(grace)
		tr.find(t, 0)
	}
	tr.want(t)
}

// The first events of a directory may be missing, or reconciled.
func TestGapAtTheStart(t *testing.T) {
	tr := newTracked(1)
	tr.arrive(t, 1_000_000, 1_000_002)
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.want(t, gap(1, 999_999), gap(1_000_001, 1_000_001))

	tr = newTracked(1)
	tr.arrive(t, 1_000_000, 1_000_002)
	if err := tr.processes[0].Reconciled(t.Context(), "directory_1", 999_999); err != nil {
		t.Fatal(err)
	}
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.want(t, gap(1_000_001, 1_000_001))
}

// Neither legacy events nor observations are counted, and no directory's events
// for another one.
func TestGapCounts(t *testing.T) {
	tr := newTracked(1)
	tr.arrive(t, 1, 2)
	for _, e := range []consumer.Event{
		legacyEvent(900, consumer.UserCreated, userOf("directory_1", "a")), consumer.Observed(consumer.UserUpdated, userOf("directory_1", "b"), 50),
		event(9, "dsync.group.merged", []byte(`{}`)),
	} {
		if err := tr.processes[0].Consume(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		tr.now = tr.now.Add(grace)
		tr.arrive(t, 2)
	}
	tr.want(t)
}

// A report that fails is repeated.
func TestGapReportFails(t *testing.T) {
	tr := newTracked(2)
	tr.arrive(t, 1, 3)
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.now, tr.err = tr.now.Add(grace), errors.New("no network")
	if err := tr.processes[0].Consume(t.Context(), event(4, consumer.UserUpdated, userOf("directory_1", "4"))); !errors.Is(err, tr.err) {
		t.Error(err)
	}
	tr.err = nil
	tr.arrive(t, 4) // the retry of the event
	tr.want(t, gap(2, 2), gap(2, 2))
	tr.find(t, 1)
	tr.want(t, gap(2, 2), gap(2, 2))
}

// When the report of one gap fails, the others are not reported, and all are
// reported later.
func TestGapReportFailsHalfway(t *testing.T) {
	tr := newTracked(1)
	tr.arrive(t, 1, 3, 5)
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.now, tr.err = tr.now.Add(grace), errors.New("no network")
	if err := tr.processes[0].FindGaps(t.Context(), "directory_1"); !errors.Is(err, tr.err) {
		t.Error(err)
	}
	tr.want(t, gap(2, 2))
	tr.err = nil
	tr.find(t, 0)
	tr.want(t, gap(2, 2), gap(2, 2), gap(4, 4))
}

// Several processes that look at the same time report a gap once.
func TestGapConcurrently(t *testing.T) {
	tr := newTracked(8)
	tr.arrive(t, 1, 3)
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.now = tr.now.Add(grace)
	var running sync.WaitGroup
	for i := range tr.processes {
		running.Go(func() { tr.find(t, i) })
	}
	running.Wait()
	tr.want(t, gap(2, 2))
}

// A handler that rejects an event leaves a gap.
func TestGapOfRejected(t *testing.T) {
	tr := newTracked(1)
	rejected := event(2, consumer.UserUpdated, userOf("directory_1", "2"))
	c := consumer.New(tr.store, func(context.Context, consumer.Event) error { return errors.New("rejected") }, consumer.Options{})
	tr.arrive(t, 1, 3)
	tr.now = tr.now.Add(grace)
	if err := c.Consume(t.Context(), rejected); err == nil {
		t.Error("the event is accepted")
	}
	tr.find(t, 0)
	tr.now = tr.now.Add(grace)
	tr.find(t, 0)
	tr.want(t, gap(2, 2))
}

// A check reports a thousand gaps, and the next ones report the others.
func TestManyGaps(t *testing.T) {
	tr := newTracked(1)
	const last = 4001
	var want []int64
	for n := int64(1); n <= last; n += 2 {
		if err := tr.store.Record(t.Context(), "directory_1", n, tr.now); err != nil {
			t.Fatal(err)
		}
		if n < last {
			want = append(want, n+1)
		}
	}
	for check := range 4 {
		tr.now = tr.now.Add(grace)
		tr.find(t, 0)
		if reported := min(1000*check, len(want)); len(tr.gaps) != reported {
			t.Errorf("%d gaps after %d checks, want %d", len(tr.gaps), check+1, reported)
		}
	}
	if got := tr.numbers(); !slices.Equal(got, want) {
		t.Errorf("%d reported, want %d", len(got), len(want))
	}
}

// For any order of arrival within the grace time, any repetition and any number
// of processes, the lost events are reported, once, and no others.
func TestGapsOfAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type arrival struct {
			sequence int
			at       time.Duration
		}
		var arrivals []arrival
		var lost []int64
		var logged time.Duration
		count := rapid.IntRange(1, 40).Draw(rt, "events")
		highest := int64(0)
		for n := 1; n <= count; n++ {
			logged += time.Duration(rapid.IntRange(0, 300).Draw(rt, "pause")) * time.Second
			if rapid.IntRange(0, 4).Draw(rt, "lost") == 0 {
				lost = append(lost, int64(n))
				continue
			}
			highest = int64(n)
			for range rapid.SampledFrom([]int{1, 1, 2}).Draw(rt, "deliveries") {
				delay := time.Duration(rapid.Int64Range(0, int64(grace)-1).Draw(rt, "delay"))
				arrivals = append(arrivals, arrival{n, logged + delay})
			}
		}
		slices.SortStableFunc(arrivals, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
		tr := newTracked(rapid.IntRange(1, 3).Draw(rt, "processes"))
		start := tr.now
		process := rapid.IntRange(0, len(tr.processes)-1)
		for _, a := range arrivals {
			tr.now = start.Add(a.at)
			c := tr.processes[process.Draw(rt, "process")]
			if err := c.Consume(t.Context(), event(a.sequence, consumer.UserUpdated, userOf("directory_1", fmt.Sprint(a.sequence%3)))); err != nil {
				rt.Fatal(err)
			}
		}
		for range 3 {
			tr.now = tr.now.Add(grace)
			if err := tr.processes[process.Draw(rt, "process")].FindGaps(t.Context(), "directory_1"); err != nil {
				rt.Fatal(err)
			}
		}
		lost = slices.DeleteFunc(lost, func(n int64) bool { return n > highest }) // nothing later has arrived
		if got := tr.numbers(); !slices.Equal(got, lost) {
			rt.Errorf("reported %v, want %v", tr.gaps, lost)
		}
	})
}
