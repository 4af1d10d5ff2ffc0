package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/internal/console"
	"dsync/internal/settings"
	"dsync/internal/sso"

	"github.com/chromedp/chromedp"
)

// hostile are names that must harm no page: a script, 16 KB without a blank, other
// directions of writing, controls, emoji of several parts.
var hostile = []string{
	`<script>alert(1)</script>"'>{{.}}`, strings.Repeat("W", 16<<10), "\u202egnp.exe\u202c \u2066abc", "🧑🏽‍🚀 Zoë", "مرحبا",
}

// world is a system with something on every page.
type world struct {
	*system.System
	organization, directory, user, group string
}

// populate fills a system: hostile names where a person or a provider writes them.
func populate(t *testing.T, s *system.System) world {
	t.Helper()
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	w := world{System: s}
	var first client.Connection
	for i, name := range hostile {
		name = strings.Map(func(r rune) rune {
			if r < ' ' {
				return -1
			}
			return r
		}, name)
		if runes := []rune(name); len(runes) > 256 {
			name = string(runes[:256])
		}
		c, err := api.Connect(t.Context(), name, settings.Entra)
		if err != nil {
			t.Fatal(err)
		}
		if err := api.Call(t.Context(), http.MethodPut, "/organizations/"+c.OrganizationID, map[string]any{"domain_data": []map[string]any{{"domain": fmt.Sprint("x", i, ".example"), "state": "verified"}, {"domain": fmt.Sprint("pending", i, ".example")}}, "external_id": fmt.Sprint(i, " ", name[:min(len(name), 60)])}, nil); err != nil {
			t.Log(err)
		}
		if i > 0 {
			continue
		}
		for _, name := range hostile {
			if len(name) > 1000 {
				name = name[:1000]
			}
			body, err := json.Marshal(map[string]any{"userName": name, "displayName": name, "title": name})
			if err != nil {
				t.Fatal(err)
			}
			scim(t, http.MethodPost, c.TenantURL+"/Users", c.Token, string(body))
			body, err = json.Marshal(map[string]any{"displayName": name})
			if err != nil {
				t.Fatal(err)
			}
			scim(t, http.MethodPost, c.TenantURL+"/Groups", c.Token, string(body))
		}
		scim(t, http.MethodGet, c.TenantURL+"/Users?filter=nonsense", c.Token, "")
		refuse(t, c)
		first = c
	}
	for _, name := range hostile {
		if runes := []rune(name); len(runes) > 256 {
			name = string(runes[:256])
		}
		if err := api.Call(t.Context(), http.MethodPost, "/api_keys", map[string]any{"name": name, "scope": "read", "organization_id": first.OrganizationID, "expires_at": "2100-01-01T00:00:00Z"}, nil); err != nil {
			t.Log(err) // of a name that no key can have
		}
	}
	w.organization, w.directory = first.OrganizationID, first.DirectoryID
	w.user, w.group = w.newest(t, "users"), w.newest(t, "groups")
	member := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, w.user)
	if status := scim(t, http.MethodPatch, first.TenantURL+"/Groups/"+w.group, first.Token, member); status != http.StatusNoContent {
		t.Fatalf("adding a member: %d", status)
	}
	renamed := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"\u202eesrever"}]}`
	if status := scim(t, http.MethodPatch, first.TenantURL+"/Users/"+w.user, first.Token, renamed); status != http.StatusOK {
		t.Fatalf("changing a user: %d", status)
	}
	return w
}

// refuse has requests refused, and parts of one ignored, for reasons that have paths
// and for reasons that have none.
func refuse(t *testing.T, c client.Connection) {
	t.Helper()
	for _, name := range hostile {
		name = name[:min(len(name), 300)]
		body, err := json.Marshal(map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{map[string]any{"op": "add", "path": name, "value": 1}}})
		if err != nil {
			t.Fatal(err)
		}
		scim(t, http.MethodPatch, c.TenantURL+"/Users/"+url.PathEscape(name), c.Token, string(body))
		scim(t, http.MethodGet, c.TenantURL+"/Users?filter="+url.QueryEscape(name+` eq "x"`), c.Token, "")
	}
	scim(t, http.MethodPost, c.TenantURL+"/Users", c.Token, `{"userName":"ada@acme.example"}`)
	scim(t, http.MethodPost, c.TenantURL+"/Users", c.Token, `{"userName":"ada@acme.example"}`)
	scim(t, http.MethodGet, c.TenantURL+`/Users?filter=badge.number+eq+"1"`, c.Token, "")
	scim(t, http.MethodPost, c.TenantURL+"/Groups", c.Token, `{"displayName":"Engineering","members":[{"value":"nobody"},{"value":"nobody else"}]}`)
}

// newest is the id of the newest user or group of the directory.
func (w world) newest(t *testing.T, kind string) string {
	t.Helper()
	var list struct{ Data []struct{ ID string } }
	api := client.Client{URL: w.APIURL, Key: w.APIKey}
	if err := api.Call(t.Context(), http.MethodGet, "/directory_"+kind+"?directory="+w.directory, nil, &list); err != nil || len(list.Data) == 0 {
		t.Fatalf("no %s: %v", kind, err)
	}
	return list.Data[0].ID
}

// paths are the pages: all GET routes, with examples of their parameters. Parts of
// pages and files are no pages.
func (w world) paths(t *testing.T) (all []string) {
	t.Helper()
	for _, r := range console.Routes() {
		path, ok := strings.CutPrefix(r.Pattern, "GET ")
		if !ok || strings.Contains(path, "/static/") || strings.HasSuffix(path, "}/changes") || strings.HasSuffix(path, "/news") || strings.HasSuffix(path, "/sign-in/provider") || strings.HasSuffix(path, "{$}") {
			continue
		}
		path = strings.NewReplacer("{organization}", w.organization, "{directory}", w.directory, "{user}", w.user, "{group}", w.group).Replace(path)
		if strings.Contains(path, "{") {
			t.Errorf("%s: there is no example of its parameters", r.Pattern)
		}
		all = append(all, path)
	}
	return append(all, console.Base+"/organizations?search=nobody", console.Base+"/directories/"+w.directory+"/users?search=nobody", console.Base+"/changes?event=users&organization=nobody",
		console.Base+"/directories/"+w.directory+"/requests?request_id=none", console.Base+"/audit?organization_id=x&action=directory.paused", console.Base+"/nothing")
}

// looks are the widths and colours of the pages.
var looks = []struct {
	width  int64
	scheme string
}{{1280, "light"}, {390, "light"}, {1280, "dark"}, {390, "dark"}}

// Every page follows the rules of WCAG 2.2 A and AA that axe-core knows, in light
// and dark, wide and narrow, with hostile names, and needs no sideways scrolling.
// The browser reports no violation of the Content-Security-Policy.
func TestPages(t *testing.T) {
	chromium(t)
	axe, err := os.ReadFile("../../../node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("axe-core is not installed: %v (make test installs it)", err)
	}
	w := populate(t, startWith(t, sso.Settings{Issuer: "https://login.example.com", ClientID: "console", ClientSecret: "x"}.String()))
	b := open(t)
	b.signIn(w.System, "Ada Lovelace", "admin")
	b.expect("404")
	b.expect("401 (Unauthorized)") // an answer of the provider that belongs to nothing
	folder := os.Getenv("SCREENSHOTS")
	only := os.Getenv("PAGES") // those whose path has this
	for _, path := range w.paths(t) {
		if !strings.Contains(path, only) {
			continue
		}
		for _, l := range looks {
			b.look(l.width, l.scheme)
			b.visit(w.System, path)
			where := fmt.Sprintf("%s at %d, %s", path, l.width, l.scheme)
			if folder != "" {
				b.picture(filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", fileName(w, path), l.width, l.scheme)))
			}
			if wide := eval[int64](b, "document.documentElement.scrollWidth"); wide > l.width {
				t.Errorf("%s: the page is %d wide", where, wide)
			}
			b.act("load axe", chromedp.Evaluate[chromedp.Void](string(axe)))
			for _, v := range b.violations() {
				t.Errorf("%s: %s", where, v)
			}
		}
	}
}

// violations are the rules of axe-core that the page breaks.
func (b *tab) violations() []string {
	b.t.Helper()
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r =>
		r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + n.failureSummary).join(" | ")))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.failed("axe", err)
	}
	return found
}

func fileName(w world, path string) string {
	name := strings.NewReplacer(w.organization, "x", w.directory, "x", w.user, "x", w.group, "x", "?", "-", "=", "-").Replace(strings.TrimPrefix(path, console.Base))
	if name = strings.Trim(strings.ReplaceAll(name, "/", "-"), "-"); name == "" {
		return "home"
	}
	return name
}

// picture writes a picture of the whole page.
func (b *tab) picture(file string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.failed("picture", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
