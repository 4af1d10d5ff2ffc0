package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"dsync/infra/cmd/internal/target"
	"dsync/infra/cmd/internal/trial"
	"dsync/infra/local/client"
	"dsync/infra/test/entra"
	"dsync/internal/settings"
)

// smoke runs the scenario against a deployed stack and returns the exit status.
func smoke(ctx context.Context, c entra.Config, env func(string) string) int {
	system, err := target.Find(env, target.AWS)
	var api client.Client
	if err == nil {
		api, err = system.API(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dsync:", err)
		return exitNotRunning
	}
	return inOwnDirectory(ctx, api, "Smoke test", c)
}

// inOwnDirectory runs the scenario in a directory that it creates, and returns the
// exit status. It reads events from the log of the directory. Afterwards it deletes
// the directory and its organization.
func inOwnDirectory(ctx context.Context, api client.Client, name string, c entra.Config) int {
	directoryType := settings.Entra
	if c.Okta {
		directoryType = settings.Okta
	}
	connection, err := api.Connect(ctx, name, directoryType)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dsync: the test directory cannot be created:", err)
		if connection.OrganizationID != "" {
			_ = remove(context.WithoutCancel(ctx), api, connection, c.Out, cleanup)
		}
		return exitNotRunning
	}
	code := exitFailed
	if err := firstEvent(ctx, api, connection.DirectoryID, c.Out, patience); err != nil {
		fmt.Fprintln(os.Stderr, "dsync:", err)
	} else {
		code = playIn(ctx, c, api, connection)
	}
	if err := remove(context.WithoutCancel(ctx), api, connection, c.Out, cleanup); err != nil {
		fmt.Fprintln(os.Stderr, "dsync:", err)
		code = exitFailed
	}
	return code
}

var (
	// patience is for the first event: a new event source mapping takes some minutes
	// until it reads the stream.
	patience = trial.Waiting{Every: time.Second, Most: 10 * time.Minute, Tell: 4 * time.Second}
	// cleanup is for the jobs that remove the records of a directory.
	cleanup = trial.Waiting{Every: time.Second, Most: 5 * time.Minute, Tell: 4 * time.Second}
)

// telling says on out what is waited for.
func telling(out io.Writer, what string) func(time.Duration) {
	return func(waited time.Duration) { fmt.Fprintf(out, "Waiting for %s (%d s)\n", what, int(waited.Seconds())) }
}

// firstEvent waits until the creation of the directory's token is an event, so that
// the time until a new event source mapping reads counts for no check.
func firstEvent(ctx context.Context, api client.Client, directoryID string, out io.Writer, w trial.Waiting) error {
	query := url.Values{"directory": {directoryID}, "limit": {"1"}}
	err := w.Until(ctx, telling(out, "the first event; a new event source mapping takes some minutes until it reads"), func() (bool, error) {
		page, err := api.Events(ctx, query)
		return len(page.Data) > 0, err
	})
	if errors.Is(err, trial.ErrTooLong) {
		return fmt.Errorf("the directory has no event after %v: see relay-stopped and not-polling in docs/operations.md", w.Most)
	}
	return err
}

// remove deletes the directory and, when its records are gone, the organization.
func remove(ctx context.Context, api client.Client, c client.Connection, out io.Writer, w trial.Waiting) error {
	if c.DirectoryID != "" {
		path := "/directories/" + c.DirectoryID
		if err := api.Call(ctx, http.MethodDelete, path, nil, nil); err != nil {
			return fmt.Errorf("the test directory could not be deleted: %w", err)
		}
	}
	err := w.Until(ctx, telling(out, "the deletion of the test directory"), func() (bool, error) {
		return trial.DeleteOrganization(ctx, api, c.OrganizationID)
	})
	if err != nil {
		return fmt.Errorf("the test organization could not be deleted: DELETE /organizations/%s later (%w)", c.OrganizationID, err)
	}
	return nil
}

// playIn runs the scenario in a directory and returns the exit status.
func playIn(ctx context.Context, c entra.Config, api client.Client, connection client.Connection) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.TenantURL, c.Token, c.DirectoryID = connection.TenantURL, connection.Token, connection.DirectoryID
	c.Events = followLog(ctx, api, connection.DirectoryID)
	return play(ctx, c)
}

// followLog delivers the events of a directory's log, in the format that
// EventBridge sends to a target.
func followLog(ctx context.Context, api client.Client, directory string) <-chan entra.Event {
	events := make(chan entra.Event, ahead)
	go func() {
		query := url.Values{"directory": {directory}, "limit": {"100"}}
		last, told := "", false
		for {
			var err error
			last, err = api.Follow(ctx, query, last, func(event json.RawMessage) error {
				e := entra.Event{Source: "dsync"}
				if err := json.Unmarshal(event, &e.Detail); err != nil {
					return err
				}
				e.DetailType = e.Detail.Event
				select {
				case events <- e:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			if err != nil && !errors.Is(err, context.Canceled) && !told {
				fmt.Fprintln(os.Stderr, "Cannot read the event log. Retrying:", err)
				told = true
			}
			if !pause(ctx) {
				return
			}
		}
	}()
	return events
}
