package system_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"dsync/infra/local/system"

	"github.com/google/go-cmp/cmp"
)

// Two systems in one process serve two directories at the same time. Each
// sees its own users and events only, and neither changes the process.
func TestTwoSystemsInOneProcess(t *testing.T) {
	const users = 20
	environment, out, errout, logger := os.Environ(), os.Stdout, os.Stderr, slog.Default()
	type running struct {
		name   string
		system *system.System
		events chan string // names of users in dsync.user.created
	}
	var all []running
	for _, name := range []string{"first", "second"} {
		events := make(chan string, 10*users)
		s := start(t, system.Options{OnEvent: func(event json.RawMessage) {
			var e struct {
				DetailType string `json:"detail-type"`
				Detail     struct {
					Data struct {
						DirectoryID      string `json:"directory_id"`
						CustomAttributes struct {
							UserName string `json:"username"`
						} `json:"custom_attributes"`
					}
				}
			}
			if err := json.Unmarshal(event, &e); err != nil {
				t.Error(err)
			}
			if e.DetailType == "dsync.user.created" {
				events <- e.Detail.Data.DirectoryID + " " + e.Detail.Data.CustomAttributes.UserName
			}
		}})
		all = append(all, running{name, s, events})
	}
	if a, b := all[0].system, all[1].system; a.DirectoryID == b.DirectoryID || a.APIURL == b.APIURL || a.TableName() == b.TableName() {
		t.Fatalf("the systems share %s, %s or %s", a.DirectoryID, a.APIURL, a.TableName())
	}
	// While both run, the process is as it was.
	if diff := cmp.Diff(environment, os.Environ()); diff != "" {
		t.Errorf("the environment changed (-before +while running)\n%s", diff)
	}
	if os.Stdout != out || os.Stderr != errout || slog.Default() != logger {
		t.Error("a standard stream or the default logger changed")
	}

	var creating sync.WaitGroup
	for _, r := range all {
		for i := range users {
			creating.Go(func() {
				status, body, err := try("POST", r.system.TenantURL+"/Users", r.system.Token, user(fmt.Sprintf("%s-%02d", r.name, i)))
				if err != nil || status != 201 {
					t.Errorf("%s: %d %s, %v", r.name, status, body, err)
				}
			})
		}
	}
	creating.Wait()
	for n, r := range all {
		var got, want []string
		for i := range users {
			want = append(want, fmt.Sprintf("%s %s-%02d", r.system.DirectoryID, r.name, i))
			select {
			case name := <-r.events:
				got = append(got, name)
			case <-time.After(time.Minute):
				t.Fatalf("%s: %d of %d events arrived", r.name, len(got), users)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: events (-want +got)\n%s", r.name, diff)
		}
		other := all[1-n].system
		if status, _ := send(t, "GET", r.system.TenantURL+"/Users", other.Token, ""); status != 401 {
			t.Errorf("%s accepts the other system's token: %d", r.name, status)
		}
	}
	for _, r := range all {
		if err := r.system.Stop(); err != nil {
			t.Error(err)
		}
		select {
		case name := <-r.events:
			t.Errorf("%s: an event of another system: %s", r.name, name)
		default:
		}
	}
}
