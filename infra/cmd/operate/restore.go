package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"dsync/infra/cmd/internal/target"
	"dsync/infra/restore"
	"dsync/infra/topology"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// defaultRecoveryDays is the default of the setting pointInTimeRecoveryDays.
const defaultRecoveryDays = 35

// restore restores the table of a deployed stack. It uses the credentials, the Region
// and the endpoint that the environment configures for the AWS SDKs and the AWS CLI.
func (o *operator) restore(ctx context.Context, env func(string) string, out io.Writer) error {
	if o.Stack == "" {
		return errors.New("name the deployed stage: make restore STAGE=prod TO=2026-05-04T12:00:00Z")
	}
	if env("TO") == "" {
		return fmt.Errorf("the time is missing: make restore STAGE=%s TO=2026-05-04T12:00:00Z", o.Stage)
	}
	at, err := parseTime(env("TO"))
	if err != nil {
		return err
	}
	apply := env("APPLY") == "1"
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	result, err := restore.Run(ctx, restore.Options{
		DB: dynamodb.NewFromConfig(c), Functions: &deployed{target: o.Target, now: time.Now}, At: at.UTC(),
		Target:       o.Stack + "-restored-" + at.UTC().Format("20060102T150405Z"),
		RecoveryDays: defaultRecoveryDays, Apply: apply, Behind: env("BEHIND") == "1", Now: time.Now,
		Say: func(format string, a ...any) { fmt.Fprintf(out, format+"\n", a...) },
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w; what is done stays, another run goes on from there", err)
	case result.StreamARN != "":
		fmt.Fprintf(out, "\nSet tableStreamArn of the stage to this ARN, keep the setting, and deploy. Then run this command again.\n\n  %s\n", result.StreamARN)
	case result.Done:
		fmt.Fprintln(out, "\nThe functions use the restored table. In Entra, choose Restart provisioning for each directory, and run make doctor.")
	case !apply:
		fmt.Fprintln(out, "\nNothing was changed. APPLY=1 does these steps.")
	}
	return nil
}

// deployed are the functions of a deployed stack.
type deployed struct {
	target *target.Target
	now    func() time.Time
}

// relay is the function that has to be stopped last and started first.
func relay() *topology.Function { return topology.Dsync().ByRole(topology.RelaysEvents) }

func (d *deployed) Table(ctx context.Context) (string, error) {
	name, err := d.target.Resource(ctx, relay(), "Function")
	if err != nil {
		return "", err
	}
	table, err := d.target.CLI().Text(ctx, "lambda", "get-function-configuration", "--function-name", name,
		"--query", "Environment.Variables.TABLE_NAME", "--output", "text")
	if err == nil && (table == "" || table == "None") {
		err = fmt.Errorf("the function %s has no TABLE_NAME", name)
	}
	return table, err
}

func (d *deployed) StopWriters(ctx context.Context) error {
	for _, f := range topology.Dsync().Functions {
		if f.Name != relay().Name {
			if err := d.stop(ctx, &f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *deployed) StopRelay(ctx context.Context) error { return d.stop(ctx, relay()) }

func (d *deployed) stop(ctx context.Context, f *topology.Function) error {
	return d.concurrency(ctx, f, "put-function-concurrency", "--reserved-concurrent-executions", "0")
}

func (d *deployed) concurrency(ctx context.Context, f *topology.Function, operation string, arguments ...string) error {
	name, err := d.target.Resource(ctx, f, "Function")
	if err != nil {
		return err
	}
	_, err = d.target.CLI().Text(ctx, append([]string{"lambda", operation, "--function-name", name}, arguments...)...)
	return err
}

// Start gives each function the concurrency that the template of the stack reserves
// for it.
func (d *deployed) Start(ctx context.Context) error {
	var template struct {
		TemplateBody struct {
			Resources map[string]struct {
				Properties struct{ ReservedConcurrentExecutions *int }
			}
		}
	}
	if err := d.target.CLI().JSON(ctx, &template, "cloudformation", "get-template", "--stack-name", d.target.Stack, "--template-stage", "Processed"); err != nil {
		return err
	}
	start := func(f *topology.Function) error {
		for id, resource := range template.TemplateBody.Resources {
			if reserved := resource.Properties.ReservedConcurrentExecutions; strings.HasPrefix(id, topology.LogicalID(f.Name)+"Function") && reserved != nil {
				return d.concurrency(ctx, f, "put-function-concurrency", "--reserved-concurrent-executions", strconv.Itoa(*reserved))
			}
		}
		return d.concurrency(ctx, f, "delete-function-concurrency")
	}
	if err := start(relay()); err != nil {
		return err
	}
	for _, f := range topology.Dsync().Functions {
		if f.Name != relay().Name {
			if err := start(&f); err != nil {
				return err
			}
		}
	}
	return nil
}

// quietTime is how long the relay must have had no record, and period that of the
// metrics.
const (
	quietTime = 10 * time.Minute
	period    = time.Minute
	// leastPolls is how many minutes with a poll there must be: a mapping that does
	// not read has no records either. The last minutes may have no metrics yet.
	leastPolls = 5
)

// CaughtUp looks at the metrics of the event source mapping on the table's stream.
func (d *deployed) CaughtUp(ctx context.Context, table string) (bool, error) {
	name, err := d.target.Resource(ctx, relay(), "Function")
	if err != nil {
		return false, err
	}
	mapping, err := mappingOf(ctx, d.target.CLI(), name, table)
	if err != nil {
		return false, err
	}
	sums := func(metric string) (minutes int, sum float64, err error) {
		var response struct{ Datapoints []struct{ Sum float64 } }
		err = d.target.CLI().JSON(ctx, &response, "cloudwatch", "get-metric-statistics", "--namespace", "AWS/Lambda", "--metric-name", metric,
			"--dimensions", "Name=EventSourceMappingUUID,Value="+mapping.UUID,
			"--start-time", d.now().Add(-quietTime).UTC().Format(time.RFC3339), "--end-time", d.now().UTC().Format(time.RFC3339),
			"--period", strconv.Itoa(int(period.Seconds())), "--statistics", "Sum")
		for _, p := range response.Datapoints {
			sum += p.Sum
		}
		return len(response.Datapoints), sum, err
	}
	minutes, _, err := sums("PolledEventCount")
	if err != nil || minutes < leastPolls {
		return false, err
	}
	for _, metric := range []string{"InvokedEventCount", "FailedInvokeEventCount"} {
		if _, sum, err := sums(metric); err != nil || sum > 0 {
			return false, err
		}
	}
	return true, nil
}

// mapping is an event source mapping.
type mapping struct {
	UUID, EventSourceArn, State, StateTransitionReason, LastProcessingResult string
}

// mappingOf returns the event source mapping of a function on the stream of a table.
func mappingOf(ctx context.Context, cli target.CLI, function, table string) (mapping, error) {
	var list struct{ EventSourceMappings []mapping }
	if err := cli.JSON(ctx, &list, "lambda", "list-event-source-mappings", "--function-name", function); err != nil {
		return mapping{}, err
	}
	for _, m := range list.EventSourceMappings {
		if strings.Contains(m.EventSourceArn, ":table/"+table+"/stream/") {
			return m, nil
		}
	}
	return mapping{}, fmt.Errorf("the function %s has no event source mapping on the stream of %s", function, table)
}
