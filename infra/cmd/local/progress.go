package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressInterval is the longest time without a line while the system starts.
const progressInterval = 3 * time.Second

// progress says what is being started, if that takes longer than an interval.
type progress struct {
	out  io.Writer
	ends chan struct{}
	over sync.WaitGroup

	mu    sync.Mutex
	what  string
	since time.Time
}

func startProgress(out io.Writer, interval time.Duration) *progress {
	p := &progress{out: out, ends: make(chan struct{})}
	p.over.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-p.ends:
				return
			case <-tick.C:
				p.tell()
			}
		}
	})
	return p
}

func (p *progress) step(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what, p.since = what, time.Now()
}

func (p *progress) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.what != "" {
		fmt.Fprintf(p.out, "  %d s: starting %s\n", int(time.Since(p.since).Seconds()), p.what)
	}
}

// stop returns when nothing more is written.
func (p *progress) stop() {
	close(p.ends)
	p.over.Wait()
}

// log returns a writer to w for messages between the lines of p.
func (p *progress) log(w io.Writer) io.Writer { return between{p, w} }

type between struct {
	progress *progress
	w        io.Writer
}

func (b between) Write(text []byte) (int, error) {
	b.progress.mu.Lock()
	defer b.progress.mu.Unlock()
	return b.w.Write(text)
}
