package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"dsync/infra/local/client"
	"dsync/infra/local/runfile"
	"dsync/infra/topology"
)

// target is a local or deployed dsync system.
type target struct {
	APIURL    string `json:"api_url"`
	APIKey    string `json:"api_key"`
	LambdaURL string `json:"lambda_url"` // of a local system
	stack     string // name of a deployed stack
}

// folder is the folder with the files of `make run`.
const folder = ".local"

// find returns the system that the environment names. If the environment names
// none, it returns the local system.
func find(env func(string) string) (*target, error) {
	s := &target{APIURL: strings.TrimSuffix(env("DSYNC_URL"), "/"), APIKey: env("DSYNC_API_KEY"), stack: env("STACK")}
	if s.APIURL != "" || s.stack != "" {
		return s, nil
	}
	run, err := runfile.Read(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("no local system is running: run `make run` in another terminal, or set DSYNC_URL and DSYNC_API_KEY")
	} else if err != nil {
		return nil, err
	}
	s.APIURL, s.APIKey, s.LambdaURL = run.APIURL, run.APIKey, run.LambdaURL
	return s, nil
}

// api returns a client of the REST API.
func (s *target) api() (client.Client, error) {
	if s.APIURL == "" || s.APIKey == "" {
		return client.Client{}, errors.New("set DSYNC_URL to the stack output ApiEndpoint, and set DSYNC_API_KEY")
	}
	return client.Client{URL: s.APIURL, Key: s.APIKey}, nil
}

// unreachable adds a hint to the error of a request without a response.
func unreachable(err error) error {
	var e *url.Error
	if errors.As(err, &e) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: check that the system is running (`make run`)", err)
	}
	return err
}

// invoke invokes a function that only an operator may invoke. For a local system
// it uses the Lambda emulation. For a deployed stack it uses the AWS CLI and the
// credentials of the CLI.
func (s *target) invoke(ctx context.Context, role topology.Role, payload, answer any) error {
	f := topology.Dsync().ByRole(role)
	b, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	if s.stack != "" {
		return s.invokeInCloud(ctx, f, b, answer)
	}
	if s.LambdaURL == "" {
		return errors.New("set STACK to the name of the deployed stack, for example dsync-dev")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.LambdaURL+"/2015-03-31/functions/"+f.Name+"/invocations", bytes.NewReader(b))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return unreachable(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return outcome(f.Name, response.StatusCode != http.StatusOK || response.Header.Get("X-Amz-Function-Error") != "", text, answer)
}

// outcome decodes the response of a function, or returns its error.
func outcome(function string, failed bool, text []byte, answer any) error {
	if failed {
		var e struct {
			Message string `json:"errorMessage"`
		}
		if json.Unmarshal(text, &e) == nil && e.Message != "" {
			return fmt.Errorf("%s: %s", function, e.Message)
		}
		return fmt.Errorf("%s: %s", function, bytes.TrimSpace(text))
	}
	return json.Unmarshal(text, answer)
}

// output reads an output of the stack.
func (s *target) output(ctx context.Context, key string) (string, error) {
	value, err := s.aws(ctx, "cloudformation", "describe-stacks", "--stack-name", s.stack, "--output", "text",
		"--query", "Stacks[0].Outputs[?OutputKey=='"+key+"'].OutputValue")
	if err == nil && value == "" {
		err = fmt.Errorf("stack %s has no output %s", s.stack, key)
	}
	return value, err
}

// invokeInCloud reads the function name from the stack outputs and invokes the
// function.
func (s *target) invokeInCloud(ctx context.Context, function *topology.Function, payload []byte, answer any) error {
	name, err := s.output(ctx, function.Output)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "dsync-answer-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	failed, err := s.aws(ctx, "lambda", "invoke", "--function-name", name, "--cli-binary-format", "raw-in-base64-out",
		"--payload", string(payload), "--cli-read-timeout", "0", "--output", "text", "--query", "FunctionError", f.Name())
	if err != nil {
		return err
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return err
	}
	return outcome(function.Name, failed != "None" && failed != "", text, answer)
}

func (s *target) aws(ctx context.Context, arguments ...string) (string, error) {
	var out, problem bytes.Buffer
	cmd := exec.CommandContext(ctx, "aws", arguments...)
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("aws %s %s: %w: %s", arguments[0], arguments[1], err, strings.TrimSpace(problem.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
