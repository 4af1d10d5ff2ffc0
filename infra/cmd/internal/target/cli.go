package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"dsync/infra/topology"
)

// CLI runs the AWS CLI with arguments. It writes what the AWS CLI prints to out. The
// error has what the AWS CLI says about it.
type CLI func(ctx context.Context, out io.Writer, arguments ...string) error

// AWS is the AWS CLI on PATH.
func AWS(ctx context.Context, out io.Writer, arguments ...string) error {
	var problem bytes.Buffer
	cmd := exec.CommandContext(ctx, "aws", arguments...)
	cmd.Stdout, cmd.Stderr = out, &problem
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("the AWS CLI is not installed: install version 2 (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html)")
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && len(arguments) > 1:
		reason := strings.TrimPrefix(strings.Join(strings.Fields(problem.String()), " "), "aws: [ERROR]: ")
		if reason == "" {
			reason = err.Error()
		}
		return fmt.Errorf("aws %s %s: %s", arguments[0], arguments[1], reason)
	}
	return err
}

// Text returns what the AWS CLI prints.
func (c CLI) Text(ctx context.Context, arguments ...string) (string, error) {
	var out bytes.Buffer
	err := c(ctx, &out, arguments...)
	return strings.TrimSpace(out.String()), err
}

// JSON decodes the response of an operation.
func (c CLI) JSON(ctx context.Context, response any, arguments ...string) error {
	var out bytes.Buffer
	if err := c(ctx, &out, append(arguments, "--output", "json")...); err != nil {
		return err
	}
	if strings.TrimSpace(out.String()) == "" { // an operation without a response
		return nil
	}
	if err := json.Unmarshal(out.Bytes(), response); err != nil {
		return fmt.Errorf("aws %s %s: %w", arguments[0], arguments[1], err)
	}
	return nil
}

// Output reads an output of the stack.
func (s *Target) Output(ctx context.Context, key string) (string, error) {
	value, err := s.cli.Text(ctx, "cloudformation", "describe-stacks", "--stack-name", s.Stack, "--output", "text",
		"--query", "Stacks[0].Outputs[?OutputKey=='"+key+"'].OutputValue")
	if err == nil && value == "" {
		err = fmt.Errorf("the stack %s has no output %s", s.Stack, key)
	}
	return value, err
}

// Resource reads the physical name of the resource of a function: its logical ID
// begins with the name of the function and the suffix, as in RelayFunction or
// RelayLogs.
func (s *Target) Resource(ctx context.Context, f *topology.Function, suffix string) (string, error) {
	id := topology.LogicalID(f.Name) + suffix
	name, err := s.cli.Text(ctx, "cloudformation", "list-stack-resources", "--stack-name", s.Stack, "--output", "text",
		"--query", "StackResourceSummaries[?starts_with(LogicalResourceId,'"+id+"')].PhysicalResourceId | [0]")
	if err == nil && (name == "" || name == "None") {
		err = fmt.Errorf("the stack %s has no resource %s", s.Stack, id)
	}
	return name, err
}

// CLI returns the AWS CLI with which the system is reached.
func (s *Target) CLI() CLI { return s.cli }
