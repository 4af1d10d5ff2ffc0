package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"dsync/infra/cmd/internal/target"
)

// fakeAWS are the endpoints of AWS, as the AWS CLI calls them, for an account with a
// stack whose event source mappings are disabled.
type fakeAWS struct {
	mu    sync.Mutex
	calls []string
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	operation := r.Header.Get("X-Amz-Target")
	if form, err := url.ParseQuery(string(body)); operation == "" && err == nil && form.Get("Action") != "" {
		operation = form.Get("Action")
	}
	if operation == "" {
		operation = r.Method + " " + r.URL.Path
	}
	f.mu.Lock()
	f.calls = append(f.calls, operation)
	f.mu.Unlock()
	_, name, found := strings.Cut(operation, ".")
	if !found {
		name = operation
	}
	query := func(result string) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<%sResponse><%sResult>%s</%sResult></%sResponse>`, name, name, result, name, name)
	}
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(v)
	}
	resource := func(id, physical, kind string) string {
		return "<member><LogicalResourceId>" + id + "</LogicalResourceId><PhysicalResourceId>" + physical + "</PhysicalResourceId><ResourceType>" + kind + "</ResourceType></member>"
	}
	switch {
	case name == "GetCallerIdentity":
		query(`<Arn>arn:aws:iam::111122223333:user/ada</Arn><UserId>u</UserId><Account>111122223333</Account>`)
	case name == "DescribeStacks":
		query(`<Stacks><member><StackName>dsync-prod</StackName><StackStatus>CREATE_COMPLETE</StackStatus><Outputs><member><OutputKey>ApiEndpoint</OutputKey><OutputValue>http://127.0.0.1:1</OutputValue></member></Outputs></member></Stacks>`)
	case name == "ListStackResources":
		query(`<StackResourceSummaries>` + resource("RelayFunction1", "relay-1", "AWS::Lambda::Function") + resource("JobsFunction1", "jobs-1", "AWS::Lambda::Function") + `</StackResourceSummaries>`)
	case name == "GetParameter":
		answer(map[string]any{"Parameter": map[string]any{"Value": "28"}})
	case name == "DescribeResourcePolicies":
		answer(map[string]any{"resourcePolicies": []any{}})
	case name == "DescribeAlarms":
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<DescribeAlarmsResponse><DescribeAlarmsResult><MetricAlarms/></DescribeAlarmsResult></DescribeAlarmsResponse>`)
	case strings.HasSuffix(r.URL.Path, "/account-settings/") || strings.HasSuffix(r.URL.Path, "/account-settings"):
		answer(map[string]any{"AccountLimit": map[string]any{"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}})
	case strings.HasSuffix(r.URL.Path, "/configuration"):
		answer(map[string]any{"Environment": map[string]any{"Variables": map[string]any{"TABLE_NAME": "t"}}})
	case strings.Contains(r.URL.Path, "/event-source-mappings"):
		answer(map[string]any{"EventSourceMappings": []any{map[string]any{"UUID": "u-1", "State": "Disabled", "EventSourceArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/t/stream/1"}}})
	default:
		w.WriteHeader(http.StatusBadRequest)
		answer(map[string]any{"__type": "AccessDeniedException", "message": "no " + operation})
	}
}

// The doctor reads an account through the real AWS CLI: the operations, arguments and
// queries are those of the CLI.
func TestDoctorWithTheAWSCLI(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	fake := &fakeAWS{}
	server := httptest.NewServer(fake)
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s",
		"AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(name, value)
	}
	env := func(name string) string {
		return map[string]string{"STAGE": "prod", "AWS_REGION": "eu-central-1", "DSYNC_API_KEY": "k"}[name]
	}
	found, err := target.Find(env, target.AWS)
	if err != nil {
		t.Fatal(err)
	}
	var out output
	if err := (&operator{found}).doctor(t.Context(), env, &out); err == nil {
		t.Error("the doctor finds nothing")
	}
	for _, want := range []string{
		"ok  credentials          account 111122223333, arn:aws:iam::111122223333:user/ada\n", "ok  CDK bootstrap        version 28\n",
		"ok  concurrency          1000 concurrent executions", "ok  log policies         0 of 10", "ok  stack                dsync-prod is CREATE_COMPLETE\n",
		"--  domain               none", "NO  stream to relay      Disabled", "NO  stream to jobs       Disabled", "update-event-source-mapping --uuid u-1 --enabled",
		"ok  alarms               0, 0 in alarm", "NO  REST API             nothing answers at http://127.0.0.1:1",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the doctor does not say %q", want)
		}
	}
	if t.Failed() {
		t.Logf("calls: %q\n%s", fake.calls, out.String())
	}
}
