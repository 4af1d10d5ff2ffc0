package directory

import (
	"context"
	"log/slog"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
)

const (
	// concludeTime bounds what noting a request may add to its time: its
	// answer is ready, and waits.
	concludeTime = 500 * time.Millisecond
	// leaveTime is what a function keeps of its time for handing the answer out.
	leaveTime = 500 * time.Millisecond
)

// Recorder notes what becomes of the requests that a function serves: it
// counts them by the day, and records what was refused and what was tolerated.
// It is safe for concurrent use.
//
// A request waits for what is written of it, half a second at most, because a
// function does nothing between requests. Counts are written once a minute for
// each directory: those of the last minute are lost when the function ends, and
// are seen with its next request otherwise.
type Recorder struct {
	*Service
	ledgers ledgers
}

// NewRecorder returns a recorder for one function.
func NewRecorder(s *Service) *Recorder { return &Recorder{Service: s} }

// Conclude notes what became of a request, the last of the answers, and before
// it those of operations of a bulk request. What cannot be written in time is
// counted at best. Nothing of this reaches the client.
func (r *Recorder) Conclude(ctx context.Context, v *Visit, answers ...Answer) {
	limit := concludeTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)-leaveTime)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	now := r.clock()
	if due, ok := r.ledgers.count(v.DirectoryID(), now, answers[len(answers)-1].refused(), v.changes()); ok {
		r.failed(ctx, v, "the requests of the day were not counted", r.table.CountDay(ctx, v.DirectoryID(), due))
	}
	if v.read {
		r.used(ctx, v.token.ID, v.token.Hash, v.token.LastUsed, r.table.UseToken)
	}
	r.record(ctx, v, now, answers, true)
	r.record(ctx, v, now, answers, false)
}

// record records the answers that were refused, or those that were not and
// tolerated something, as many as there may be.
func (r *Recorder) record(ctx context.Context, v *Visit, now time.Time, answers []Answer, refused bool) {
	var list []table.Request
	for _, a := range answers {
		if a.refused() == refused && (refused || len(a.Tolerated) > 0) {
			list = append(list, v.request(now, a))
		}
	}
	if len(list) == 0 {
		return
	}
	admitted, unrecorded := r.ledgers.admit(v.DirectoryID(), now, refused, len(list))
	if admitted == 0 {
		return
	}
	list = list[:admitted]
	list[0].Unrecorded = unrecorded
	if err := r.put(ctx, list); err != nil {
		r.ledgers.miss(v.DirectoryID(), unrecorded+len(list))
		r.failed(ctx, v, "the request was not recorded", err)
	}
}

func (r *Recorder) put(ctx context.Context, list []table.Request) error {
	for i := range list {
		var err error
		if list[i].ID, err = id.New(table.RequestKind, list[i].At, r.entropy); err != nil {
			return err
		}
	}
	return r.table.PutRequests(ctx, list)
}

// request is the record of an answer.
func (v *Visit) request(now time.Time, a Answer) table.Request {
	r := table.Request{
		DirectoryID: v.DirectoryID(), At: now, Method: a.Method, Route: a.Route, Status: a.Status,
		Bulk: a.Bulk, Milliseconds: a.Took.Milliseconds(), Tolerated: a.Tolerated, Actor: v.actor,
	}
	if e := a.Refusal; e != nil {
		r.ScimType, r.Path, r.Operation = string(e.Type), e.Path, e.Operation
	}
	return r
}

// failed tells the team that something could not be noted.
func (r *Recorder) failed(ctx context.Context, v *Visit, what string, err error) {
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelWarn, what, slog.String("directory_id", v.DirectoryID()),
			slog.String("request_id", v.actor.RequestID), slog.String("error", Discreet(err)))
	}
}
