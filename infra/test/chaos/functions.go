package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"dsync/internal/awslocal/eventsource"
	"dsync/internal/jobs"
	"dsync/internal/relay"

	"github.com/aws/aws-lambda-go/events"
)

// faultyRelay is the relay. It stops some invocations between two calls, and
// keeps a diary of the poison records.
type faultyRelay struct {
	relay  *relay.Relay
	setup  setup
	dice   *dice
	diary  *diary
	poison *diary
	turn   sync.Mutex // of ServesInTurn
}

// Invoke implements lambda.Handler.
func (f *faultyRelay) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var batch events.DynamoDBEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, err
	}
	poison := poisonOf(batch)
	f.poison.writeAll("received ", poison)
	if len(poison) > 0 && f.setup.Sabotage == FailsOnPoison {
		return nil, errors.New("poison")
	}
	if f.setup.Sabotage == ServesInTurn {
		f.turn.Lock()
		defer f.turn.Unlock()
		time.Sleep(time.Duration(len(payload)) * slowByte)
	}
	if !f.setup.Calm && f.dice.Percent(20) {
		f.diary.write(relayStopped)
		ctx = dying(ctx, 1+f.dice.Below(10))
	}
	answer, err := f.relay.Handle(ctx, batch)
	if err != nil {
		return nil, err
	}
	done := batch.Records
	for _, failure := range answer.BatchItemFailures { // what precedes it is done
		done = done[:slices.IndexFunc(batch.Records, func(r events.DynamoDBEventRecord) bool { return r.Change.SequenceNumber == failure.ItemIdentifier })]
	}
	f.poison.writeAll("handled ", poisonOf(events.DynamoDBEvent{Records: done}))
	return json.Marshal(answer)
}

// slowByte is how long ServesInTurn takes for a byte of a batch.
const slowByte = 10 * time.Microsecond

// faultyJobs runs the jobs and stops some of them between two calls.
type faultyJobs struct {
	worker *jobs.Worker
	setup  setup
	dice   *dice
	diary  *diary
	poison *diary
}

// Invoke implements lambda.Handler.
func (f faultyJobs) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in jobs.Invocation
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	poison := poisonOf(events.DynamoDBEvent{Records: in.Records})
	f.poison.writeAll("received ", poison)
	if !f.setup.Calm && f.dice.Percent(10) {
		f.diary.write(jobStopped)
		ctx = dying(ctx, 1+f.dice.Below(4))
	}
	err := f.worker.Invoke(ctx, in)
	if err == nil {
		f.poison.writeAll("handled ", poison)
	}
	return nil, err
}

// poisonOf returns the event IDs of the poison records of a batch.
func poisonOf(batch events.DynamoDBEvent) (ids []string) {
	for _, r := range batch.Records {
		if isPoison(r.Change.Keys["pk"].String()) {
			ids = append(ids, r.EventID)
		}
	}
	return ids
}

// stopped returns the poison records that were received, and neither handled nor
// given up.
func stopped(folder string) (ids []string, received int, err error) {
	open := map[string]bool{}
	handled := map[string]bool{}
	counts := map[string]int{}
	if err := readDiary(folder, poisonFile, counts); err != nil {
		return nil, 0, err
	}
	err = decodeLines(filepath.Join(folder, givenUpFile), func(line json.RawMessage) error {
		var r eventsource.InvocationRecord
		var batch events.DynamoDBEvent
		if err := errors.Join(json.Unmarshal(line, &r), json.Unmarshal(r.Payload, &batch)); err != nil {
			return err
		}
		for _, id := range poisonOf(batch) {
			handled[id] = true
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for line := range counts {
		verb, id, _ := strings.Cut(line, " ")
		switch verb {
		case "received":
			open[id] = true
		case "handled":
			handled[id] = true
		default:
			return nil, 0, fmt.Errorf("line %q in %s", line, poisonFile)
		}
	}
	for id := range open {
		if !handled[id] {
			ids = append(ids, id)
		}
	}
	return ids, len(open), nil
}
