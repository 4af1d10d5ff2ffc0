package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/infra/cmd/internal/target"
	"dsync/infra/local/system"
	"dsync/internal/awslocal/awsconfig"
	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/dsynctest"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// output is a buffer that a test reads while a command writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func nothing(string) string { return "" }

// TestCommands runs the commands against a local system.
func TestCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := operate(t.Context(), []string{"tail"}, nothing, &output{}); err == nil || !strings.Contains(err.Error(), "make run") {
		t.Errorf("without a system: %v", err)
	}
	var mu sync.Mutex
	delivered := 0
	machine, err := system.Start(t.Context(), system.Options{DataDir: target.Folder, OnEvent: func(json.RawMessage) {
		mu.Lock()
		defer mu.Unlock()
		delivered++
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := machine.Stop(); err != nil {
			t.Error(err)
		}
	}()
	run := func(env map[string]string, args ...string) string {
		t.Helper()
		var out output
		if err := operate(t.Context(), args, func(name string) string { return env[name] }, &out); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out.String()
	}

	made := run(nil, "directory", "Acme Inc.")
	for _, want := range []string{"Acme Inc. has a directory", machine.APIURL + "/scim/v2.0/", "dsync_scim_", "org_", "directory_"} {
		if !strings.Contains(made, want) {
			t.Errorf("%q is not in:\n%s", want, made)
		}
	}
	if okta := run(map[string]string{"TYPE": "okta"}, "directory", "Ada Inc."); !strings.Contains(okta, "Paste these values into Okta") {
		t.Error(okta)
	}
	ldap := operate(t.Context(), []string{"directory", "x"}, func(name string) string { return map[string]string{"TYPE": "ldap"}[name] }, &output{})
	if ldap == nil || !strings.Contains(ldap.Error(), "entra, okta or generic") {
		t.Errorf("an unknown type: %v", ldap)
	}
	fields := strings.Fields(made)
	tenantURL, token := "", ""
	for i, f := range fields {
		switch {
		case f == "URL":
			tenantURL = fields[i+1]
		case strings.HasPrefix(f, "dsync_scim_"):
			token = f
		}
	}

	key := run(map[string]string{"SCOPE": "read"}, "api-key", "billing")
	value := strings.TrimSpace(key[strings.LastIndex(key, "dsync_api_"):])
	remote := map[string]string{"DSYNC_URL": machine.APIURL + "/", "DSYNC_API_KEY": value}
	refused := operate(t.Context(), []string{"directory", "x"}, func(name string) string { return remote[name] }, &output{})
	if refused == nil || !strings.Contains(refused.Error(), "403") {
		t.Errorf("a key with the scope read: %v", refused)
	}

	// tail runs while Entra creates a user.
	ctx, cancel := context.WithCancel(t.Context())
	var tail output
	ended := make(chan error)
	go func() {
		ended <- operate(ctx, []string{"tail"}, func(name string) string { return remote[name] }, &tail)
	}()
	wait := func(what string, enough func() bool) {
		t.Helper()
		for deadline := time.After(time.Minute); !enough(); {
			select {
			case <-deadline:
				t.Fatalf("%s:\n%s", what, tail.String())
			default:
			}
		}
	}
	wait("tail did not start", func() bool { return strings.Contains(tail.String(), "Ctrl-C") })
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, tenantURL+"/Users", strings.NewReader(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatal(response.Status)
	}
	wait("tail did not show the user", func() bool {
		return strings.Contains(tail.String(), "dsync.user.created") && strings.Contains(tail.String(), "<ada@example.com>")
	})
	cancel()
	<-ended

	mu.Lock()
	before := delivered
	mu.Unlock()
	if out := run(nil, "redrive", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)); !strings.Contains(out, fmt.Sprintf("Published %d events", before)) {
		t.Errorf("%d events delivered before the redrive; output: %s", before, out)
	}
	mu.Lock()
	if delivered != 2*before {
		t.Errorf("%d deliveries after a redrive of %d events", delivered, before)
	}
	mu.Unlock()
	if out := run(nil, "redrive"); !strings.Contains(out, "Published 0 events") {
		t.Error(out)
	}
	for _, args := range [][]string{{"carry-over"}, {"carry-over", "a"}, {"carry-over", "a", "b", "c"}, {}, {"x"}, {"directory"}, {"api-key", ""}, {"redrive", "a", "b", "c"}, {"redrive", "yesterday"}, {"redrive", "2026-02-01", "2026-01-01"}} {
		if err := operate(t.Context(), args, nothing, &output{}); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if err := operate(t.Context(), []string{"api-key", "x"}, func(name string) string { return map[string]string{"SCOPE": "all"}[name] }, &output{}); err == nil || !strings.Contains(err.Error(), "scope") {
		t.Errorf("an unknown scope: %v", err)
	}
	if _, err := os.Stat(filepath.Join(target.Folder, "dsync.json")); err != nil {
		t.Error(err)
	}
}

// Each mistake is one sentence that says what to do, before anything is called.
func TestSentences(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir(target.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		command, want string
		env           map[string]string
	}{
		{"tail", "run `make run` in another terminal", nil},
		{"logs", "FUNCTION=<one of: users groups", map[string]string{"STAGE": "prod"}},
		{"logs", `there is no function "rely"`, map[string]string{"STAGE": "prod", "FUNCTION": "rely"}},
		{"tail", "STAGE must have lower-case letters", map[string]string{"STAGE": "Prod"}},
		{"directory", "make api-key NAME=me SCOPE=manage STAGE=prod", map[string]string{"STAGE": "prod", "NAME": "x"}},
		{"redrive", "TO needs FROM", map[string]string{"STAGE": "prod", "TO": "2026-01-31"}},
		{"api-key", "name the deployed stage", map[string]string{"DSYNC_URL": "http://127.0.0.1:1", "NAME": "x"}},
		{"tail", "nothing answers at http://127.0.0.1:1 (", map[string]string{"DSYNC_URL": "http://127.0.0.1:1", "DSYNC_API_KEY": "k"}},
	} {
		err := operate(t.Context(), []string{row.command}, func(name string) string { return row.env[name] }, &output{})
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %v: %v, want %s", row.command, row.env, err, row.want)
		}
	}
}

// The table and its copy are read with what the environment configures.
func TestCarryOver(t *testing.T) {
	db, name := dsynctest.Table(t)
	if err := localdynamodb.Restore(t.Context(), db, db, schema.Dsync(), name, name+"-restored", nil); err != nil {
		t.Fatal(err)
	}
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "E#1"}, "sk": &types.AttributeValueMemberS{Value: "E"}}
	if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: key}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", aws.ToString(db.Options().BaseEndpoint))
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", awsconfig.Credentials.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", awsconfig.Credentials.SecretAccessKey)
	for _, step := range []struct {
		args []string
		want string
		here bool
	}{
		{[]string{"carry-over", name, name + "-restored"}, "Nothing is changed", false},
		{[]string{"carry-over", name, name + "-restored", "apply"}, "1 records of the log copied", true},
		{[]string{"carry-over", name, name + "-restored", "apply"}, "0 records of the log copied", true},
	} {
		var out output
		if err := operate(t.Context(), step.args, nothing, &out); err != nil || !strings.Contains(out.String(), step.want) {
			t.Errorf("%v: %s, %v", step.args, out.String(), err)
		}
		found, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(name + "-restored"), Key: key})
		if err != nil || (found.Item != nil) != step.here {
			t.Errorf("%v: copied %v, %v", step.args, found.Item != nil, err)
		}
	}
	if err := operate(t.Context(), []string{"carry-over", name, "nothing"}, nothing, &output{}); err == nil || !strings.Contains(err.Error(), "another run continues") {
		t.Errorf("to a table that does not exist: %v", err)
	}
}
