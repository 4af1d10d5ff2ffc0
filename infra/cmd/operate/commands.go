package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"dsync/infra/cmd/internal/eventfmt"
	"dsync/infra/cmd/internal/target"
	"dsync/infra/topology"
	"dsync/internal/settings"
)

// operator acts on a system.
type operator struct{ *target.Target }

// directoryTypes are the types of directories by the short names of TYPE, and what
// their provider calls the page for the values.
var directoryTypes = map[string]struct{ name, place string }{
	"entra":   {settings.Entra, "Entra, under Provisioning"},
	"okta":    {settings.Okta, "Okta, under Provisioning"},
	"generic": {settings.Generic, "the identity provider"},
}

// createDirectory creates an organization with a directory of a type, by its
// short name. It prints the Tenant URL and the Secret Token, which the customer's
// IT admin pastes into the identity provider.
func (o *operator) createDirectory(ctx context.Context, name, shortType string, out io.Writer) error {
	t, ok := directoryTypes[shortType]
	if !ok {
		return fmt.Errorf("there is no type %q of directories: TYPE is entra, okta or generic", shortType)
	}
	api, err := o.API(ctx)
	if err != nil {
		return err
	}
	c, err := api.Connect(ctx, name, t.name)
	if err != nil {
		return o.Unreachable(err)
	}
	_, err = fmt.Fprintf(out, `%s has a directory. Paste these values into %s:

  Tenant URL     %s
  Secret Token   %s   (shown only once)

  organization   %s
  directory      %s
`, name, t.place, c.TenantURL, c.Token, c.OrganizationID, c.DirectoryID)
	return err
}

// makeKey invokes the function that creates an API key, and prints the key.
func (o *operator) makeKey(ctx context.Context, name, scope, organizationID string, out io.Writer) error {
	var key struct {
		ID    string `json:"id"`
		Value string `json:"value"`
	}
	input := map[string]any{"name": name, "scope": scope}
	if organizationID != "" {
		input["organization_id"] = organizationID
	}
	if err := o.Invoke(ctx, topology.CreatesAPIKeys, input, &key); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "API key %s, scope %s (shown only once):\n\n  %s\n", key.ID, scope, key.Value)
	return err
}

// signIn invokes the function of the console, and prints a link that signs a person
// in.
func (o *operator) signIn(ctx context.Context, person, role string, out io.Writer) error {
	var link struct {
		Path    string    `json:"path"`
		Expires time.Time `json:"expires_at"`
	}
	if err := o.Invoke(ctx, topology.ServesConsole, map[string]any{"person": person, "role": role}, &link); err != nil {
		return err
	}
	base, err := o.URL(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Open this link to sign in to the console as %s (%s). It works once, until %s:\n\n  %s\n",
		person, role, link.Expires.Local().Format(time.TimeOnly), base+link.Path)
	return err
}

// redrive invokes the redrive function until it has published all events of the
// order.
func (o *operator) redrive(ctx context.Context, order map[string]any, out io.Writer) error {
	published, remaining, inFlight := 0, 0, 0
	for {
		var report struct {
			Published, Left int
			InFlight        int `json:"in_flight"`
			After           string
		}
		if err := o.Invoke(ctx, topology.RedrivesEvents, order, &report); err != nil {
			return err
		}
		published += report.Published
		remaining += report.Left
		inFlight += report.InFlight
		if report.After == "" {
			break
		}
		fmt.Fprintf(out, "Published %d events again so far.\n", published)
		delete(order, "range_start")
		order["after"] = report.After
	}
	if remaining > 0 {
		fmt.Fprintf(out, "%d messages and batches remain in the dead-letter queue and the failure bucket. The log of the function contains the reasons.\n", remaining)
	}
	if inFlight > 0 {
		fmt.Fprintf(out, "%d messages are in flight: another run, or one that was interrupted, holds them. Run make redrive again when it has ended, after 15 minutes at most.\n", inFlight)
	}
	_, err := fmt.Fprintf(out, "Published %d events again.\n", published)
	return err
}

// pause is the interval between two requests of tail when there are no new
// events.
const pause = time.Second

// tail prints new events of the log until ctx ends.
func (o *operator) tail(ctx context.Context, out io.Writer) error {
	api, err := o.API(ctx)
	if err != nil {
		return err
	}
	query := url.Values{"order": {"desc"}, "limit": {"1"}}
	newest, err := api.Events(ctx, query)
	if err != nil {
		return o.Unreachable(err)
	}
	// Start after the newest event, or at the current time if the log is empty.
	query = url.Values{"limit": {"100"}, "range_start": {time.Now().UTC().Format(time.RFC3339)}}
	last := ""
	for _, event := range newest.Data {
		var e struct{ ID string }
		if err := json.Unmarshal(event, &e); err != nil {
			return err
		}
		last = e.ID
	}
	fmt.Fprintln(out, "Showing new events with a delay of about ten seconds. Press Ctrl-C to stop.")
	for {
		last, err = api.Follow(ctx, query, last, func(event json.RawMessage) error {
			var e struct {
				Created time.Time `json:"created_at"`
			}
			if err := json.Unmarshal(event, &e); err != nil {
				return err
			}
			_, err := fmt.Fprintln(out, e.Created.Local().Format(time.TimeOnly)+"  "+eventfmt.Of(event))
			return err
		})
		if err != nil {
			return o.Unreachable(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// logs follows the log of a function of a deployed stack.
func (o *operator) logs(ctx context.Context, function string, out io.Writer) error {
	system := topology.Dsync()
	var names []string
	for _, f := range system.Functions {
		names = append(names, f.Name)
	}
	f := system.Function(function)
	switch {
	case f == nil && function == "":
		return fmt.Errorf("which function? make logs FUNCTION=<one of: %s>", strings.Join(names, " "))
	case f == nil:
		return fmt.Errorf("there is no function %q: FUNCTION is one of %s", function, strings.Join(names, " "))
	case o.Local():
		return fmt.Errorf("the logs of this machine are in %s/functions.log; name a stage for those of a stack, for example STAGE=dev", target.Folder)
	}
	group, err := o.Resource(ctx, f, "Logs")
	if err != nil {
		return err
	}
	return o.CLI()(ctx, out, "logs", "tail", group, "--follow", "--since", "15m")
}
