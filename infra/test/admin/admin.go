// Package admin plays a customer's admin who connects Entra to a directory and makes
// the classic mistakes, one after another. Each is a request as Entra would send it
// then, and what the setup page must say.
package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Portal is what the admin has typed into Entra's portal, and what is right.
type Portal struct {
	TenantURL, Token string
	Foreign          string // the token of another directory
	users, groups    map[string]string
}

// Step is something that the admin does, with the code that the page shows then: in its
// live box, or of a finding.
type Step struct {
	Name string
	Code string // in the live box; "" for what the box does not say
	// Says is a text that the page has then, in English, and Lacks one that it has not
	// any more.
	Says, Lacks string
	Do          func(context.Context, *Portal) error
}

// azure is the beginning and the payload of the token that Entra sends for an empty
// Secret Token: its issuer is sts.windows.net.
const azure = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL3N0cy53aW5kb3dzLm5ldC8xZjBhMmIzYy00ZDVlLTRmNjAtOGE3Yi05YzBkMWUyZjNhNGIvIiwiYXVkIjoiOGFkZjhlNmUtNjdiMi00Y2YyLWEyNTktZTNkYzU0NzZjNjIxIn0.c2lnbmF0dXJl"

// Steps are what the admin does.
func Steps() []Step {
	return []Step{
		{Name: "pastes the token with the word Bearer", Code: "token_bearer_twice", Says: "without the word Bearer", Do: func(ctx context.Context, p *Portal) error {
			return p.test(ctx, p.TenantURL, "Bearer "+p.Token, http.StatusUnauthorized)
		}},
		{Name: "cuts the token off", Code: "token_cut", Says: "not complete", Do: func(ctx context.Context, p *Portal) error {
			return p.test(ctx, p.TenantURL, p.Token[:31], http.StatusUnauthorized)
		}},
		{Name: "leaves the token empty", Code: "token_blank", Says: "sends a token of its own", Do: func(ctx context.Context, p *Portal) error {
			return p.test(ctx, p.TenantURL, azure, http.StatusUnauthorized)
		}},
		{Name: "pastes the token of another directory", Code: "token_of_other_directory", Says: "belongs to another Tenant URL", Do: func(ctx context.Context, p *Portal) error {
			return p.test(ctx, p.TenantURL, p.Foreign, http.StatusUnauthorized)
		}},
		{Name: "adds /Users to the Tenant URL", Code: "url_wrong", Says: "Remove what follows the key", Do: func(ctx context.Context, p *Portal) error {
			return p.test(ctx, p.TenantURL+"/Users", p.Token, http.StatusNotFound)
		}},
		{Name: "does it right, and presses Test Connection", Code: "received", Says: "Press Save in Entra", Do: func(ctx context.Context, p *Portal) error {
			return p.test(ctx, p.TenantURL, p.Token, http.StatusOK)
		}},
		{Name: "leaves mailNickname as externalId, and sends a person without e-mail", Says: "Map objectId to externalId", Do: func(ctx context.Context, p *Portal) error {
			return p.create(ctx, "Users", "ada", map[string]any{"userName": "ada@acme.example", "displayName": "Ada Lovelace", "externalId": "ada", "active": true})
		}},
		{Name: "maps objectId to externalId, and restarts", Says: "externalId is the objectId.", Lacks: "Map objectId to externalId and press Save, then", Do: func(ctx context.Context, p *Portal) error {
			return p.patch(ctx, "Users/"+p.users["ada"], http.StatusOK, map[string]any{"op": "Replace", "path": "externalId", "value": objectID(1)})
		}},
		{Name: "maps userPrincipalName to the work e-mail", Says: "Users have a work e-mail address.", Do: func(ctx context.Context, p *Portal) error {
			return p.patch(ctx, "Users/"+p.users["ada"], http.StatusOK, map[string]any{"op": "Add", "path": `emails[type eq "work"].value`, "value": "ada@acme.example"})
		}},
		{Name: "assigns a group that has a group in it", Says: "Entra does not expand it", Do: func(ctx context.Context, p *Portal) error {
			for n, name := range []string{"Engineering", "Platform"} {
				if err := p.create(ctx, "Groups", name, map[string]any{"displayName": name, "externalId": objectID(10 + n)}); err != nil {
					return err
				}
			}
			return p.add(ctx, "Engineering", p.groups["Platform"])
		}},
		{Name: "assigns the inner group and everybody, and turns provisioning on", Says: "Users: 3", Do: func(ctx context.Context, p *Portal) error {
			for n, name := range []string{"grace", "alan"} {
				address := name + "@acme.example"
				err := p.create(ctx, "Users", name, map[string]any{
					"userName": address, "displayName": strings.ToUpper(name[:1]) + name[1:], "externalId": objectID(2 + n), "active": true,
					"emails": []any{map[string]any{"type": "work", "primary": true, "value": address}},
				})
				if err != nil {
					return err
				}
				if err := p.add(ctx, "Platform", p.users[name]); err != nil {
					return err
				}
			}
			return p.add(ctx, "Engineering", p.users["ada"])
		}},
	}
}

// objectID is an object id of Entra.
func objectID(n int) string { return fmt.Sprintf("1f0a2b3c-4d5e-4f60-8a7b-9c0d1e2f%04x", n) }

// test is the request of Test Connection.
func (p *Portal) test(ctx context.Context, tenantURL, token string, status int) error {
	_, err := p.send(ctx, http.MethodGet, tenantURL+"/Users?filter="+url.QueryEscape(`userName eq "`+objectID(0xffff)+`"`), token, status, nil)
	return err
}

func (p *Portal) create(ctx context.Context, endpoint, name string, resource map[string]any) error {
	kind := strings.TrimSuffix(endpoint, "s")
	resource["schemas"] = []string{"urn:ietf:params:scim:schemas:core:2.0:" + kind}
	made, err := p.send(ctx, http.MethodPost, p.TenantURL+"/"+endpoint, p.Token, http.StatusCreated, resource)
	if err != nil {
		return err
	}
	ids := &p.users
	if endpoint == "Groups" {
		ids = &p.groups
	}
	if *ids == nil {
		*ids = map[string]string{}
	}
	(*ids)[name], _ = made["id"].(string)
	return nil
}

func (p *Portal) add(ctx context.Context, group, member string) error {
	return p.patch(ctx, "Groups/"+p.groups[group], http.StatusNoContent, map[string]any{"op": "Add", "path": "members", "value": []any{map[string]any{"$ref": nil, "value": member}}})
}

func (p *Portal) patch(ctx context.Context, path string, status int, operation map[string]any) error {
	body := map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{operation}}
	_, err := p.send(ctx, http.MethodPatch, p.TenantURL+"/"+path, p.Token, status, body)
	return err
}

func (p *Portal) send(ctx context.Context, method, target, token string, status int, body any) (answer map[string]any, err error) {
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != status {
		return nil, fmt.Errorf("%s %s: %s, want %d: %.200s", method, target, response.Status, status, b)
	}
	if len(b) > 0 {
		err = json.Unmarshal(b, &answer)
	}
	return answer, err
}
