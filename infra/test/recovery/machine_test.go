package recovery

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/runfile"
	"dsync/infra/local/system"
	localdynamodb "dsync/internal/awslocal/dynamodb"
)

// engine starts a DynamoDB that outlives the machines on it.
func engine(t *testing.T) string {
	t.Helper()
	e, err := localdynamodb.Start(t.Context(), localdynamodb.Options{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Stop() })
	return e.Endpoint()
}

func connection(s *system.System) runfile.Run {
	return runfile.Run{TenantURL: s.TenantURL, Token: s.Token, DirectoryID: s.DirectoryID, OrganizationID: s.OrganizationID, APIURL: s.APIURL, APIKey: s.APIKey}
}

// call sends a request and returns the status and the object of the response.
func call(t *testing.T, method, url, token string, body any) (status int, answer map[string]any) {
	t.Helper()
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = strings.NewReader(string(b))
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, text)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	if strings.Contains(url, "/directories") {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(b, &answer)
	return response.StatusCode, answer
}

// must is call that expects a status below 300, and returns the id of the resource.
func must(t *testing.T, method, url, token string, body any) string {
	t.Helper()
	status, answer := call(t, method, url, token, body)
	if status >= 300 {
		t.Fatalf("%s %s: %d %v", method, url, status, answer)
	}
	id, _ := answer["id"].(string)
	return id
}

func createUser(t *testing.T, c runfile.Run, name string) string {
	t.Helper()
	return must(t, http.MethodPost, c.TenantURL+"/Users", c.Token, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": name, "active": true})
}

func createGroup(t *testing.T, c runfile.Run, name string, members ...string) string {
	t.Helper()
	var list []map[string]string
	for _, id := range members {
		list = append(list, map[string]string{"value": id})
	}
	return must(t, http.MethodPost, c.TenantURL+"/Groups", c.Token, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name, "members": list})
}

func patch(t *testing.T, c runfile.Run, path, token string, operation map[string]any) {
	t.Helper()
	must(t, http.MethodPatch, c.TenantURL+path, token, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{operation}})
}

// event is an event of the log.
type event struct {
	ID, Event string
	Context   struct{ Sequence int }
	Data      map[string]any
}

// log reads the log of the directory, which has no gap.
func log(t *testing.T, c runfile.Run) (events []event) {
	t.Helper()
	api := client.Client{URL: c.APIURL, Key: c.APIKey}
	_, err := api.Follow(t.Context(), url.Values{"directory": {c.DirectoryID}, "limit": {"100"}}, "", func(text json.RawMessage) error {
		var e event
		if err := json.Unmarshal(text, &e); err != nil {
			return err
		}
		events = append(events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Context.Sequence != i+1 {
			t.Errorf("event %d of the log is %s with the sequence %d", i+1, e.Event, e.Context.Sequence)
		}
	}
	return events
}

// tick is how often await reads the log: a key may send 100 requests in a second.
const tick = 50 * time.Millisecond

// await waits until the log has n events, and checks that it has no more.
func await(t *testing.T, c runfile.Run, n int) []event {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		events := log(t, c)
		if len(events) >= n {
			if len(events) > n {
				t.Errorf("the log has %d events, want %d", len(events), n)
			}
			return events
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log has %d events, want %d", len(events), n)
		}
		<-time.After(tick)
	}
}

// counts are the numbers of users, groups, memberships and events, as the API has
// them.
type counts struct{ users, groups, memberships, events int }

func (c counts) String() string {
	return fmt.Sprintf("%d users, %d groups, %d memberships, %d events", c.users, c.groups, c.memberships, c.events)
}

// state is what the API has: the names of users and groups with their members.
func state(t *testing.T, c runfile.Run) (names []string, n counts) {
	t.Helper()
	_, users := call(t, http.MethodGet, c.TenantURL+"/Users?count=200", c.Token, nil)
	_, groups := call(t, http.MethodGet, c.TenantURL+"/Groups?count=200", c.Token, nil)
	byID := map[string]string{}
	for _, u := range users["Resources"].([]any) {
		user := u.(map[string]any)
		byID[user["id"].(string)] = user["userName"].(string)
		n.users++
	}
	names = slices.Collect(maps.Values(byID))
	for _, g := range groups["Resources"].([]any) {
		group := g.(map[string]any)
		n.groups++
		name := group["displayName"].(string) + ":"
		var members []string
		if list, ok := group["members"].([]any); ok {
			for _, m := range list {
				members = append(members, byID[m.(map[string]any)["value"].(string)])
			}
		}
		slices.Sort(members)
		n.memberships += len(members)
		names = append(names, name+strings.Join(members, ","))
	}
	slices.Sort(names)
	n.events = len(log(t, c))
	return names, n
}
