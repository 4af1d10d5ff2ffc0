// Package chaos tests the guarantees of the event pipeline under faults. A
// campaign makes random changes in many directories while it injects faults.
// Then it compares the events that consumers received with a model of the
// events that each directory must publish.
//
// The campaign uses no mocks: it runs the real engine, stream, relay, jobs and
// SDK clients. The relay and the jobs run in a separate process. The campaign
// kills that process repeatedly. It injects faults in four places: outgoing
// calls, responses of the bus, batches of the stream, and clocks.
package chaos

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/awslocal/eventbridge"
	locals3 "dsync/internal/awslocal/s3"
	localsqs "dsync/internal/awslocal/sqs"
	"dsync/internal/management"

	"dsync/infra/topology"
	"dsync/internal/dsync"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
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
}

// campaign is a running campaign.
type campaign struct {
	Config
	dice    *dice
	faults  tally
	setup   setup
	db      *dynamodb.Client
	table   *table.Table
	bus     *subscriber
	queues  *localsqs.Queues
	tenants []*tenant
	undo    []func()
}

// Run runs a campaign and returns its report. An error means that the campaign
// could not run. The report contains the violations.
func Run(ctx context.Context, c Config) (*Report, error) {
	r := &campaign{Config: c, dice: newDice(c.Seed), bus: &subscriber{}}
	defer func() {
		for _, undo := range r.undo {
			defer undo()
		}
	}()
	for _, prepare := range []func(context.Context) error{r.startEngine, r.startBus, r.createTenants} {
		if err := prepare(ctx); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	stopChildren := r.startChildren(ctx)
	reader := r.startReader(ctx)
	err := r.work(ctx)
	worked := time.Since(began)
	if err == nil {
		err = r.settle(ctx, reader)
	}
	kills := stopChildren()
	if err = errors.Join(err, reader.stop()); err != nil {
		return nil, err
	}
	report, err := r.check(ctx, reader)
	if report != nil {
		report.Worked, report.Took, report.faults["process killed"] = worked, time.Since(began), kills
	}
	return report, err
}

func (r *campaign) startEngine(ctx context.Context) error {
	e, err := localdynamodb.Start(ctx, localdynamodb.Options{Endpoint: os.Getenv(localdynamodb.EndpointVariable), Log: r.Log})
	if err != nil {
		return err
	}
	r.undo = append(r.undo, func() { _ = e.Stop() })
	endpoint := e.Endpoint()
	r.db = dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: &endpoint, Credentials: credentials})
	name := fmt.Sprintf("chaos-%d", time.Now().UnixNano())
	if err := localdynamodb.CreateTable(ctx, r.db, topology.Dsync().Table, name); err != nil {
		return err
	}
	out, err := r.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return err
	}
	r.table = table.New(r.db, name)
	r.setup = setup{Engine: endpoint, Table: name, Stream: *out.Table.LatestStreamArn, Folder: r.Folder}
	return nil
}

// Names of the relay's dead-letter queue and of the failure bucket.
const (
	deadLetters   = "dead-letters"
	failureBucket = "failures"
)

func (r *campaign) startBus(context.Context) error {
	b, err := eventbridge.New(eventbridge.Options{
		Name: busName, Region: region, Log: slog.New(slog.DiscardHandler),
		Rules: []eventbridge.Rule{{Name: "every-event", Pattern: topology.Dsync().Rules[0].Pattern, Target: r.bus.deliver}},
	})
	if err != nil {
		return err
	}
	if r.queues, err = localsqs.Open(localsqs.Options{Names: []string{deadLetters}, Region: region}); err != nil {
		return err
	}
	buckets, err := locals3.Open(locals3.Options{Dir: filepath.Join(r.setup.Folder, "s3"), Buckets: []string{failureBucket}})
	if err != nil {
		return err
	}
	events := httptest.NewServer(faultyBus(b, r.dice, &r.faults))
	letters := httptest.NewServer(r.queues)
	objects := httptest.NewServer(buckets)
	r.undo = append(r.undo, events.Close, letters.Close, objects.Close)
	r.setup.Bus, r.setup.Queue, r.setup.Bucket = events.URL, localsqs.URL(letters.URL, deadLetters), objects.URL
	return nil
}

// createTenants creates the directories. Every fourth directory has the policy
// that deletes deactivated users.
func (r *campaign) createTenants(ctx context.Context) error {
	all := functions(r.table, r.dice)
	operator := management.Bootstrap(r.table, time.Now, rand.Reader)
	for n := range r.Directories {
		deletes := n%4 == 3
		name := fmt.Sprint("Organization ", n)
		o, err := operator.CreateOrganization(ctx, management.OrganizationUpdate{Name: &name})
		if err != nil {
			return err
		}
		d, _, secret, err := operator.CreateDirectory(ctx, management.NewDirectory{OrganizationID: o.ID, Name: fmt.Sprint("Directory ", n)})
		if err != nil {
			return err
		}
		if deletes {
			next := d
			next.Version, next.View = d.Version+1, dsync.Projection{Deactivation: dsync.Delete}.Encode()
			if err := r.table.ReplaceDirectory(ctx, d, next, nil); err != nil {
				return err
			}
		}
		t := &tenant{model: newModel(d.ID, deletes), table: r.table, functions: all, random: mathrand.New(mathrand.NewPCG(r.Seed, uint64(n)))}
		t.tell(dsync.TokenCreated, "", "")
		t.tell(dsync.DirectoryActivated, "", "")
		for _, f := range all {
			opened, _, err := f.Authenticate(ctx, d.ExternalKey, secret, fmt.Sprint("request-", n))
			if err != nil {
				return err
			}
			t.sessions = append(t.sessions, opened)
		}
		r.tenants = append(r.tenants, t)
	}
	return nil
}

// work makes the changes. It changes the directories concurrently, and makes
// the changes of one directory in order. It deletes every fifth directory after
// the directory's last change.
func (r *campaign) work(ctx context.Context) error {
	errs := make([]error, len(r.tenants))
	var wg sync.WaitGroup
	for n, t := range r.tenants {
		wg.Go(func() {
			for range r.Changes / len(r.tenants) {
				if errs[n] = t.step(ctx); errs[n] != nil {
					errs[n] = fmt.Errorf("directory %d: %w", n, errs[n])
					return
				}
				t.changes++
			}
			if n%5 == 4 {
				errs[n] = t.remove(ctx)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// startChildren runs the relay and the jobs in a child process. It kills the
// process after a random time and starts the next one, which has another clock
// error. stop returns the number of killed processes.
func (r *campaign) startChildren(ctx context.Context) (stop func() (kills int)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan int)
	go func() {
		kills := 0
		for ; ctx.Err() == nil; kills++ {
			s := r.setup
			s.Seed, s.Skew = uint64(r.dice.below(1<<30)), skew(r.dice)
			variable, err := s.variable()
			if err != nil {
				break
			}
			cmd := r.Child(variable)
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				fmt.Fprintln(r.Log, "start a child process:", err)
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(500+r.dice.below(3500)) * time.Millisecond):
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		done <- kills
	}()
	return func() int { cancel(); return <-done }
}

// subscriber is a target of the bus. It stores every event.
type subscriber struct {
	mu  sync.Mutex
	all []dsync.Event // in the order of delivery
	ids map[string]bool
}

func (s *subscriber) deliver(event json.RawMessage) error {
	var e struct{ Detail dsync.Event }
	if err := json.Unmarshal(event, &e); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	s.all = append(s.all, e.Detail)
	s.ids[e.Detail.ID] = true
	return nil
}

func (s *subscriber) distinct() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

// settle waits until all outstanding events have arrived and all purges have
// finished, or until Patience has passed. The report lists missing events.
func (r *campaign) settle(ctx context.Context, f *reader) error {
	want := 0
	for _, t := range r.tenants {
		want += len(t.want)
	}
	deadline := time.Now().Add(r.Patience)
	for time.Now().Before(deadline) {
		if r.bus.distinct() >= want && f.count() >= want && r.purged(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// purged reports whether the deleted directories have no records left.
func (r *campaign) purged(ctx context.Context) bool {
	for _, t := range r.tenants {
		if t.deleted() && r.left(ctx, t.id) > 0 {
			return false
		}
	}
	return true
}

// left counts the records in a directory's partition, including the record of
// the directory. It returns -1 if the query fails.
func (r *campaign) left(ctx context.Context, dir string) int {
	_, ulid, _ := strings.Cut(dir, "_")
	out, err := r.db.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &r.setup.Table,
		ConsistentRead:            aws.Bool(true),
		Select:                    types.SelectCount,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "D#" + ulid}},
	})
	if err != nil {
		return -1
	}
	return int(out.Count)
}

// parked counts the messages in the relay's dead-letter queue.
func (r *campaign) parked(ctx context.Context) (int, error) {
	api := sqs.New(sqs.Options{Region: region, BaseEndpoint: &r.setup.Queue, Credentials: credentials})
	name := sqstypes.QueueAttributeNameApproximateNumberOfMessages
	out, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &r.setup.Queue, AttributeNames: []sqstypes.QueueAttributeName{name}})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(out.Attributes[string(name)])
}
