// Package target finds the dsync system that a command acts on: the local system
// that `make run` started, or the deployed stack that the environment names.
package target

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
	"regexp"
	"strings"

	"dsync/infra/local/client"
	"dsync/infra/local/runfile"
	"dsync/infra/topology"
)

// Folder is the folder with the files of `make run`.
const Folder = ".local"

// Target is a local or deployed dsync system.
type Target struct {
	Stack     string // name of a deployed stack, "" for a local system
	Stage     string // of the stack, if it is known
	APIKey    string
	LambdaURL string // of a local system

	url string // of the API; "" until it is asked of the stack
	cli CLI
}

// stages are the names that a stage may have.
var stages = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Find returns the system that the environment names: with STAGE, or STACK for the
// name of a stack, a deployed one; with DSYNC_URL, what is at that address. If it
// names none, Find returns the local system.
func Find(env func(string) string, cli CLI) (*Target, error) {
	s := &Target{url: strings.TrimSuffix(env("DSYNC_URL"), "/"), APIKey: env("DSYNC_API_KEY"), Stack: env("STACK"), Stage: env("STAGE"), cli: cli}
	if s.Stage != "" && !stages.MatchString(s.Stage) {
		return nil, fmt.Errorf("STAGE must have lower-case letters, digits and hyphens, as in STAGE=prod, not %q", s.Stage)
	}
	if s.Stack == "" && s.Stage != "" {
		s.Stack = topology.Dsync().Bus.Name + "-" + s.Stage
	}
	if s.url != "" || s.Stack != "" {
		return s, nil
	}
	run, err := runfile.Read(Folder)
	if errors.Is(err, os.ErrNotExist) || err == nil && run.PID == 0 {
		return nil, errors.New("no system is running on this machine: run `make run` in another terminal, or name a deployed stage with STAGE=dev")
	} else if err != nil {
		return nil, err
	}
	s.url, s.APIKey, s.LambdaURL = run.APIURL, run.APIKey, run.LambdaURL
	return s, nil
}

// Local reports whether the system is the one of `make run`.
func (s *Target) Local() bool { return s.LambdaURL != "" }

// URL returns the address of the API.
func (s *Target) URL(ctx context.Context) (string, error) {
	if s.url != "" || s.Stack == "" {
		return s.url, nil
	}
	var err error
	s.url, err = s.Output(ctx, "ApiEndpoint")
	return s.url, err
}

// API returns a client of the REST API.
func (s *Target) API(ctx context.Context) (client.Client, error) {
	if s.APIKey == "" {
		stage := s.Stage
		if stage == "" {
			stage = "dev"
		}
		return client.Client{}, fmt.Errorf("set DSYNC_API_KEY; make api-key NAME=me SCOPE=manage STAGE=%s creates a key", stage)
	}
	url, err := s.URL(ctx)
	return client.Client{URL: url, Key: s.APIKey}, err
}

// Unreachable adds what to do to the error of a request without a response.
func (s *Target) Unreachable(err error) error {
	e, ok := errors.AsType[*url.Error](err)
	switch {
	case !ok || errors.Is(err, context.Canceled):
		return err
	case s.Local():
		return fmt.Errorf("nothing answers at %s: check that `make run` is running", s.url)
	}
	return fmt.Errorf("nothing answers at %s (%w): check the address, and that the stack is deployed", s.url, e.Err)
}

// Invoke invokes a function that only an operator may invoke. For a local system
// it uses the Lambda emulation. For a deployed stack it uses the AWS CLI and the
// credentials of the CLI.
func (s *Target) Invoke(ctx context.Context, role topology.Role, payload, answer any) error {
	f := topology.Dsync().ByRole(role)
	b, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	if s.Stack != "" {
		return s.invokeInCloud(ctx, f, b, answer)
	}
	if s.LambdaURL == "" {
		return errors.New("name the deployed stage, for example STAGE=dev")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.LambdaURL+"/2015-03-31/functions/"+f.Name+"/invocations", bytes.NewReader(b))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return s.Unreachable(err)
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

// invokeInCloud reads the function name from the stack outputs and invokes the
// function.
func (s *Target) invokeInCloud(ctx context.Context, function *topology.Function, payload []byte, answer any) error {
	name, err := s.Output(ctx, function.Output)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "dsync-answer-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	failed, err := s.cli.Text(ctx, "lambda", "invoke", "--function-name", name, "--cli-binary-format", "raw-in-base64-out",
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
