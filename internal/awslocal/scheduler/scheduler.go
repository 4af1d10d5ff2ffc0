// Package scheduler is a local EventBridge Scheduler with rate expressions. It
// invokes functions with a fixed payload.
//
// The first invocation of a schedule is one interval after Run starts. Unlike
// EventBridge Scheduler, a schedule does not overlap itself: when an invocation
// takes longer than the interval, the invocations that it delays are skipped. An
// invocation that fails is logged and not retried before the next one.
package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/uuid"
)

// Schedule invokes a function at a rate.
type Schedule struct {
	Name     string
	Rate     time.Duration
	Payload  []byte // JSON
	Function lambda.Function
}

// Scheduler runs schedules. They are active while Run runs.
type Scheduler struct {
	schedules []Schedule
	log       *slog.Logger
}

// New returns a scheduler. It rejects a rate that is not positive.
func New(schedules []Schedule, log *slog.Logger) (*Scheduler, error) {
	for _, s := range schedules {
		if s.Rate <= 0 {
			return nil, fmt.Errorf("schedule %s: invalid rate %s", s.Name, s.Rate)
		}
	}
	return &Scheduler{schedules, log}, nil
}

// Run invokes the functions until ctx ends. It then completes the invocations in
// progress and returns.
func (s *Scheduler) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, schedule := range s.schedules {
		running.Go(func() { s.run(ctx, schedule) })
	}
	running.Wait()
}

func (s *Scheduler) run(ctx context.Context, schedule Schedule) {
	ticker := time.NewTicker(schedule.Rate) // drops ticks for a slow receiver
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if ctx.Err() != nil { // both were ready
			return
		}
		// The deadline of an invocation is the timeout of the function.
		if _, err := schedule.Function.Invoke(context.WithoutCancel(ctx), uuid.New(), schedule.Payload); err != nil {
			s.log.Error("a scheduled invocation failed", "schedule", schedule.Name, "error", err)
		}
	}
}
