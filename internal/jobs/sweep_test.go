package jobs_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/jobs"
	"dsync/internal/metric"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A step that is due at once is left to the stream for two minutes, then the
// sweep does it.
func TestSweepFindsTheStale(t *testing.T) {
	s := newStill(t)
	job := s.job(table.ClearMemberships, newID(t, id.User, s.at))
	s.start(job)
	s.at = job.Modified.Add(2 * time.Minute)
	s.sweep()
	if got := s.stored(job); got.Steps != 0 {
		t.Errorf("at two minutes: %+v", got)
	}
	s.at = s.at.Add(time.Millisecond)
	s.sweep()
	if got := s.stored(job); got.Steps != 1 {
		t.Errorf("after two minutes: %+v", got)
	}
}

// Jobs whose steps fail or panic do not stop the others, neither in a sweep nor
// in a batch of the stream. Each failure is recorded, and the waits grow.
func TestFailuresStopNoOther(t *testing.T) {
	s := newStill(t)
	var bad, good []table.Job
	for range 12 {
		bad = append(bad, s.job("unheard of", ""))
		good = append(good, s.job(table.ClearMemberships, newID(t, id.User, s.at)))
	}
	s.start(bad...)
	s.start(good...)
	var batch events.DynamoDBEvent
	for i := range bad[:6] {
		batch.Records = append(batch.Records, record(bad[i]), record(good[i]))
	}
	if err := s.worker.Handle(t.Context(), batch); err != nil {
		t.Errorf("a batch with failing jobs: %v", err)
	}
	s.at = s.at.Add(3 * time.Minute)
	s.sweep()
	for _, j := range good {
		if got := s.stored(j); got.Pass == 0 {
			t.Errorf("a job is stopped by others: %+v", got)
		}
	}
	for i, j := range bad {
		want := 1
		if i < 6 {
			want = 2
		}
		if got := s.stored(j); got.Failures != want || got.Steps != 0 || got.State != table.JobRunning || got.Error != "no such task" || !got.Due.After(s.at) {
			t.Errorf("a failed job: %+v, want %d failures", got, want)
		}
	}
	longest := time.Duration(0)
	for range 12 {
		due := s.stored(bad[0]).Due
		if due.Sub(s.at) < longest {
			t.Errorf("the wait shrinks from %v to %v", longest, due.Sub(s.at))
		}
		longest = due.Sub(s.at)
		s.at = due
		s.deliver(bad[0])
	}
	if longest != 15*time.Minute || s.stored(bad[0]).State != table.JobRunning {
		t.Errorf("the longest wait is %v, the job %+v", longest, s.stored(bad[0]))
	}
}

// A panic is the panic of one job. A step that succeeds ends the failures.
func TestPanicIsOneJobs(t *testing.T) {
	s := newStill(t)
	job := s.job(table.Purge, s.dir.ID)
	s.change(job, func(d *table.Directory) { d.State = table.Deleting })
	s.endLog()
	s.at = s.at.Add(jobs.TokenTrust)
	s.deliver(job) // removes the records
	s.entropy = readFunc(func([]byte) (int, error) { panic("no entropy") })
	s.deliver(job)
	got := s.stored(job)
	if got.Failures != 1 || got.Error != "panic" || got.State != table.JobRunning {
		t.Fatalf("after a panic: %+v", got)
	}
	if strings.Contains(s.log.String(), "no entropy") {
		t.Error("the log has the value of the panic")
	}
	s.entropy = newReader()
	s.at = got.Due
	s.sweep()
	if got := s.stored(job); got.State != table.JobDone || got.Failures != 0 || got.Error != "" {
		t.Errorf("after a step without a panic: %+v", got)
	}
}

func newReader() io.Reader {
	return readFunc(func(p []byte) (int, error) {
		for i := range p {
			p[i] = byte(i)
		}
		return len(p), nil
	})
}

// Shortly before its deadline a sweep begins no step.
func TestSweepEndsInTime(t *testing.T) {
	s := newStill(t)
	job := s.job(table.ClearMemberships, newID(t, id.User, s.at))
	s.start(job)
	s.at = s.at.Add(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 14*time.Second)
	defer cancel()
	s.do(s.worker.Sweep(ctx))
	if got := s.stored(job); got.Steps != 0 {
		t.Errorf("a step 14 seconds before the deadline: %+v", got)
	}
	s.sweep() // which has a minute
	if got := s.stored(job); got.Steps != 1 {
		t.Errorf("no step: %+v", got)
	}
}

// A job that has done MaxSteps steps is stopped, for all to see, and no job
// before that.
func TestMaxSteps(t *testing.T) {
	s := newStill(t)
	last, over := s.job(table.ClearMemberships, newID(t, id.User, s.at)), s.job(table.ClearMemberships, newID(t, id.User, s.at))
	last.Steps, over.Steps = jobs.MaxSteps-1, jobs.MaxSteps
	s.start(last, over)
	s.deliver(last)
	s.deliver(over)
	if got := s.stored(last); got.State != table.JobRunning || got.Steps != jobs.MaxSteps {
		t.Errorf("the last step: %+v", got)
	}
	got := s.stored(over)
	if got.State != table.JobFailed || !strings.Contains(got.Error, "100,000 steps") || got.TTL != s.at.Add(jobs.FailedRetention).Unix() {
		t.Errorf("one step more: %+v", got)
	}
	if fmt.Sprint(s.measured(metric.JobsFailed)) != "[1]" {
		t.Errorf("JobsFailed: %v", s.measured(metric.JobsFailed))
	}
	if log := s.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, over.ID) {
		t.Errorf("the log is %s", log)
	}
	s.deliver(over)
	if again := s.stored(over); again != got {
		t.Errorf("a failed job goes on: %+v", again)
	}
	running, err := s.RunningJobs(t.Context(), s.at)
	if err != nil || len(running) != 1 || running[0].ID != last.ID {
		t.Errorf("running: %+v, %v", running, err)
	}
}

// A sweep measures the age of the oldest running job. A job that was created to
// run later has no age before.
func TestOldestJobAge(t *testing.T) {
	s := newStill(t)
	s.sweep()
	later := s.job(table.Erase, s.dir.ID)
	later.Begins = s.at.Add(24 * time.Hour)
	later.Due = later.Begins
	s.start(s.job("unheard of", ""), later)
	s.at = s.at.Add(time.Minute)
	s.start(s.job("unheard of", ""))
	s.at = s.at.Add(time.Minute)
	s.sweep()
	s.at = s.at.Add(24 * time.Hour)
	s.sweep()
	if got := s.measured(metric.OldestJobAge); fmt.Sprint(got) != "[0 120 86520]" {
		t.Errorf("OldestJobAge: %v", got)
	}

	s = newStill(t)
	later.DirectoryID = s.dir.ID
	s.start(later)
	s.at = later.Begins.Add(-time.Second)
	s.sweep()
	s.at = later.Begins.Add(time.Second)
	s.entropy = nil
	s.sweep()
	if got := s.measured(metric.OldestJobAge); fmt.Sprint(got) != "[0 1]" {
		t.Errorf("OldestJobAge of a job that began a second ago: %v", got)
	}
}

// The function takes batches of the stream and the payload of its schedule.
func TestInvoke(t *testing.T) {
	s := newStill(t)
	stale, fresh := s.job(table.ClearMemberships, newID(t, id.User, s.at)), s.job(table.ClearMemberships, newID(t, id.User, s.at))
	s.start(stale)
	s.at = s.at.Add(time.Hour)
	fresh.Modified = s.at
	s.start(fresh)
	handler := lambda.NewHandler(s.worker.Invoke)
	_, err := handler.Invoke(t.Context(), []byte(`{"Records":[{"eventName":"MODIFY","dynamodb":{"NewImage":{
		"id":{"S":"`+fresh.ID+`"},"task":{"S":"clear memberships"},"state":{"S":"running"},"steps":{"N":"0"}}}}]}`))
	s.do(err)
	if s.stored(fresh).Steps != 1 || s.stored(stale).Steps != 0 {
		t.Errorf("after a batch: %+v, %+v", s.stored(fresh), s.stored(stale))
	}
	_, err = handler.Invoke(t.Context(), []byte(`{"sweep":true}`))
	s.do(err)
	if s.stored(stale).Steps != 1 {
		t.Errorf("after a sweep: %+v", s.stored(stale))
	}
}

// Adopt lists the running jobs of a directory that older code created, so that
// a sweep finds them.
func TestAdopt(t *testing.T) {
	s := newStill(t)
	old, known, done := s.job(table.ClearMemberships, newID(t, id.User, s.at)), s.job(table.ClearMemberships, newID(t, id.User, s.at)), s.job(table.Announce, "")
	done.State = table.JobDone
	s.start(old, known, done)
	for _, j := range []table.Job{old, done} {
		s.forget(j)
	}
	for n, want := range []int{1, 0} {
		if adopted, err := s.worker.Adopt(t.Context(), s.dir.ID); err != nil || adopted != want {
			t.Errorf("call %d adopted %d, %v", n, adopted, err)
		}
	}
	s.at = s.at.Add(time.Hour)
	s.sweep()
	if s.stored(old).Steps != 1 || s.stored(known).Steps != 1 || s.stored(done).Steps != 0 {
		t.Errorf("%+v, %+v, %+v", s.stored(old), s.stored(known), s.stored(done))
	}
}

// forget makes a job one of code that does not know the list of running jobs.
func (s *still) forget(job table.Job) {
	s.t.Helper()
	out, err := s.db.Scan(s.t.Context(), &dynamodb.ScanInput{TableName: &s.name})
	s.do(err)
	for _, item := range out.Items {
		key := map[string]types.AttributeValue{"pk": item["pk"], "sk": item["sk"]}
		if v, ok := item["job"].(*types.AttributeValueMemberS); ok && v.Value == job.ID {
			_, err := s.db.DeleteItem(s.t.Context(), &dynamodb.DeleteItemInput{TableName: &s.name, Key: key})
			s.do(err)
		}
		if v, ok := item["id"].(*types.AttributeValueMemberS); ok && v.Value == job.ID {
			update := "REMOVE listed"
			_, err := s.db.UpdateItem(s.t.Context(), &dynamodb.UpdateItemInput{TableName: &s.name, Key: key, UpdateExpression: &update})
			s.do(err)
		}
	}
}

// Sweeps alone finish a job whose stream is gone, though most of them end in
// the middle of a step.
func TestSweepsAlone(t *testing.T) {
	s := newStill(t)
	user := s.create(table.User, `{"userName":"ada"}`, table.Keys{Name: "ada"})
	var members []table.Membership
	for i := range 120 {
		members = append(members, table.Membership{DirectoryID: s.dir.ID, GroupID: fmt.Sprintf("directory_group_01%024d", i), UserID: user.ID, At: s.at})
	}
	s.do(s.PutMemberships(t.Context(), members))
	job := s.job(table.Purge, s.dir.ID)
	s.change(job, func(d *table.Directory) { d.State = table.Deleting })
	s.endLog()
	for sweeps := 0; s.stored(job).State != table.JobDone; sweeps++ {
		if sweeps == 200 {
			t.Fatalf("the job does not end: %+v", s.stored(job))
		}
		s.at = s.at.Add(20 * time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		if sweeps%8 != 7 {
			s.fuse.calls.Store(int64(sweeps%8) + 2)
			s.fuse.blow = cancel
		}
		_ = s.worker.Sweep(ctx)
		cancel()
		s.fuse.blow = nil
	}
	if n := strings.Count(s.log.String(), "job step failed"); n < 3 {
		t.Errorf("only %d sweeps have ended within a step", n)
	}
	if left, err := s.Purge(t.Context(), s.dir.ID, 100); left != 0 || err != nil {
		t.Errorf("%d records are left, %v", left, err)
	}
}

// A record of the stream that is delivered again after its step does no other.
func TestDeliveredAgain(t *testing.T) {
	s := newStill(t)
	s.entropy = nil
	job := s.job(table.Erase, s.dir.ID) // each step removes a page
	s.start(job)
	first := record(s.stored(job))
	for range 3 {
		s.do(s.worker.Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{first}}))
	}
	if got := s.stored(job); got.Steps != 1 {
		t.Errorf("%+v", got)
	}
}

// Sweeps that overlap with each other and with the stream do a step once.
func TestOverlap(t *testing.T) {
	s := newStill(t)
	var all []table.Job
	for range 10 {
		all = append(all, s.job(table.ClearMemberships, newID(t, id.User, s.at)))
	}
	s.start(all...)
	s.at = s.at.Add(time.Hour)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(s.sweep)
	}
	for _, j := range all {
		wg.Go(func() { s.deliver(j) })
	}
	wg.Wait()
	for _, j := range all {
		if got := s.stored(j); got.Steps != 1 || got.Failures != 0 {
			t.Errorf("%+v", got)
		}
	}
}
