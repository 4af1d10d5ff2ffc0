package workos

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"dsync/infra/local/client"
	"dsync/internal/dsync"
	"dsync/internal/scim"
)

const (
	directoryName = "Acme's Entra ID"

	// crowd is more users than two of the largest pages hold.
	crowd = 215
	// hands is how many requests Entra has under way at once here.
	hands = 8
)

// entra is the provider's side of a directory.
type entra struct {
	client.Connection
	t   *testing.T
	api client.Client
	bus *delivered
}

func connect(t *testing.T, api client.Client, bus *delivered) entra {
	t.Helper()
	c, err := api.Connect(t.Context(), directoryName, "")
	if err != nil {
		t.Fatal(err)
	}
	bus.expect(dsync.TokenCreated, 1)
	bus.expect(dsync.DirectoryActivated, 1) // by its first request
	return entra{c, t, api, bus}
}

// provision does to the directory everything of which there is an event, and
// tells what there is then.
func (e entra) provision(g *given) {
	g.Ada = person{UserName: address("ada"), ExternalID: "0b1f", Email: address("countess")}
	g.Ada.ID = e.create("Users", `{"schemas":["`+scim.UserURN+`","`+scim.EnterpriseURN+`"],"userName":"`+g.Ada.UserName+`","externalId":"`+g.Ada.ExternalID+`","active":true,"title":"Analyst",
		"name":{"givenName":"Ada","familyName":"Lovelace"},"emails":[{"type":"work","primary":true,"value":"`+g.Ada.Email+`"}],"`+scim.EnterpriseURN+`":{"department":"Engines"}}`)
	g.Users = append(e.crowd(), g.Ada.ID)
	g.Inactive = g.Users[0]
	gone := e.user("gone")
	e.bus.expect(dsync.UserCreated, len(g.Users)+1)

	g.Groups = map[string]group{}
	e.group(g, "developers", g.Ada.ID, g.Users[1], g.Users[2])
	e.group(g, "everybody", append([]string{g.Ada.ID}, g.Users[:9]...)...)
	e.group(g, "interns")
	e.group(g, "old")
	e.bus.expect(dsync.GroupUserAdded, 3+10)
	g.Ada.Groups = []string{g.Groups["developers"].ID, g.Groups["everybody"].ID}

	e.patch("Users/"+g.Ada.ID, `{"op":"replace","path":"title","value":"Countess"}`)
	e.patch("Users/"+g.Inactive, `{"op":"replace","path":"active","value":"False"}`)
	e.bus.expect(dsync.UserUpdated, 2)
	e.patch("Groups/"+g.Groups["everybody"].ID, `{"op":"remove","path":"members","value":[{"value":"`+g.Users[3]+`"}]}`)
	e.bus.expect(dsync.GroupUserRemoved, 1)
	e.patch("Groups/"+g.Groups["interns"].ID, `{"op":"replace","path":"displayName","value":"Interns of 2026"}`)
	e.bus.expect(dsync.GroupUpdated, 1)
	e.send(http.MethodDelete, "Groups/"+g.Groups["old"].ID, "")
	delete(g.Groups, "old")
	e.bus.expect(dsync.GroupDeleted, 1)
	e.send(http.MethodDelete, "Users/"+gone, "")
	e.bus.expect(dsync.UserDeleted, 1)
}

// crowd creates users, several at a time, and returns their ids.
func (e entra) crowd() []string {
	ids := make([]string, crowd)
	var wait sync.WaitGroup
	for hand := range hands {
		wait.Go(func() {
			for i := hand; i < crowd; i += hands {
				ids[i] = e.user(fmt.Sprintf("user%03d", i))
			}
		})
	}
	wait.Wait()
	return ids
}

func (e entra) user(name string) string {
	return e.create("Users", fmt.Sprintf(`{"schemas":[%q],"userName":%q,"externalId":%q,"active":true,"emails":[{"type":"work","value":%[2]q}]}`, scim.UserURN, address(name), "x-"+name))
}

func (e entra) group(g *given, name string, members ...string) {
	list := make([]map[string]string, len(members))
	for i, m := range members {
		list[i] = map[string]string{"value": m}
	}
	b, err := json.Marshal(map[string]any{"schemas": []string{scim.GroupURN}, "displayName": name, "externalId": "x-" + name, "members": list})
	if err != nil {
		e.t.Fatal(err)
	}
	g.Groups[name] = group{ID: e.create("Groups", string(b)), Name: name, ExternalID: "x-" + name, Members: members}
	e.bus.expect(dsync.GroupCreated, 1)
}

func (e entra) create(endpoint, body string) string {
	id, _ := e.send(http.MethodPost, endpoint, body)["id"].(string)
	if id == "" {
		e.t.Errorf("POST /%s: no id", endpoint)
	}
	return id
}

func (e entra) patch(path, operation string) {
	e.send(http.MethodPatch, path, `{"schemas":["`+scim.PatchOpURN+`"],"Operations":[`+operation+`]}`)
}

// send makes a request of Entra's that succeeds.
func (e entra) send(method, path, body string) map[string]any {
	r, err := http.NewRequestWithContext(e.t.Context(), method, e.TenantURL+"/"+path, strings.NewReader(body))
	if err != nil {
		e.t.Error(err)
		return nil
	}
	r.Header.Set("Authorization", "Bearer "+e.Token)
	r.Header.Set("Content-Type", "application/scim+json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		e.t.Error(err)
		return nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode/100 != 2 {
		e.t.Errorf("%s %s: %d %s, %v", method, path, response.StatusCode, answer, err)
	}
	var object map[string]any
	_ = json.Unmarshal(answer, &object) // there may be none
	return object
}

// rotate makes a second token and revokes it.
func (e entra) rotate() {
	var token struct {
		ID string `json:"id"`
	}
	tokens := "/directories/" + e.DirectoryID + "/tokens"
	if err := e.api.Call(e.t.Context(), http.MethodPost, tokens, map[string]any{}, &token); err != nil {
		e.t.Fatal(err)
	}
	if err := e.api.Call(e.t.Context(), http.MethodDelete, tokens+"/"+token.ID, nil, nil); err != nil {
		e.t.Fatal(err)
	}
	e.bus.expect(dsync.TokenCreated, 1)
	e.bus.expect(dsync.TokenRevoked, 1)
}
