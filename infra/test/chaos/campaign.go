// Package chaos tests the guarantees of the event pipeline under faults. A
// campaign makes random changes in many directories while it injects faults.
// Then it compares the events that consumers received with a model of the
// events that each directory must publish.
//
// The campaign uses no mocks: it runs the real engine, stream, relay, jobs and
// SDK clients. The relay and the jobs run in a separate process. The campaign
// kills that process repeatedly. It injects faults in six places: calls to
// DynamoDB (package faults), the stream and its batches (package eventsource),
// outgoing calls of a function that is stopped, responses of the bus, clocks, and
// the content of the changes.
//
// In the middle of the changes the table is restored: everything goes on with a
// copy of the table that has another stream. After the changes a victim's events
// are timed beside an attacker.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// Config describes a campaign.
type Config struct {
	Changes     int
	Directories int
	Seed        uint64
	Folder      string // an empty folder for files that outlive a killed process
	Log         io.Writer
	// Child returns the command that starts this program as a child process.
	// The child process calls the function Child.
	Child func(variable string) *exec.Cmd
	// Patience limits the wait for outstanding events after the last change.
	Patience time.Duration
	// Attack is how long the attacker and the victim make changes; 0 leaves them out.
	Attack time.Duration
	// Sabotage switches a mechanism off, to show that the campaign sees it.
	Sabotage Sabotage
}

// campaign is a running campaign.
type campaign struct {
	Config
	*machine
	dice     *dice
	faults   tally
	tenants  []*tenant
	reader   *reader
	took     phases
	settling atomic.Bool // the changes are made
}

// phases are the times that the parts of a campaign took.
type phases struct{ work, settle, attack, total time.Duration }

// Run runs a campaign and returns its report. An error means that the campaign
// could not run. The report contains the violations.
func Run(ctx context.Context, c Config) (report *Report, err error) {
	began := time.Now()
	r := &campaign{Config: c, dice: newDice(c.Seed)}
	if r.machine, err = startMachine(ctx, c, r.dice, &r.faults); err != nil {
		return nil, err
	}
	defer r.machine.stop()
	if err := r.createTenants(ctx); err != nil {
		return nil, err
	}
	r.reader = newReader()
	r.reader.start(ctx, r.shared, r.dice)
	kills := 0
	stopChildren := r.startChildren(ctx)
	defer func() { stopChildren() }()
	err = r.work(ctx, 0, 0.5)
	kills += stopChildren()
	if err == nil {
		err = r.restore(ctx)
	}
	if err != nil {
		return nil, err
	}
	stopChildren = r.startChildren(ctx)
	if err := r.work(ctx, 0.5, 1); err != nil {
		return nil, err
	}
	r.took.work = time.Since(began)
	fmt.Fprintf(r.Log, "The changes are made after %s. Waiting for the last events.\n", r.took.work.Round(time.Second))
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	r.took.settle = time.Since(began) - r.took.work
	kills += stopChildren()
	stopChildren = func() int { return 0 }
	var late delays
	if c.Attack > 0 {
		late, err = r.attack(ctx)
	}
	if err = errors.Join(err, r.reader.stop()); err != nil {
		return nil, err
	}
	if report, err = r.check(ctx); report != nil {
		r.took.total = time.Since(began)
		report.took, report.victim, report.VictimLate = r.took, late, late.late()
		report.faults[processKilled] = kills
	}
	return report, err
}

// work makes a part of the changes. It changes the directories concurrently, and
// makes the changes of one directory in order. It deletes every fifth directory
// after the directory's last change.
func (r *campaign) work(ctx context.Context, from, to float64) error {
	errs := make([]error, len(r.tenants))
	each := r.Changes / len(r.tenants)
	var wg sync.WaitGroup
	for n, t := range r.tenants {
		wg.Go(func() {
			for t.changes < int(to*float64(each)) && errs[n] == nil {
				errs[n] = t.step(ctx)
				t.changes++
			}
			if errs[n] == nil && to == 1 && n%5 == 4 {
				errs[n] = t.remove(ctx)
			}
			if errs[n] != nil {
				errs[n] = fmt.Errorf("directory %d: %w", n, errs[n])
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// startChildren runs the relay and the jobs in a child process. It kills the
// process after a random time and starts the next one, which has another clock
// error. stop returns the number of killed processes; the second time 0.
func (r *campaign) startChildren(ctx context.Context) (stop func() (kills int)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan int, 1)
	go func() {
		kills := 0
		for ; ctx.Err() == nil; kills++ {
			s := r.setup
			s.Seed, s.Skew = uint64(r.dice.Below(1<<30)), skew(r.dice)
			life := time.Duration(500+r.dice.Below(3500)) * time.Millisecond
			// A process that is always killed before its slowest batch is done makes no
			// progress: some live longer, and all of them after the last change.
			if r.dice.Percent(40) || r.settling.Load() {
				life *= 6
			}
			if err := r.runChild(ctx, s, life); err != nil {
				fmt.Fprintln(r.Log, "start a child process:", err)
				break
			}
		}
		done <- kills
	}()
	return sync.OnceValue(func() int { cancel(); return <-done })
}

// runChild runs a child process for a time, or until ctx ends.
func (r *campaign) runChild(ctx context.Context, s setup, life time.Duration) error {
	variable, err := s.variable()
	if err != nil {
		return err
	}
	cmd := r.Child(variable)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(life):
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return nil
}

// settle waits until nothing is missing, twice in sequence, or until Patience has
// passed. The report lists what is missing.
func (r *campaign) settle(ctx context.Context) error {
	r.settling.Store(true)
	began, told := time.Now(), time.Now()
	for complete := 0; complete < 2 && time.Since(began) < r.Patience; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		report, err := r.check(ctx)
		if err != nil {
			return err
		}
		if complete++; report.Violations() > 0 {
			complete = 0
		}
		if complete == 0 && time.Since(told) > progressEvery {
			told = time.Now()
			fmt.Fprintf(r.Log, "%s after the last change: %s\n", time.Since(began).Round(time.Second), report.open())
		}
	}
	return nil
}

// progressEvery is the time between two lines about what is still missing.
const progressEvery = 15 * time.Second
