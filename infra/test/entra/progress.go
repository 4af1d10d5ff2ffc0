package entra

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// refresh is the interval at which the line on a terminal is updated.
const refresh = 150 * time.Millisecond

// progress writes one line for each phase. On a terminal it updates the line
// during the phase.
type progress struct {
	out      io.Writer
	terminal bool
	client   *client
	events   *collector

	name                 string
	started              time.Time
	requests, eventsSeen int // at the start of the phase
	quit                 chan struct{}
	idle                 sync.WaitGroup
}

func newProgress(out io.Writer, c *client, events *collector) *progress {
	return &progress{out: out, terminal: isTerminal(out), client: c, events: events}
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *progress) begin(name string) {
	p.name, p.started = name, time.Now()
	p.requests, p.eventsSeen = p.client.sent(), len(p.events.snapshot())
	if !p.terminal {
		return
	}
	p.quit = make(chan struct{})
	p.idle.Go(func() {
		tick := time.NewTicker(refresh)
		defer tick.Stop()
		for {
			fmt.Fprint(p.out, "\r"+p.line())
			select {
			case <-p.quit:
				return
			case <-tick.C:
			}
		}
	})
}

func (p *progress) end() {
	if p.terminal {
		close(p.quit)
		p.idle.Wait()
		fmt.Fprint(p.out, "\r")
	}
	fmt.Fprintln(p.out, p.line())
}

// line has a fixed width, so that a new line overwrites the previous one.
func (p *progress) line() string {
	return fmt.Sprintf("%-30s %5d requests %5d events %8.1f s",
		p.name, p.client.sent()-p.requests, len(p.events.snapshot())-p.eventsSeen, time.Since(p.started).Seconds())
}
