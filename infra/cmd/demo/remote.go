package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"dsync/infra/local/client"
	"dsync/infra/test/entra"
	"dsync/internal/settings"
)

// smoke runs the scenario against a deployed stack and returns the exit status.
func smoke(ctx context.Context, c entra.Config, env func(string) string) int {
	api := client.Client{URL: strings.TrimSuffix(env("DSYNC_URL"), "/"), Key: env("DSYNC_API_KEY")}
	if api.URL == "" || api.Key == "" {
		fmt.Fprintln(os.Stderr, "Set DSYNC_URL to the stack output ApiEndpoint, and set DSYNC_API_KEY. `make api-key SCOPE=manage` creates a key.")
		return exitNotRunning
	}
	return inOwnDirectory(ctx, api, "Smoke test", c)
}

// inOwnDirectory runs the scenario in a directory that it creates and deletes
// afterwards, and returns the exit status. It reads events from the log of the
// directory.
func inOwnDirectory(ctx context.Context, api client.Client, name string, c entra.Config) int {
	directoryType := settings.Entra
	if c.Okta {
		directoryType = settings.Okta
	}
	connection, err := api.Connect(ctx, name, directoryType)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Cannot create the test directory:", err)
		return exitNotRunning
	}
	code := playIn(ctx, c, api, connection)
	path := "/directories/" + connection.DirectoryID
	if err := api.Call(context.WithoutCancel(ctx), http.MethodDelete, path, nil, nil); err != nil {
		fmt.Fprintf(os.Stderr, "Cannot delete the test directory %s: %v\n", path, err)
		code = exitFailed
	}
	return code
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
