package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/awslocal/eventbridge"
	"dsync/internal/awslocal/faults"
	locals3 "dsync/internal/awslocal/s3"
	localsqs "dsync/internal/awslocal/sqs"
	"dsync/internal/eventlog"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// machine is what the functions run on: an engine, a bus and a queue. A proxy in
// front of the engine injects the faults of DynamoDB for all processes.
type machine struct {
	db      *dynamodb.Client // without faults
	exact   *table.Table     // without faults
	proxy   *dynamodb.Client // with faults
	shared  *table.Table     // with faults
	bus     *subscriber
	queues  *localsqs.Queues
	letters []string // received from the dead-letter queue
	setup   setup
	invalid invalid
	undo    []func()
	calm    atomic.Bool // the bus has no faults
}

// invalid observes which calls DynamoDB rejects as invalid: a repetition cannot
// help, so there must be none.
type invalid struct {
	mu       sync.Mutex
	messages map[string]int
	log      io.Writer
}

// Name implements faults.Fault.
func (i *invalid) Name() string { return "invalid call" }

// Answer implements faults.Fault.
func (i *invalid) Answer(c faults.Call, _ bool, _ *faults.Dice, next faults.Send) (faults.Answer, bool, error) {
	a, err := next(c)
	kind, _ := a.Output["__type"].(string)
	if !strings.HasSuffix(kind, "ValidationException") {
		return a, false, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.messages == nil {
		i.messages = map[string]int{}
	}
	message := fmt.Sprint(c.Operation, ": ", a.Output["Message"], a.Output["message"])
	if i.messages[message]++; i.messages[message] == 1 {
		fmt.Fprintf(i.log, "%s\n  the call was %.1000s\n", message, fmt.Sprint(c.Input))
	}
	return a, true, err
}

func (m *machine) stop() {
	for _, undo := range m.undo {
		defer undo()
	}
}

// attempts is how often a client repeats a call. It is more than the default, so
// that an unlucky call does not fail a request: the workload has no client that
// repeats requests.
const attempts = 8

func startMachine(ctx context.Context, c Config, d *dice, counts *tally) (*machine, error) {
	m := &machine{bus: &subscriber{}, setup: setup{Folder: c.Folder, Sabotage: c.Sabotage}}
	err := errors.Join(m.startEngine(ctx, c, counts), m.startBus(d, counts))
	if err != nil {
		m.stop()
		return nil, err
	}
	return m, nil
}

func (m *machine) startEngine(ctx context.Context, c Config, counts *tally) error {
	e, err := localdynamodb.Start(ctx, localdynamodb.Options{Endpoint: os.Getenv(localdynamodb.EndpointVariable), Log: c.Log})
	if err != nil {
		return err
	}
	m.undo = append(m.undo, func() { _ = e.Stop() })
	m.setup.Engine = e.Endpoint()
	m.invalid.log = c.Log
	// Real partitions serve more in a second, but the engine serves less than real
	// ones.
	rules := append(faults.Unkind(indexLag, time.Now), faults.Rule{Fault: faults.Throughput(300, 1000, time.Now)})
	rules = append(rules, c.Sabotage.rules()...)
	rules = append(rules, faults.Rule{Fault: &m.invalid})
	transport := faults.New(&http.Transport{MaxIdleConnsPerHost: 100}, c.Seed, rules...)
	transport.OnFault(counts.add)
	handler, err := transport.Proxy(e.Endpoint())
	if err != nil {
		return err
	}
	proxy := httptest.NewUnstartedServer(handler)
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that a fault closes
	proxy.Start()
	m.undo = append(m.undo, proxy.Close)
	m.setup.Proxy = proxy.URL
	m.connect(awsconfig.NewAccessKey())

	name := fmt.Sprintf("chaos-%d", time.Now().UnixNano())
	if err := localdynamodb.CreateTable(ctx, m.db, topology.Dsync().Table, name); err != nil {
		return err
	}
	out, err := m.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return err
	}
	m.use(name, *out.Table.LatestStreamArn)
	return nil
}

// connect makes clients of the database of an access key. DynamoDB Local writes
// the slower into a database, the more the streams in it hold, so a restored table
// has a database of its own.
func (m *machine) connect(accessKey string) {
	m.setup.AccessKey = accessKey
	o := dynamodb.Options{Region: region, BaseEndpoint: &m.setup.Engine, Credentials: credentials(accessKey)}
	m.db = dynamodb.New(o)
	o.BaseEndpoint = &m.setup.Proxy
	o.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff, o.MaxAttempts = 500*time.Millisecond, attempts })
	m.proxy = dynamodb.New(o)
}

// use makes all go on with a table. The streams of the tables before are read
// further.
func (m *machine) use(name, streamARN string) {
	m.exact, m.shared = table.New(m.db, name), table.New(m.proxy, name)
	m.setup.Table, m.setup.Streams = name, append(m.setup.Streams, stream{streamARN, m.setup.AccessKey})
}

// indexLag is how far an answer of the index is behind: a minute, shortened as the
// waits of the jobs are (tokenTrust).
const indexLag = 4 * time.Second

// Names of the relay's dead-letter queue and of the failure bucket.
const (
	deadLetters   = "dead-letters"
	failureBucket = "failures"
)

func (m *machine) startBus(d *dice, counts *tally) error {
	b, err := eventbridge.New(eventbridge.Options{
		Name: busName, Region: region, Log: slog.New(slog.DiscardHandler),
		Rules: []eventbridge.Rule{{Name: "every-event", Pattern: topology.Dsync().Rules[0].Pattern, Target: m.bus.deliver}},
	})
	if err != nil {
		return err
	}
	if m.queues, err = localsqs.Open(localsqs.Options{Names: []string{deadLetters}, Region: region}); err != nil {
		return err
	}
	buckets, err := locals3.Open(locals3.Options{Dir: filepath.Join(m.setup.Folder, "s3"), Buckets: []string{failureBucket}})
	if err != nil {
		return err
	}
	events := httptest.NewServer(faultyBus(b, d, counts, &m.calm))
	letters := httptest.NewServer(m.queues)
	objects := httptest.NewServer(buckets)
	m.undo = append(m.undo, events.Close, letters.Close, objects.Close)
	m.setup.Bus, m.setup.Queue, m.setup.Bucket = events.URL, localsqs.URL(letters.URL, deadLetters), objects.URL
	return nil
}

// left counts the records in a directory's partition, including the record of
// the directory. It returns -1 if the query fails.
func (m *machine) left(ctx context.Context, dir string) int {
	_, ulid, _ := strings.Cut(dir, "_")
	out, err := m.db.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &m.setup.Table,
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

// parked returns the messages that the relay's dead-letter queue has received.
func (m *machine) parked() (bodies []string, err error) {
	for {
		batch, err := m.queues.Receive(deadLetters, localsqs.MaxBatch, time.Hour)
		if err != nil || len(batch) == 0 {
			return m.letters, err
		}
		for _, x := range batch {
			m.letters = append(m.letters, unpacked(x.Body))
		}
	}
}

// unpacked returns a message of the dead-letter queue with its record
// decompressed.
func unpacked(body string) string {
	var m struct {
		Record []byte `json:"record_gzip"`
	}
	if json.Unmarshal([]byte(body), &m) != nil || len(m.Record) == 0 {
		return body
	}
	record, err := eventlog.Decompress(m.Record)
	if err != nil {
		return body
	}
	return string(record)
}

// isPoison reports whether a text is about items of poison records only.
func isPoison(text string) bool { return strings.Contains(text, poisonMark) }

// decodeLines reads a file with one JSON value in each line.
func decodeLines(path string, each func(json.RawMessage) error) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var line json.RawMessage
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

// scan reads all items of the table.
func (m *machine) scan(ctx context.Context) iter.Seq2[map[string]types.AttributeValue, error] {
	return func(yield func(map[string]types.AttributeValue, error) bool) {
		pages := dynamodb.NewScanPaginator(m.db, &dynamodb.ScanInput{TableName: &m.setup.Table, ConsistentRead: aws.Bool(true)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}
