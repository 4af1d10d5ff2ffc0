package workos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/internal/dsync"
)

// sdk is where npm puts the package that package.json pins.
const sdk = "../../../node_modules/@workos-inc/node"

// given is what a script is told.
type given struct {
	URL       string           `json:"url"`
	Key       string           `json:"key"`
	Began     time.Time        `json:"began"`
	TenantURL string           `json:"tenantURL"`
	Token     string           `json:"token"`
	Delivered []string         `json:"delivered"` // the events, as they left the bus
	Event     string           `json:"event"`     // the id of one of them
	Name      string           `json:"name"`      // of the directory
	Directory string           `json:"directory"`
	Of        string           `json:"organization"`
	Users     []string         `json:"users"` // all that there are
	Inactive  string           `json:"inactive"`
	Ada       person           `json:"ada"`
	Groups    map[string]group `json:"groups"`
}

type person struct {
	ID         string   `json:"id"`
	UserName   string   `json:"userName"`
	ExternalID string   `json:"externalId"`
	Email      string   `json:"email"`
	Groups     []string `json:"groups"`
}

type group struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	ExternalID string   `json:"externalId"`
	Members    []string `json:"members"`
}

// The SDK works as it is against the API, and each event of the bus is one that
// it understands.
func TestSDK(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("there is no node on PATH: install Node.js to test against WorkOS's SDK")
	}
	if _, err := os.Stat(filepath.Join(sdk, "package.json")); err != nil {
		t.Fatal("WorkOS's SDK is not in node_modules: run `npm ci` at the root of the repository, as `make test` does")
	}
	began := time.Now().UTC()
	bus := &delivered{events: make(chan string, 10_000), counts: map[string]int{}}
	machine, err := system.Start(t.Context(), system.Options{Log: t.Output(), OnEvent: bus.add})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := machine.Stop(); err != nil {
			t.Error(err)
		}
	}()
	bus.expect(dsync.TokenCreated, 1) // of the machine's own directory
	api := client.Client{URL: machine.APIURL, Key: machine.APIKey}
	known := given{URL: machine.APIURL, Key: machine.APIKey, Began: began}
	run(t, "organizations.mjs", known)

	e := connect(t, api, bus)
	known.Name, known.Directory, known.Of, known.TenantURL, known.Token = directoryName, e.DirectoryID, e.OrganizationID, e.TenantURL, e.Token
	e.provision(&known)
	bus.await(t)
	known.Event = bus.id(0)
	run(t, "directories.mjs", known)
	run(t, "errors.mjs", known)

	e.rotate()
	run(t, "deletion.mjs", known)
	bus.expect(dsync.DirectoryDeleted, 1)
	bus.await(t)
	known.Delivered = bus.bodies
	run(t, "webhooks.mjs", known)
	run(t, "events.mjs", known)
	run(t, "portal.mjs", known)
}

var passes = regexp.MustCompile(`(?m)^# pass [1-9]`)

// run runs a script. What follows builds upon it.
func run(t *testing.T, script string, g given) {
	t.Helper()
	passed := t.Run(script, func(t *testing.T) {
		input, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		node := exec.CommandContext(t.Context(), "node", "--test-reporter=tap", script)
		node.Stdin = bytes.NewReader(input)
		out, err := node.CombinedOutput()
		if err != nil || !passes.Match(out) {
			t.Errorf("%v\n%s", err, out)
		}
	})
	if !passed {
		t.FailNow()
	}
}

// delivered is what left the bus, and how much of it there has to be.
type delivered struct {
	events chan string
	bodies []string
	counts map[string]int // kind → events that are still to come
}

// add is called by the machine.
func (d *delivered) add(e json.RawMessage) {
	var event struct {
		Detail json.RawMessage `json:"detail"`
	}
	_ = json.Unmarshal(e, &event) // what is none fails in the scripts
	d.events <- string(event.Detail)
}

func (d *delivered) expect(kind string, count int) { d.counts[kind] += count }

// await receives events until all that were expected are there.
func (d *delivered) await(t *testing.T) {
	t.Helper()
	patience := time.After(time.Minute)
	for slices.ContainsFunc(slices.Collect(maps.Values(d.counts)), func(n int) bool { return n > 0 }) {
		select {
		case body := <-d.events:
			var event dsync.Event
			if err := json.Unmarshal([]byte(body), &event); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			d.counts[event.Name]--
			d.bodies = append(d.bodies, body)
		case <-patience:
			t.Fatalf("these events did not come: %v", d.counts)
		}
	}
	for kind, n := range d.counts {
		if n < 0 {
			t.Errorf("%s: %d more than the changes", kind, -n)
		}
	}
}

func (d *delivered) id(i int) string {
	var event dsync.Event
	_ = json.Unmarshal([]byte(d.bodies[i]), &event)
	return event.ID
}

func address(name string) string { return fmt.Sprintf("%s@acme.example", name) }
