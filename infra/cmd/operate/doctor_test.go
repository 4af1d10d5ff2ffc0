package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/cmd/internal/target"
	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/infra/topology"
)

// account is an AWS account as the AWS CLI shows it: answers by operation. The
// answer of an operation may depend on its arguments, as "operation argument".
type account struct {
	answers map[string]string
	calls   []string
}

func (a *account) cli(_ context.Context, out io.Writer, arguments ...string) error {
	operation := strings.Join(arguments[:2], " ")
	a.calls = append(a.calls, strings.Join(arguments, " "))
	best := ""
	for key := range a.answers {
		name, about, _ := strings.Cut(key, "|")
		if name == operation && strings.Contains(strings.Join(arguments, " "), about) && len(key) > len(best) {
			best = key
		}
	}
	answer, found := a.answers[best]
	switch {
	case !found:
		return fmt.Errorf("aws %s: AccessDenied", operation)
	case strings.HasPrefix(answer, "error: "):
		return fmt.Errorf("aws %s: %s", operation, strings.TrimPrefix(answer, "error: "))
	}
	_, err := io.WriteString(out, answer)
	return err
}

// healthy is an account with a stack that works.
func healthy(machine *system.System) map[string]string {
	const table = "arn:aws:dynamodb:eu-central-1:111122223333:table/dsync-prod-Table-1/stream/2026"
	return map[string]string{
		"sts get-caller-identity":                           `{"Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/ada"}`,
		"ssm get-parameter":                                 "28\n",
		"lambda get-account-settings":                       `{"AccountLimit":{"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":900}}`,
		"logs describe-resource-policies":                   `{"resourcePolicies":[{"policyName":"dsync-prod-every-event"}]}`,
		"cloudformation describe-stacks|StackStatus":        "UPDATE_COMPLETE\n",
		"cloudformation describe-stacks|ApiEndpoint":        machine.APIURL + "\n",
		"cloudformation list-stack-resources|DomainName":    "scim.example.com\n",
		"cloudformation list-stack-resources|Function":      "dsync-prod-function\n",
		"cloudformation list-stack-resources|EveryEvent":    "/dsync-prod/every-event\n",
		"apigatewayv2 get-domain-name":                      `{"DomainNameConfigurations":[{"ApiGatewayDomainName":"d-1.execute-api.eu-central-1.amazonaws.com","CertificateArn":"arn:c"}]}`,
		"acm describe-certificate":                          `{"Certificate":{"Status":"ISSUED","NotAfter":"2099-01-01T00:00:00Z"}}`,
		"lambda get-function-configuration":                 "dsync-prod-Table-1\n",
		"lambda list-event-source-mappings":                 `{"EventSourceMappings":[{"UUID":"u-0","EventSourceArn":"arn:aws:dynamodb:eu-central-1:111122223333:table/old/stream/2025","State":"Disabled"},{"UUID":"u-1","EventSourceArn":"` + table + `","State":"Enabled","LastProcessingResult":"OK"}]}`,
		"cloudwatch describe-alarms":                        `{"MetricAlarms":[{"AlarmName":"dsync-prod-relay-errors","StateValue":"OK","AlarmActions":["arn:aws:sns:x"]}]}`,
		"logs filter-log-events":                            `{"events":[{"message":"{}"}]}`,
		"cloudwatch get-metric-statistics|PolledEventCount": `{"Datapoints":[{"Sum":0},{"Sum":0},{"Sum":0},{"Sum":0},{"Sum":0}]}`,
		"cloudwatch get-metric-statistics":                  `{"Datapoints":[{"Sum":0}]}`,
		"lambda put-function-concurrency":                   "",
		"lambda delete-function-concurrency":                "",
		"cloudformation get-template":                       `{"TemplateBody":{"Resources":{"UsersFunction1":{"Properties":{"ReservedConcurrentExecutions":25}},"UsersRole":{"Properties":{}}}}}`,
		"cloudformation list-stack-resources|RelayFunction": "relay-1\n",
		"cloudformation list-stack-resources|UsersFunction": "users-1\n",
		"configure get":                                     "eu-central-1\n",
	}
}

// examine runs the doctor for a stage whose account is a. The stack is the machine.
func examine(t *testing.T, machine *system.System, a *account, env map[string]string, change func(*examination)) (string, error) {
	t.Helper()
	getenv := func(name string) string { return env[name] }
	found, err := target.Find(getenv, a.cli)
	if err != nil {
		t.Fatal(err)
	}
	var out output
	e := &examination{operator: &operator{found}, env: getenv, out: &out, wait: patientCanary,
		look: func(_ context.Context, program string, _ ...string) (string, error) {
			return map[string]string{"node": "v24.1.0", "aws": "aws-cli/2.31.0 Python/3.13"}[program], nil
		},
		host: func(context.Context, string) (string, error) {
			return "d-1.execute-api.eu-central-1.amazonaws.com.", nil
		},
	}
	e.wait.Every, e.wait.Most = 10*time.Millisecond, time.Minute
	if change != nil {
		change(e)
	}
	err = e.run(t.Context())
	return out.String(), err
}

func organizations(t *testing.T, machine *system.System) (names []string) {
	t.Helper()
	var list struct{ Data []struct{ Name string } }
	api := client.Client{URL: machine.APIURL, Key: machine.APIKey}
	if err := api.Call(t.Context(), http.MethodGet, "/organizations", nil, &list); err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Data {
		names = append(names, o.Name)
	}
	return names
}

// The doctor finds nothing where all is well, on this machine and in a stack, follows
// an event to its target and removes what it made. For each thing that is wrong it
// says what to do, and fails.
func TestDoctor(t *testing.T) {
	t.Chdir(t.TempDir())
	machine, err := system.Start(t.Context(), system.Options{DataDir: target.Folder})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := machine.Stop(); err != nil {
			t.Error(err)
		}
	}()
	before := organizations(t, machine)
	out, err := examine(t, machine, nil, nil, nil)
	if err != nil || strings.Contains(out, "NO ") || !strings.Contains(out, "ok  event delivered      to .local/events.ndjson") {
		t.Errorf("this machine: %v\n%s", err, out)
	}

	stage := map[string]string{"STAGE": "prod", "AWS_REGION": "eu-central-1", "DSYNC_API_KEY": machine.APIKey}
	out, err = examine(t, machine, &account{answers: healthy(machine)}, stage, nil)
	if err != nil || strings.Contains(out, "NO ") || strings.Contains(out, "-- ") || !strings.Contains(out, "ok  event delivered      to /dsync-prod/every-event") {
		t.Errorf("a stack that works: %v\n%s", err, out)
	}
	if after := organizations(t, machine); !slices.Equal(before, after) {
		t.Errorf("organizations before %q, after %q", before, after)
	}

	noCanary := func(e *examination) { e.APIKey = ""; e.wait.Most = 0 } // the function that makes keys is not there
	for name, row := range map[string]struct {
		operation, answer string
		env               map[string]string
		change            func(*examination)
		want              []string
	}{
		"an old AWS CLI": {change: func(e *examination) {
			e.look = func(context.Context, string, ...string) (string, error) { return "aws-cli/1.45.11", nil }
		}, want: []string{"NO  AWS CLI", "Install version 2 or later", "NO  Node.js"}},
		"no Node.js": {change: func(e *examination) {
			look := e.look
			e.look = func(ctx context.Context, program string, a ...string) (string, error) {
				if program == "node" {
					return "", errors.New("not installed")
				}
				return look(ctx, program, a...)
			}
		}, want: []string{"NO  Node.js", "nodejs.org"}},
		"no credentials":           {operation: "sts get-caller-identity", answer: "error: Unable to locate credentials", want: []string{"NO  credentials", "aws sso login"}},
		"no Region":                {operation: "configure get", answer: "", env: map[string]string{"AWS_REGION": ""}, want: []string{"NO  Region", "Set AWS_REGION"}},
		"no bootstrap":             {operation: "ssm get-parameter", answer: "error: ParameterNotFound", want: []string{"NO  CDK bootstrap", "make bootstrap STAGE=prod"}},
		"an old bootstrap":         {operation: "ssm get-parameter", answer: "5", want: []string{"NO  CDK bootstrap", "version 5"}},
		"a new account":            {operation: "lambda get-account-settings", answer: `{"AccountLimit":{"ConcurrentExecutions":10}}`, want: []string{"NO  concurrency", "Request an increase"}},
		"ten policies of others":   {operation: "logs describe-resource-policies", answer: `{"resourcePolicies":[` + strings.Repeat(`{"policyName":"other"},`, 9) + `{"policyName":"dsync-dev-every-event"}]}`, want: []string{"NO  log policies", "exampleRule"}},
		"no stack":                 {operation: "cloudformation describe-stacks|StackStatus", answer: "error: Stack with id dsync-prod does not exist", want: []string{"NO  stack", "make deploy STAGE=prod"}},
		"a failed deployment":      {operation: "cloudformation describe-stacks|StackStatus", answer: "UPDATE_ROLLBACK_COMPLETE", want: []string{"NO  stack", "deployment failed"}},
		"a certificate that waits": {operation: "acm describe-certificate", answer: `{"Certificate":{"Status":"PENDING_VALIDATION"}}`, want: []string{"NO  certificate", "Validate"}},
		"a certificate that ends":  {operation: "acm describe-certificate", answer: `{"Certificate":{"Status":"ISSUED","NotAfter":"2020-01-01T00:00:00Z"}}`, want: []string{"NO  certificate", "not renewed"}},
		"a domain without a record": {change: func(e *examination) {
			e.host = func(context.Context, string) (string, error) { return "", errors.New("no such host") }
		}, want: []string{"NO  domain", "CNAME record of scim.example.com at d-1."}},
		"a mapping that is off": {operation: "lambda list-event-source-mappings", answer: `{"EventSourceMappings":[{"UUID":"u-1","EventSourceArn":"arn:x:table/dsync-prod-Table-1/stream/2","State":"Disabled"}]}`, want: []string{"NO  stream to relay", "NO  stream to jobs", "update-event-source-mapping --uuid u-1 --enabled"}},
		"a mapping of another table": {operation: "lambda list-event-source-mappings", answer: `{"EventSourceMappings":[{"UUID":"u-1","EventSourceArn":"arn:x:table/dsync-prod-Table-10/stream/2","State":"Enabled"}]}`,
			want: []string{"NO  stream to relay", "has no event source mapping on the stream of dsync-prod-Table-1"}},
		"a mapping that fails":       {operation: "lambda list-event-source-mappings", answer: `{"EventSourceMappings":[{"UUID":"u-1","EventSourceArn":"arn:x:table/dsync-prod-Table-1/stream/2","State":"Enabled","LastProcessingResult":"PROBLEM: Function call failed"}]}`, want: []string{"NO  stream to relay", "make logs FUNCTION=relay STAGE=prod"}},
		"an alarm":                   {operation: "cloudwatch describe-alarms", answer: `{"MetricAlarms":[{"AlarmName":"dsync-prod-relay-errors","StateValue":"ALARM","AlarmActions":["a"]}]}`, want: []string{"NO  alarms", "relay-errors"}},
		"alarms that nobody reads":   {operation: "cloudwatch describe-alarms", answer: `{"MetricAlarms":[{"AlarmName":"dsync-prod-relay-errors","StateValue":"OK"}]}`, want: []string{"NO  alarms", "alarmEmail"}},
		"a key that may not be made": {want: []string{"NO  API key", "DSYNC_API_KEY"}},
	} {
		answers := healthy(machine)
		if row.operation != "" {
			answers[row.operation] = row.answer
		}
		env := map[string]string{}
		for key, value := range stage {
			env[key] = value
		}
		for key, value := range row.env {
			env[key] = value
		}
		out, err := examine(t, machine, &account{answers: answers}, env, func(e *examination) {
			noCanary(e)
			if row.change != nil {
				row.change(e)
			}
		})
		if err == nil {
			t.Errorf("%s: the doctor finds nothing\n%s", name, out)
		}
		for _, want := range row.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: the doctor does not say %q:\n%s", name, want, out)
			}
		}
	}

	// Events that do not arrive.
	for name, row := range map[string]struct{ answer, want string }{
		"nothing is delivered": {`{"events":[]}`, "NO  event delivered"},
	} {
		answers := healthy(machine)
		answers["logs filter-log-events"] = row.answer
		out, err := examine(t, machine, &account{answers: answers}, stage, func(e *examination) { e.wait.Most = 5 * time.Second })
		if err == nil || !strings.Contains(out, row.want) || !strings.Contains(out, "dead-letters") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	answers := healthy(machine)
	answers["cloudformation list-stack-resources|EveryEvent"] = "None"
	if out, err := examine(t, machine, &account{answers: answers}, stage, nil); err != nil || !strings.Contains(out, "--  event delivered      not checked") {
		t.Errorf("without the example rule: %v\n%s", err, out)
	}
}

// The functions of a stack are stopped and started with the concurrency that the
// template reserves, the relay last and first, and the relay has caught up when it
// polls and has read nothing for ten minutes.
func TestDeployedFunctions(t *testing.T) {
	a := &account{answers: healthy(&system.System{})}
	found, err := target.Find(func(name string) string { return map[string]string{"STAGE": "prod"}[name] }, a.cli)
	if err != nil {
		t.Fatal(err)
	}
	d := &deployed{target: found, now: time.Now}
	changes := func(do func(context.Context) error) (list []string) {
		t.Helper()
		a.calls = nil
		if err := do(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, call := range a.calls {
			if strings.Contains(call, "function-concurrency") {
				list = append(list, strings.TrimPrefix(call, "lambda "))
			}
		}
		return list
	}
	n := len(topology.Dsync().Functions)
	stopped := changes(d.StopWriters)
	for _, call := range stopped {
		if !strings.HasSuffix(call, "--reserved-concurrent-executions 0") || strings.Contains(call, "relay-1") {
			t.Error(call)
		}
	}
	if len(stopped) != n-1 {
		t.Errorf("%d functions are stopped, want %d", len(stopped), n-1)
	}
	if got := changes(d.StopRelay); !slices.Equal(got, []string{"put-function-concurrency --function-name relay-1 --reserved-concurrent-executions 0"}) {
		t.Error(got)
	}
	started := changes(d.Start)
	if len(started) != n || started[0] != "delete-function-concurrency --function-name relay-1" ||
		!slices.Contains(started, "put-function-concurrency --function-name users-1 --reserved-concurrent-executions 25") {
		t.Errorf("%q", started)
	}

	if table, err := d.Table(t.Context()); err != nil || table != "dsync-prod-Table-1" {
		t.Error(table, err)
	}
	for name, row := range map[string]struct {
		metric, answer string
		want           bool
	}{
		"idle":                      {"", "", true},
		"a record in the window":    {"cloudwatch get-metric-statistics|InvokedEventCount", `{"Datapoints":[{"Sum":0},{"Sum":3}]}`, false},
		"a record that fails":       {"cloudwatch get-metric-statistics|FailedInvokeEventCount", `{"Datapoints":[{"Sum":1}]}`, false},
		"a mapping that reads not":  {"cloudwatch get-metric-statistics|PolledEventCount", `{"Datapoints":[]}`, false},
		"a mapping that just reads": {"cloudwatch get-metric-statistics|PolledEventCount", `{"Datapoints":[{"Sum":0}]}`, false},
	} {
		a.answers = healthy(&system.System{})
		if row.metric != "" {
			a.answers[row.metric] = row.answer
		}
		if done, err := d.CaughtUp(t.Context(), "dsync-prod-Table-1"); err != nil || done != row.want {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
	if _, err := d.CaughtUp(t.Context(), "dsync-prod-Table"); err == nil {
		t.Error("a table without a mapping: no error")
	}
}
