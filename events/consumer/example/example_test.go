package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"dsync/events/consumer"
	"dsync/internal/dsynctest"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	gocmp "github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// samples returns the events of events/samples, in the order of their sequences.
func samples(t *testing.T) (all []events.EventBridgeEvent) {
	t.Helper()
	files, err := filepath.Glob("../../samples/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	sequences := map[string]int64{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var e events.EventBridgeEvent
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		parsed, err := consumer.Parse(e.Detail)
		if err != nil {
			t.Fatal(err)
		}
		sequences[e.DetailType] = parsed.Sequence
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b events.EventBridgeEvent) int {
		return cmp.Compare(sequences[a.DetailType], sequences[b.DetailType])
	})
	return all
}

// rows returns all rows of a table, by id.
func rows(t *testing.T, api *dynamodb.Client, table string) map[string]row {
	t.Helper()
	out, err := api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]row{}
	for _, item := range out.Items {
		var r row
		if err := attributevalue.UnmarshalMap(item, &r); err != nil {
			t.Fatal(err)
		}
		all[r.ID] = r
	}
	return all
}

// Concurrent and repeated deliveries in any order give the state of the events in
// order. After the deletions no row is left.
func TestHandler(t *testing.T) {
	const (
		directory = "directory_01ECAZ4NV9QMV47GW873HDCX74"
		user      = "directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7"
		group     = "directory_group_01E1X5GPMMXF4T1DCERMVEEPVW"
	)
	history := samples(t)
	changed := 1 + slices.IndexFunc(history, func(e events.EventBridgeEvent) bool { return e.DetailType == consumer.UserUpdated })
	want := map[string]row{
		user:               {directory, user, "lela.block@example.com", "Lela Block", false},
		group:              {directory, group, "", "Developers", true},
		group + "/" + user: {Directory: directory, ID: group + "/" + user, Active: true},
	}
	for seed := range uint64(4) {
		api, table := dsynctest.Table(t)
		_, progress := dsynctest.Table(t)
		handle := handler(api, table, progress)
		deliver := func(list []events.EventBridgeEvent) {
			t.Helper()
			var running sync.WaitGroup
			for worker := range uint64(2) {
				order := rand.New(rand.NewPCG(seed, worker)).Perm(len(list))
				running.Go(func() {
					for _, i := range order {
						if err := handle(t.Context(), list[i]); err != nil {
							t.Error(err)
						}
					}
				})
			}
			running.Wait()
		}
		deliver(history[:changed])
		if diff := gocmp.Diff(want, rows(t, api, table)); diff != "" {
			t.Errorf("%d: %s", seed, diff)
		}
		deliver(history)
		if left := rows(t, api, table); len(left) > 0 {
			t.Errorf("%d: %v are left", seed, left)
		}
	}
}

func TestMalformed(t *testing.T) {
	api, table := dsynctest.Table(t)
	if err := handler(api, table, table)(t.Context(), events.EventBridgeEvent{Detail: json.RawMessage(`{}`)}); err == nil {
		t.Error("an empty event is accepted")
	}
}

// template returns the template that deploys the example.
func template(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// grants matches the actions on each table in the template.
var grants = regexp.MustCompile(`Action: \[(.*)\]\s+Resource: !GetAtt (People|Progress)\.Arn`)

// The template grants exactly the actions that the code calls.
func TestLeastPrivilege(t *testing.T) {
	granted := map[string][]string{}
	for _, grant := range grants.FindAllStringSubmatch(template(t), -1) {
		granted[grant[2]] = strings.Split(grant[1], ", ")
		slices.Sort(granted[grant[2]])
	}
	api, people := dsynctest.Table(t)
	_, progress := dsynctest.Table(t)
	names := map[string]string{people: "People", progress: "Progress"}
	called := map[string][]string{}
	o := api.Options()
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("calls", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			for table, name := range names {
				if strings.Contains(mentioned(in.Parameters), table) {
					called[name] = append(called[name], "dynamodb:"+middleware.GetOperationName(ctx))
				}
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	})
	handle := handler(dynamodb.New(o), people, progress)
	for _, e := range samples(t) {
		if err := handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for name, calls := range called {
		slices.Sort(calls)
		called[name] = slices.Compact(calls)
	}
	if diff := gocmp.Diff(called, granted); diff != "" {
		t.Error(diff)
	}
}

// mentioned returns the tables of a call.
func mentioned(in any) string {
	switch in := in.(type) {
	case *dynamodb.PutItemInput:
		return *in.TableName
	case *dynamodb.DeleteItemInput:
		return *in.TableName
	case *dynamodb.UpdateItemInput:
		return *in.TableName
	case *dynamodb.QueryInput:
		return *in.TableName
	case *dynamodb.BatchGetItemInput:
		return fmt.Sprint(in.RequestItems)
	}
	return "another call"
}

// The template sets the variables that the code reads.
func TestVariables(t *testing.T) {
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	read := regexp.MustCompile(`os\.Getenv\("(\w+)"\)`).FindAllStringSubmatch(string(code), -1)
	if len(read) != 2 {
		t.Errorf("%v", read)
	}
	for _, variable := range read {
		if !strings.Contains(template(t), "\n          "+variable[1]+": !Ref ") {
			t.Errorf("the template does not set %s", variable[1])
		}
	}
}

func TestLint(t *testing.T) {
	if _, err := exec.LookPath("cfn-lint"); err != nil {
		t.Skip("cfn-lint is not installed")
	}
	if out, err := exec.CommandContext(t.Context(), "cfn-lint", "template.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
