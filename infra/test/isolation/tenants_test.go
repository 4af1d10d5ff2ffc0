package isolation

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/internal/management"
	"dsync/internal/scim"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// owner is a customer: what stands for the names in the paths of requests, and
// the secret that opens the directory.
type owner struct {
	values map[string]string
	secret string
	word   string // in all that it names
	// Tokens that opened the directory once.
	revoked, expired string
}

// nobody has ids as they look, and none of them is there.
var nobody = owner{values: map[string]string{
	"external_key": "0000000000000000", "directory": "directory_" + ulid, "organization": "org_" + ulid, "user": "directory_user_" + ulid,
	"group": "directory_group_" + ulid, "token": "directory_token_" + ulid, "job": "job_" + ulid, "api_key": "api_key_" + ulid, "console_session": "console_session_" + ulid, "setup_link": "setup_link_" + ulid,
	"external_id": "nobodys", "name": "nobody@nobody.example", "domain": "nobody.example", "event": "event_" + ulid,
}, word: "nobody"}

const ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// in is the text with the owner's values.
func (o owner) in(text string) string {
	for name, v := range o.values {
		text = strings.ReplaceAll(text, "{"+name+"}", v)
	}
	return text
}

// out is the text with the names of the owner's values, the longest first.
func (o owner) out(text string) string {
	for _, name := range slices.SortedFunc(maps.Keys(o.values), func(a, b string) int { return len(o.values[b]) - len(o.values[a]) }) {
		text = strings.ReplaceAll(text, o.values[name], "{"+name+"}")
	}
	return text
}

// with is the owner with another's value.
func (o owner) with(name string, other owner) owner {
	o.values = maps.Clone(o.values)
	o.values[name] = other.values[name]
	return o
}

// world is a machine with customers on it, and keys of the REST API.
type world struct {
	*system.System
	api          client.Client
	a, b, paused owner
	read         string            // a key that may only read
	scoped       map[string]string // keys by their scopes
	// Keys with all scopes that are bound to the organization of b, and the number
	// of uses. A single key would be used too fast.
	bound      []string
	uses       atomic.Int64
	revokedKey string
	expiredKey string
}

func start(t *testing.T) *world {
	t.Helper()
	machine, err := system.Start(t.Context(), system.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := machine.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &world{System: machine, api: client.Client{URL: machine.APIURL, Key: machine.APIKey}}
}

// soon is when what has to expire expires: time enough to set it up.
const soon = 2 * time.Second

// populate makes the customers, and secrets of all kinds.
func (w *world) populate(t *testing.T) {
	t.Helper()
	w.a, w.b, w.paused = w.customer(t, "Abacus"), w.customer(t, "Bellows"), w.customer(t, "Papyrus")
	revoked := w.call(t, "POST", "/directories/{directory}/tokens", w.a, nil)
	w.call(t, "DELETE", "/directories/{directory}/tokens/"+text(revoked, "id"), w.a, nil)
	expires := map[string]any{"expires_at": time.Now().Add(soon)}
	expired := w.call(t, "POST", "/directories/{directory}/tokens", w.a, expires)
	w.a.revoked, w.a.expired = text(revoked, "token"), text(expired, "token")
	w.call(t, "POST", "/directories/{directory}/pause", w.paused, nil)

	key := func(name, scope string, expires any) map[string]any {
		return w.call(t, "POST", "/api_keys", w.a, map[string]any{"name": name, "scope": scope, "expires_at": expires})
	}
	w.expiredKey = text(key("Expired key", "manage", time.Now().Add(soon)), "value")
	expiry := time.After(soon)
	gone := key("Revoked key", "manage", nil)
	w.revokedKey = text(gone, "value")
	w.call(t, "DELETE", "/api_keys/"+text(gone, "id"), w.a, nil)
	w.read = text(key("Reading key", "read", nil), "value")
	if s := w.send(t, "Bearer "+w.read, ask{method: "GET", path: "/directories"}, w.a); s.status != 200 { // notes the day
		t.Fatalf("%d %s", s.status, s.body)
	}
	w.scoped = map[string]string{"read": w.read}
	for _, scope := range []string{"manage", "keys", "read keys"} {
		w.scoped[scope] = text(key("Key", scope, nil), "value")
	}
	bound := func(name string, o owner) map[string]any {
		return w.call(t, "POST", "/api_keys", o, map[string]any{"name": name, "scope": "manage keys", "organization_id": o.values["organization"]})
	}
	for range 12 {
		w.bound = append(w.bound, text(bound("Bellows key", w.b), "value"))
	}
	for _, value := range append(slices.Collect(maps.Values(w.scoped)), w.bound...) {
		w.send(t, "Bearer "+value, ask{method: "GET", path: "/directories"}, w.a) // notes the day
	}
	w.a.values["api_key"] = text(bound("Abacus key", w.a), "id")
	w.paused.values["api_key"] = text(bound("Papyrus key", w.paused), "id")
	w.a.values["console_session"], w.paused.values["console_session"] = w.signIn(t), w.signIn(t)
	<-expiry
	for _, o := range []owner{w.a, w.b, w.paused} { // it writes
		await(t, "the job", func() bool { return w.call(t, "GET", "/jobs/{job}", o, nil)["state"] == "done" })
		await(t, "the log", func() bool {
			events := w.call(t, "GET", "/events?directory={directory}&events=dsync.group.user_added", o, nil)["data"].([]any)
			if len(events) > 0 {
				o.values["event"] = text(events[0].(map[string]any), "id")
			}
			return len(events) > 0
		})
	}
}

// signIn signs a person in to the console, and returns the id of the session.
func (w *world) signIn(t *testing.T) string {
	t.Helper()
	link, err := w.SignInLink(t.Context(), "Ada Lovelace", management.Admin)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(link, "link=")
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.PostForm(w.APIURL+"/console/sign-in", url.Values{"link": {secret}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusSeeOther {
		t.Fatalf("signing in: %d", response.StatusCode)
	}
	id := ""
	await(t, "the session", func() bool {
		listed := w.call(t, "GET", "/console_sessions", w.a, nil)["data"].([]any)
		if len(listed) > 0 {
			id = text(listed[0].(map[string]any), "id")
		}
		return id != "" && id != w.a.values["console_session"]
	})
	return id
}

// nextBound is one of the bound keys.
func (w *world) nextBound() string { return w.bound[int(w.uses.Add(1))%len(w.bound)] }

// customer makes an organization with a directory that Entra is connected to,
// and one object of each kind.
func (w *world) customer(t *testing.T, name string) owner {
	t.Helper()
	lower := strings.ToLower(name)
	o := owner{word: name, values: map[string]string{"domain": lower + ".example", "external_id": lower + "-crm", "name": lower + ".lovelace@" + lower + ".example"}}
	org := w.call(t, "POST", "/organizations", o, map[string]any{"name": name + " Inc.", "external_id": o.values["external_id"], "domain_data": []any{map[string]any{"domain": lower + ".example"}}})
	o.values["organization"] = text(org, "id")
	d := w.call(t, "POST", "/directories", o, map[string]any{"name": name + " directory", "organization_id": o.values["organization"]})
	o.values["directory"], o.values["external_key"] = text(d, "id"), text(d, "external_key")
	token := d["token"].(map[string]any)
	o.values["token"], o.secret = text(token, "id"), text(token, "token")

	create := func(path, body string) string {
		s := w.send(t, "Bearer "+o.secret, ask{method: "POST", path: path, body: body, scim: true}, o)
		if s.status != 201 {
			t.Fatalf("%s: %d %s", path, s.status, s.body)
		}
		return text(s.object(t), "id")
	}
	o.values["user"] = create(tenant+"/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"{name}","externalId":%q,"name":{"givenName":%q,"familyName":"Lovelace"},"emails":[{"type":"work","value":"{name}"}]}`,
		scim.UserURN, lower+"-external-user", name+"ia"))
	o.values["group"] = create(tenant+"/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"externalId":%q,"members":[{"value":"{user}"}]}`, scim.GroupURN, name+" group", lower+"-external-group"))
	w.call(t, "PATCH", "/directories/{directory}", o, map[string]any{"settings": map[string]any{"email_fallback": false}})
	o.values["setup_link"] = text(w.call(t, "POST", "/directories/{directory}/setup_links", o, map[string]any{}), "id")
	jobs := w.call(t, "GET", "/directories/{directory}/jobs", o, nil)["data"].([]any)
	o.values["job"] = text(jobs[0].(map[string]any), "id")
	return o
}

// told is every value that none but the customer may learn.
func (o owner) told(name string) []string {
	lower := strings.ToLower(name)
	all := []string{o.secret, o.revoked, o.expired, name, lower, "ovelace"}
	for _, v := range o.values {
		all = append(all, v, v[strings.LastIndexByte(v, '_')+1:])
	}
	return all
}

func (w *world) call(t *testing.T, method, path string, o owner, body any) map[string]any {
	t.Helper()
	var answer map[string]any
	var into any = &answer
	if method == http.MethodDelete {
		into = nil
	}
	if err := w.api.Call(t.Context(), method, o.in(path), body, into); err != nil {
		t.Fatal(err)
	}
	return answer
}

// said is an answer.
type said struct {
	status int
	header http.Header
	body   string
}

// send makes a request about an owner.
func (w *world) send(t *testing.T, authorization string, a ask, about owner) said {
	t.Helper()
	s, err := w.try(t.Context(), authorization, a, about)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) try(ctx context.Context, authorization string, a ask, about owner) (said, error) {
	r, err := http.NewRequestWithContext(ctx, a.method, w.APIURL+about.in(a.path), strings.NewReader(about.in(a.body)))
	if err != nil {
		return said{}, err
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if r.Header.Set("Content-Type", "application/json"); a.scim {
		r.Header.Set("Content-Type", scim.MediaType)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return said{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	for _, own := range []string{"X-Request-Id", "Apigw-Requestid", "Date"} { // of each answer
		response.Header.Del(own)
	}
	return said{response.StatusCode, response.Header, string(body)}, err
}

// records is all that the table holds but the log of events: key → record.
func (w *world) records(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	pages := dynamodb.NewScanPaginator(w.DynamoDB(), &dynamodb.ScanInput{
		TableName: aws.String(w.TableName()), ConsistentRead: aws.Bool(true),
		FilterExpression:          aws.String("NOT begins_with(pk, :log)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":log": &types.AttributeValueMemberS{Value: "L"}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			var record map[string]any
			if err := attributevalue.UnmarshalMap(item, &record); err != nil {
				t.Fatal(err)
			}
			all[text(record, "pk")+" "+text(record, "sk")] = fmt.Sprint(record)
		}
	}
	return all
}

// await asks until it is so.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not end", what)
		}
	}
}

func text(o map[string]any, name string) string {
	s, _ := o[name].(string)
	return s
}
