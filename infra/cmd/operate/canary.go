package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dsync/infra/cmd/internal/target"
	"dsync/infra/cmd/internal/trial"
	"dsync/infra/local/client"
	"dsync/infra/topology"
)

// patientCanary is how the events of the canary are waited for.
var patientCanary = trial.Waiting{Every: time.Second, Most: 5 * time.Minute, Tell: 4 * time.Second}

// canaryName is the name of the organization and directory that the doctor makes and
// deletes.
const canaryName = "dsync doctor"

// canary makes a directory, whose token is a change, and follows the event of that
// change to the log and to the bus. Then it deletes what it made.
func (e *examination) canary(ctx context.Context) {
	api, revoke, err := e.key(ctx)
	if err != nil {
		e.say(failed("API key", err, "Allow lambda:InvokeFunction on the function that makes keys, or set DSYNC_API_KEY to a key with the scope manage."))
		return
	}
	defer revoke()
	c, err := api.Connect(ctx, canaryName, "")
	defer e.remove(context.WithoutCancel(ctx), api, &c)
	if err != nil {
		e.say(failed("REST API", e.Unreachable(err), "See http-errors in docs/operations.md, and the log of the API: make logs FUNCTION="+topology.Dsync().ByRole(topology.ServesREST).Name))
		return
	}
	e.say(finding{Check: "REST API", Result: "a directory was created at " + api.URL})
	if err := scim(ctx, c); err != nil {
		e.say(failed("Tenant URL", err, "The Tenant URL must lead to the stack: see Custom domain in docs/deploy.md."))
	} else {
		e.say(finding{Check: "Tenant URL", Result: "answers to the Secret Token: " + c.TenantURL})
	}
	id := e.logged(ctx, api, c.DirectoryID)
	if id == "" {
		return
	}
	e.delivered(ctx, id)
}

// key returns a client with the key of the environment, or with one that it makes and
// that revoke revokes.
func (e *examination) key(ctx context.Context) (api client.Client, revoke func(), err error) {
	if e.APIKey != "" {
		api, err = e.API(ctx)
		return api, func() {}, err
	}
	var key struct{ ID, Value string }
	if err := e.Invoke(ctx, topology.CreatesAPIKeys, map[string]any{"name": canaryName, "scope": "manage keys"}, &key); err != nil {
		return api, nil, err
	}
	url, err := e.URL(ctx)
	api = client.Client{URL: url, Key: key.Value}
	return api, func() {
		if err := api.Call(context.WithoutCancel(ctx), http.MethodDelete, "/api_keys/"+key.ID, nil, nil); err != nil {
			e.say(failed("clean-up", err, "Revoke the API key "+key.ID+"."))
		}
	}, err
}

// scim sends the request of Entra's Test Connection.
func scim(ctx context.Context, c client.Connection) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.TenantURL+"/Users?filter="+url.QueryEscape(`userName eq "nobody"`), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", c.TenantURL, response.Status)
	}
	return nil
}

// until looks until something is found. It returns "" if it took too long.
func (e *examination) until(ctx context.Context, what string, find func() (string, error)) (found string, err error) {
	tell := func(waited time.Duration) {
		fmt.Fprintf(e.out, "    %-20s waiting for %s (%d s)\n", "", what, int(waited.Seconds()))
	}
	err = e.wait.Until(ctx, tell, func() (bool, error) {
		var err error
		found, err = find()
		return found != "", err
	})
	if errors.Is(err, trial.ErrTooLong) {
		err = nil
	}
	return found, err
}

// logged waits until the directory has an event in the log, and returns its id.
func (e *examination) logged(ctx context.Context, api client.Client, directoryID string) string {
	id, err := e.until(ctx, "the event in the log", func() (string, error) {
		page, err := api.Events(ctx, url.Values{"directory": {directoryID}, "limit": {"1"}})
		if err != nil || len(page.Data) == 0 {
			return "", err
		}
		var event struct{ ID string }
		err = json.Unmarshal(page.Data[0], &event)
		return event.ID, err
	})
	if err == nil && id == "" {
		err = fmt.Errorf("the directory has no event after %v", e.wait.Most)
	}
	if err != nil {
		e.say(failed("event logged", err, "The relay does not read the stream or fails: see relay-stopped and failed-records in docs/operations.md."))
		return ""
	}
	e.say(finding{Check: "event logged", Result: id})
	return id
}

// delivered waits until a rule of the bus has delivered the event to a place that can
// be read: the file of the local machine, or the log group of the example rule.
func (e *examination) delivered(ctx context.Context, id string) {
	find, where := inFile(id), filepath.Join(target.Folder, "events.ndjson")
	if e.Stack != "" {
		group, err := e.CLI().Text(ctx, "cloudformation", "list-stack-resources", "--stack-name", e.Stack, "--output", "text",
			"--query", "StackResourceSummaries[?ResourceType=='AWS::Logs::LogGroup' && starts_with(LogicalResourceId,'EveryEvent')].PhysicalResourceId | [0]")
		if err != nil || group == "" || group == "None" {
			e.say(finding{Check: "event delivered", Skip: true, Result: "not checked: without exampleRule, no rule of the stack delivers to a place that can be read. Look for " + id + " at your own consumer"})
			return
		}
		where = group
		find = func() (string, error) {
			var found struct{ Events []struct{ Message string } }
			err := e.CLI().JSON(ctx, &found, "logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", `"`+id+`"`, "--max-items", "1")
			if err != nil || len(found.Events) == 0 {
				return "", err
			}
			return group, nil
		}
	} else if !e.Local() {
		e.say(finding{Check: "event delivered", Skip: true, Result: "not checked: name the stage, for example STAGE=prod"})
		return
	}
	found, err := e.until(ctx, "the event in "+where, find)
	if err == nil && found == "" {
		err = fmt.Errorf("the event %s is not in %s after %v", id, where, e.wait.Most)
	}
	if err != nil {
		e.say(failed("event delivered", err, "EventBridge does not take or deliver events: see relay-lag, dead-letters and failed-deliveries in docs/operations.md."))
		return
	}
	e.say(finding{Check: "event delivered", Result: "to " + where})
}

// inFile looks for the event in the file with the delivered events.
func inFile(id string) func() (string, error) {
	path := filepath.Join(target.Folder, "events.ndjson")
	return func() (string, error) {
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		defer file.Close()
		for lines := bufio.NewReader(file); ; {
			line, err := lines.ReadString('\n')
			if strings.Contains(line, id) {
				return path, nil
			}
			if err != nil {
				return "", nil // at the end
			}
		}
	}
}

// remove deletes what the canary made.
func (e *examination) remove(ctx context.Context, api client.Client, c *client.Connection) {
	if c.OrganizationID == "" {
		return
	}
	if c.DirectoryID != "" {
		if err := api.Call(ctx, http.MethodDelete, "/directories/"+c.DirectoryID, nil, nil); err != nil {
			e.say(failed("clean-up", err, "Delete the directory "+c.DirectoryID+" and the organization "+c.OrganizationID+"."))
			return
		}
	}
	done, err := e.until(ctx, "the deletion of the directory", func() (string, error) {
		done, err := trial.DeleteOrganization(ctx, api, c.OrganizationID)
		return map[bool]string{true: "done"}[done], err
	})
	if err != nil || done != "done" {
		e.say(finding{"clean-up", fmt.Sprintf("the organization %s is left: %v", c.OrganizationID, err), "Delete it later.", false})
	}
}
