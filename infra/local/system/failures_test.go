package system

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/awslocal/eventsource"
	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/lambda/runtimeapi"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func bare(t *testing.T, dir string) *parts {
	p := &parts{
		topology: topology.Dsync(), log: slog.New(slog.DiscardHandler), services: runtimeapi.Services{Region: region},
		system: &System{folder: folder(dir), values: map[topology.Reference]string{}},
	}
	t.Cleanup(func() { _ = p.system.takeDown() })
	return p
}

// givenUpKey is the naming convention of the Lambda Developer Guide, "Retain
// discarded records for a DynamoDB event source".
var givenUpKey = regexp.MustCompile(`^aws/lambda/mapping/shardId-1/2026/01/02/2026-01-02T03\.04\.05-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// A batch that a mapping gives up is an object of the failure bucket, also after
// a restart, whatever its size. Its payload is the event of the function as a
// string.
func TestGivenUpBatchIsInTheBucket(t *testing.T) {
	dir := t.TempDir()
	p := bare(t, dir)
	if err := p.startS3(t.Context(), Options{}); err != nil {
		t.Fatal(err)
	}
	payload := eventsource.Payload(`{"Records":[{"eventID":"` + strings.Repeat("<&>", 2_000_000) + `"}]}`)
	at := time.Date(2026, 1, 2, 4, 4, 5, 6, time.FixedZone("CET", 3600))
	record := eventsource.InvocationRecord{Version: "1.0", Timestamp: at, Batch: eventsource.StreamBatchInfo{ShardID: "shardId-1"}, Payload: payload}
	if err := p.onFailure("mapping")(record); err != nil {
		t.Fatal(err)
	}
	p = bare(t, dir) // the first one was not stopped
	if err := p.startS3(t.Context(), Options{}); err != nil {
		t.Fatal(err)
	}
	bucket := p.system.environment(topology.Dsync().ByRole(topology.RedrivesEvents).Environment)("FAILURE_BUCKET_NAME")
	client := s3.NewFromConfig(awsconfig.Config(region, p.services.S3), func(o *s3.Options) { o.UsePathStyle = true })
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil || len(list.Contents) != 1 || !givenUpKey.MatchString(*list.Contents[0].Key) {
		t.Fatalf("%+v, %v", list, err)
	}
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: list.Contents[0].Key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	var stored struct {
		Batch   eventsource.StreamBatchInfo `json:"DDBStreamBatchInfo"`
		Payload string                      `json:"payload"`
	}
	if err := json.Unmarshal(body, &stored); err != nil || stored.Payload != string(payload) || stored.Batch.ShardID != "shardId-1" {
		t.Errorf("stored %.200s, %v", body, err)
	}
}

// Only functions whose queue somebody uses have one.
func TestDeadLetterQueues(t *testing.T) {
	p := bare(t, "")
	if err := p.startSQS(t.Context(), Options{}); err != nil {
		t.Fatal(err)
	}
	for _, f := range p.topology.Functions {
		for name, reference := range f.Environment {
			if url := p.system.values[reference]; reference.IsDeadLetterQueueURL() && !strings.HasSuffix(url, "/"+deadLetters(reference.Of)) {
				t.Errorf("%s of %s is %q", name, f.Name, url)
			}
		}
	}
}

// Every schedule of the topology is invoked, faster than on AWS, until the
// system stops.
func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		option    time.Duration
		after     time.Duration
		wantEvery int // invocations of a schedule of one minute, and of five
		wantFifth int
	}{{0, 21 * time.Second, 10, 2}, {time.Second, 21 * time.Second, 21, 4}} {
		synctest.Test(t, func(t *testing.T) {
			var mutex sync.Mutex
			calls := map[string]int{}
			handler := handlerFunc(func(payload []byte) {
				mutex.Lock()
				defer mutex.Unlock()
				calls[string(payload)]++
			})
			p := bare(t, "")
			p.topology = topology.System{Functions: []topology.Function{{
				Name:      "f",
				Schedules: []topology.Schedule{{Name: "every", Rate: time.Minute, Payload: `{"n":1}`}, {Name: "fifth", Rate: 5 * time.Minute, Payload: `{"n":5}`}},
			}}}
			p.functions = map[string]lambda.Function{"f": {Name: "f", Timeout: time.Minute, Handler: handler}}
			if err := p.startScheduler(t.Context(), Options{ScheduleRate: c.option}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(c.after + time.Millisecond)
			if err := p.system.takeDown(); err != nil {
				t.Error(err)
			}
			p.system.undo = nil
			time.Sleep(time.Hour)
			if calls[`{"n":1}`] != c.wantEvery || calls[`{"n":5}`] != c.wantFifth || len(calls) != 2 {
				t.Errorf("invocations with a rate of %v: %v", c.option, calls)
			}
		})
	}
}

type handlerFunc func(payload []byte)

func (f handlerFunc) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	f(payload)
	return nil, nil
}

// The payloads of the schedules are JSON that their functions read, and are no
// event of the stream.
func TestPayloadsOfSchedules(t *testing.T) {
	for _, f := range topology.Dsync().Functions {
		for _, s := range f.Schedules {
			var batch events.DynamoDBEvent
			if err := json.Unmarshal([]byte(s.Payload), &batch); err != nil || len(batch.Records) > 0 {
				t.Errorf("schedule %s of %s: %q, %v", s.Name, f.Name, s.Payload, err)
			}
		}
	}
}
