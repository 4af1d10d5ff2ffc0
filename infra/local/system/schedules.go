package system

import (
	"context"
	"sync"
	"time"

	"dsync/internal/awslocal/scheduler"
)

// defaultScheduleRate is the interval of a schedule that runs every minute on
// AWS.
const defaultScheduleRate = 2 * time.Second

// startScheduler starts the schedules of all functions.
func (p *parts) startScheduler(ctx context.Context, o Options) error {
	minute := o.ScheduleRate
	if minute == 0 {
		minute = defaultScheduleRate
	}
	var schedules []scheduler.Schedule
	for _, f := range p.topology.Functions {
		for _, s := range f.Schedules {
			schedules = append(schedules, scheduler.Schedule{
				Name:     s.Name,
				Rate:     time.Duration(s.Rate.Minutes() * float64(minute)),
				Payload:  []byte(s.Payload),
				Function: p.functions[f.Name],
			})
		}
	}
	s, err := scheduler.New(schedules, p.log)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(running) })
	p.system.onStop(func() error { stop(); wg.Wait(); return nil })
	return nil
}
