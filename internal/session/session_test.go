package session_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
	"dsync/internal/session"
	"dsync/internal/table"
	"dsync/internal/usage"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// world is one directory on a table of its own.
type world struct {
	table     *table.Table
	functions *session.Authenticator
	session   *session.Session
	trace     *usage.Trace // of the session
	directory table.Directory
	secret    string
}

func open(t testing.TB) world {
	t.Helper()
	api, name := dsynctest.Table(t)
	return on(t, table.New(api, name))
}

// on is the world on a table.
func on(t testing.TB, tab *table.Table) world {
	t.Helper()
	w := world{table: tab, functions: session.NewAuthenticator(tab, time.Now, rand.Reader)}
	return w.connect(t)
}

// connect is the world with another directory.
func (w world) connect(t testing.TB) world {
	t.Helper()
	w.directory, w.secret = dsynctest.Connect(t, w.table)
	return w.open(t)
}

// open is the world with a new session of its directory.
func (w world) open(t testing.TB) world {
	t.Helper()
	var err error
	w.session, w.trace, err = w.functions.Authenticate(t.Context(), w.directory.ExternalKey, w.secret, "request-1")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) user(t testing.TB, name string) session.Resource {
	t.Helper()
	return w.create(t, session.Users, fmt.Sprintf(`{"userName":%q,"active":true}`, name))
}

func (w world) group(t testing.TB, name string) session.Resource {
	t.Helper()
	return w.create(t, session.Groups, fmt.Sprintf(`{"displayName":%q}`, name))
}

func (w world) create(t testing.TB, kind session.Type, body string) session.Resource {
	t.Helper()
	doc, members := parse(t, kind, body)
	r, err := w.session.Create(t.Context(), kind, doc, members)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t testing.TB, kind session.Type, body string) (map[string]any, *resource.Members) {
	t.Helper()
	object, err := scim.DecodeObject([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	doc, members, err := resource.Parse(kind.ResourceType, object)
	if err != nil {
		t.Fatal(err)
	}
	return doc, members
}

func operations(t testing.TB, list ...string) []patch.Operation {
	t.Helper()
	body := `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[`
	for i, o := range list {
		if i > 0 {
			body += ","
		}
		body += o
	}
	parsed, err := patch.Parse([]byte(body + "]}"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func add(ids ...string) string {
	var members []map[string]string
	for _, id := range ids {
		members = append(members, map[string]string{"value": id})
	}
	b, _ := json.Marshal(map[string]any{"op": "Add", "path": "members", "value": members})
	return string(b)
}

func (w world) members(t testing.TB, group string) map[string]bool {
	t.Helper()
	list, err := w.listMembers(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, m := range list {
		ids[m.(map[string]any)["value"].(string)] = true
	}
	return ids
}

func TestAuthenticate(t *testing.T) {
	w := open(t)
	other := w.connect(t)
	authenticate := func(ctx context.Context, key, secret string) error {
		opened, trace, err := w.functions.Authenticate(ctx, key, secret, "")
		if (opened == nil) != (err != nil) || (trace == nil) != (err != nil) {
			t.Errorf("%v, %v, %v", opened, trace, err)
		}
		return err
	}
	for name, c := range map[string]struct{ key, secret string }{
		"unknown secret":               {w.directory.ExternalKey, other.secret[:20] + w.secret[20:]},
		"no secret":                    {w.directory.ExternalKey, ""},
		"mistyped secret":              {w.directory.ExternalKey, w.secret[:len(w.secret)-1] + "!"},
		"token of another directory":   {w.directory.ExternalKey, other.secret},
		"another directory":            {other.directory.ExternalKey, w.secret},
		"unknown directory":            {"0000000000000000", w.secret},
		"external key in another case": {fmt.Sprintf("%s ", w.directory.ExternalKey), w.secret},
	} {
		if err := authenticate(t.Context(), c.key, c.secret); fault.KindOf(err) != fault.Unauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The second time costs no read.
	ctx, meter := table.WithMeter(t.Context())
	if err := authenticate(ctx, w.directory.ExternalKey, w.secret); err != nil || meter.RoundTrips != 0 {
		t.Errorf("cached: %v, %d round trips", err, meter.RoundTrips)
	}
}

// 50 concurrent single-member adds lose none, and no version.
func TestConcurrentAdds(t *testing.T) {
	w := open(t)
	group := w.group(t, "g")
	users := make([]string, 50)
	for i := range users {
		users[i] = w.user(t, fmt.Sprint("u", i)).Meta.ID
	}
	var wg sync.WaitGroup
	for _, u := range users {
		wg.Go(func() {
			if _, err := w.session.Patch(t.Context(), session.Groups, group.Meta.ID, operations(t, add(u)), session.Condition{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(w.members(t, group.Meta.ID)); n != 50 {
		t.Errorf("%d members", n)
	}
	if g, err := w.session.Get(t.Context(), session.Groups, group.Meta.ID); err != nil || g.Meta.Version != 51 {
		t.Errorf("version %d, %v", g.Meta.Version, err)
	}
}

// Parallel PATCHes of different attributes of one user lose no change.
func TestConcurrentPatches(t *testing.T) {
	w := open(t)
	user := w.user(t, "ada")
	attributes := []string{"displayName", "nickName", "title", "userType", "locale", "timezone", "name.givenName", "name.familyName",
		scim.EnterpriseURN + ":department", scim.EnterpriseURN + ":division"}
	var wg sync.WaitGroup
	for _, a := range attributes {
		wg.Go(func() {
			o := fmt.Sprintf(`{"op":"Replace","path":%q,"value":"new"}`, a)
			if _, err := w.session.Patch(t.Context(), session.Users, user.Meta.ID, operations(t, o), session.Condition{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := w.session.Get(t.Context(), session.Users, user.Meta.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Meta.Version != int64(1+len(attributes)) {
		t.Errorf("version %d", got.Meta.Version)
	}
	if enterprise, _ := got.Document[scim.EnterpriseURN].(map[string]any); enterprise["department"] != "new" || enterprise["division"] != "new" || got.Document["title"] != "new" {
		t.Errorf("a change was lost: %v", got.Document)
	}
}

// A rename that arrives twice at once, as after a timeout, is done once.
func TestRepeatedRename(t *testing.T) {
	w := open(t)
	user := w.user(t, "ada")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			o := operations(t, `{"op":"Replace","path":"userName","value":"eve"}`)
			if _, err := w.session.Patch(t.Context(), session.Users, user.Meta.ID, o, session.Condition{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if r, err := w.session.Get(t.Context(), session.Users, user.Meta.ID); err != nil || r.Meta.Version != 2 {
		t.Errorf("version %d, %v", r.Meta.Version, err)
	}
}

func TestMemberChanges(t *testing.T) {
	w := open(t)
	a, b, c := w.user(t, "a").Meta.ID, w.user(t, "b").Meta.ID, w.user(t, "c").Meta.ID
	group := w.group(t, "g").Meta.ID
	patch := func(want int, list ...string) {
		t.Helper()
		if _, err := w.session.Patch(t.Context(), session.Groups, group, operations(t, list...), session.Condition{}); err != nil {
			t.Fatal(err)
		}
		if got := w.members(t, group); len(got) != want {
			t.Errorf("members %v, want %d", got, want)
		}
	}
	version := func() int64 {
		g, err := w.session.Get(t.Context(), session.Groups, group)
		if err != nil {
			t.Fatal(err)
		}
		return g.Meta.Version
	}
	patch(3, add(a, b, c))
	before := version()
	patch(3, add(a), `{"op":"Remove","path":"members","value":[]}`, `{"op":"Remove","path":"members","value":[{"value":"nobody"}]}`)
	if version() != before {
		t.Error("a change of nothing moved the version")
	}
	patch(2, `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+b+`"}]}`)
	patch(1, `{"op":"remove","path":"members[value eq \"`+c+`\"]"}`)
	patch(2, `{"op":"replace","path":"members","value":[{"value":"`+b+`"},{"value":"`+c+`"},{"value":"directory_user_00000000000000000000000000"}]}`)
	// In one request the last word counts.
	patch(2, add(a), `{"op":"remove","path":"members[value eq \"`+a+`\"]"}`)
	patch(1, `{"op":"remove","path":"members"}`, add(a))
	patch(0, `{"op":"remove","path":"members"}`)
	// Attributes and members in one request.
	patch(1, `{"op":"Replace","path":"displayName","value":"h"}`, add(a))

	unknown := "directory_group_00000000000000000000000000"
	for _, o := range []string{add(a), `{"op":"remove","path":"members"}`, `{"op":"replace","path":"displayName","value":"x"}`} {
		if _, err := w.session.Patch(t.Context(), session.Groups, unknown, operations(t, o), session.Condition{}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s of an unknown group: %v", o, err)
		}
	}
}

// A rename with a change of members writes the group once. The two count as
// changes of their own, and neither happens if the name is taken.
func TestRenameWithMembers(t *testing.T) {
	w := open(t)
	user, group := w.user(t, "ada").Meta.ID, w.group(t, "g").Meta.ID
	w.group(t, "taken")
	rename := func(ctx context.Context, name string) error {
		_, err := w.session.Patch(ctx, session.Groups, group, operations(t, `{"op":"Replace","path":"displayName","value":"`+name+`"}`, add(user)), session.Condition{})
		return err
	}
	if err := rename(t.Context(), "taken"); fault.KindOf(err) != fault.Conflict || len(w.members(t, group)) != 0 {
		t.Errorf("%v, and members %v", err, w.members(t, group))
	}
	ctx, meter := table.WithMeter(t.Context())
	if err := rename(ctx, "h"); err != nil || !w.members(t, group)[user] {
		t.Errorf("%v, and members %v", err, w.members(t, group))
	}
	if meter.RoundTrips != 4 { // group, members, group, membership
		t.Errorf("%d round trips", meter.RoundTrips)
	}
	r, err := w.session.Get(t.Context(), session.Groups, group)
	if err != nil || r.Meta.Version != 3 || r.Document["displayName"] != "h" {
		t.Errorf("%+v, %v", r, err)
	}
	// The member is there: only the name changes.
	if err := rename(t.Context(), "i"); err != nil {
		t.Error(err)
	}
	if r, err := w.session.Get(t.Context(), session.Groups, group); err != nil || r.Meta.Version != 4 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A group may come with more members than one transaction takes.
func TestCreateWithManyMembers(t *testing.T) {
	w := open(t)
	members := `[{"value":"nobody"}`
	for i := range table.MaxCreateMembers + 10 {
		members += `,{"value":"` + w.user(t, fmt.Sprint("u", i)).Meta.ID + `"}`
	}
	group := w.create(t, session.Groups, `{"displayName":"g","externalId":"x","members":`+members+`]}`)
	if n := len(w.members(t, group.Meta.ID)); n != table.MaxCreateMembers+10 {
		t.Errorf("%d members", n)
	}
}

func TestIfMatch(t *testing.T) {
	w := open(t)
	user, group := w.user(t, "ada"), w.group(t, "g")
	rename := operations(t, `{"op":"replace","path":"displayName","value":"x"}`)
	for name, c := range map[string]session.Condition{
		"another version": session.Versions(2), "others": session.Versions(7, 8), "no version": session.Versions(),
	} {
		if _, err := w.session.Patch(t.Context(), session.Users, user.Meta.ID, rename, c); fault.KindOf(err) != fault.PreconditionFailed {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.session.Delete(t.Context(), session.Users, user.Meta.ID, c); fault.KindOf(err) != fault.PreconditionFailed {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.session.Patch(t.Context(), session.Groups, group.Meta.ID, operations(t, add(user.Meta.ID)), c); fault.KindOf(err) != fault.PreconditionFailed {
			t.Errorf("%s on members: %v", name, err)
		}
	}
	if _, err := w.session.Patch(t.Context(), session.Users, user.Meta.ID, rename, session.Versions(9, 1)); err != nil {
		t.Error(err)
	}
	if _, err := w.session.Patch(t.Context(), session.Groups, group.Meta.ID, operations(t, add(user.Meta.ID)), session.Versions(1)); err != nil {
		t.Error(err)
	}
	if err := w.session.Delete(t.Context(), session.Users, user.Meta.ID, session.AnyVersion()); err != nil {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	w := open(t)
	for i := range 12 {
		w.create(t, session.Users, fmt.Sprintf(`{"userName":"u%02d","externalId":"same","title":"t%d","emails":[{"type":"work","value":"u%02d@x.io"}]}`, i, i%2, i))
	}
	inactive := w.create(t, session.Users, `{"userName":"off","active":"False"}`)
	list := func(raw string) (names []string, total int) {
		t.Helper()
		q, err := query.Parse(scim.Users, raw)
		if err != nil {
			t.Fatal(err)
		}
		page, err := w.session.List(t.Context(), session.Users, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Resources {
			names = append(names, r.Document["userName"].(string))
		}
		return names, page.Total
	}
	for query, want := range map[string]struct{ page, total int }{
		"":                                    {13, 13},
		"count=5":                             {5, 13},
		"startIndex=11&count=5":               {3, 13},
		"startIndex=99":                       {0, 13},
		"count=0":                             {0, 13},
		`filter=userName+eq+"U03"`:            {1, 1},
		`filter=userName+eq+"nobody"`:         {0, 0},
		`filter=externalId+eq+"same"`:         {12, 12},
		`filter=externalId+eq+"SAME"`:         {0, 0},
		`filter=externalId+eq+"same"&count=3`: {3, 12},
		`filter=emails[type+eq+"work"].value+eq+"U05@x.io"`:                 {1, 1},
		`filter=emails[type+eq+"work"+and+value+eq+"u05@x.io"]`:             {1, 1},
		`filter=externalId+eq+"same"+and+title+eq+"t1"`:                     {6, 6},
		`filter=title+eq+"t0"&startIndex=2&count=2`:                         {2, 6},
		`filter=active+eq+"False"`:                                          {1, 1},
		`filter=userName+eq+"off"`:                                          {1, 1},
		`filter=id+eq+"` + inactive.Meta.ID + `"`:                           {1, 1},
		`filter=id+eq+"` + inactive.Meta.ID + `"+and+manager+eq+"nobody"`:   {0, 0},
		`filter=urn:ietf:params:scim:schemas:core:2.0:User:userName+eq+u01`: {1, 1},
	} {
		if names, total := list(query); len(names) != want.page || total != want.total {
			t.Errorf("%s: %d of %d, want %v", query, len(names), total, want)
		}
	}
	// Pages follow one another in the order of creation.
	first, _ := list("count=7")
	rest, _ := list("startIndex=8&count=7")
	if all := append(first, rest...); len(all) != 13 || all[0] != "u00" && all[12] != "off" {
		t.Errorf("pages %v", all)
	}
}

func TestMembershipFilter(t *testing.T) {
	w := open(t)
	user, group := w.user(t, "ada").Meta.ID, w.group(t, "g").Meta.ID
	w.group(t, "h")
	if _, err := w.session.Patch(t.Context(), session.Groups, group, operations(t, add(user)), session.Condition{}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		`id eq "` + group + `" and members eq "` + user + `"`:        1,
		`members eq "` + user + `" and id eq "` + group + `"`:        1,
		`members[value eq "` + user + `"]`:                           1,
		`members.value eq "` + user + `"`:                            1,
		`id eq "` + group + `" and members eq "nobody"`:              0,
		`displayName eq "H" and members eq "` + user + `"`:           0,
		`not (members eq "` + user + `")`:                            1,
		`displayName eq "nobody" or members.value eq "` + user + `"`: 1,
	} {
		f, err := filter.Parse(scim.Groups, text)
		if err != nil {
			t.Fatal(text, err)
		}
		if page, err := w.session.List(t.Context(), session.Groups, query.Query{Filter: f, StartIndex: 1, Count: 10}); err != nil || page.Total != want {
			t.Errorf("%s: %d, %v", text, page.Total, err)
		}
	}
}

func TestDeletedIsGone(t *testing.T) {
	w := open(t)
	user := w.create(t, session.Users, `{"userName":"ada","externalId":"x"}`)
	if err := w.session.Delete(t.Context(), session.Users, user.Meta.ID, session.Condition{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.session.Get(t.Context(), session.Users, user.Meta.ID); fault.KindOf(err) != fault.NotFound {
		t.Errorf("get: %v", err)
	}
	if err := w.session.Delete(t.Context(), session.Users, user.Meta.ID, session.Condition{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("second delete: %v", err)
	}
	if again := w.user(t, "ADA"); again.Meta.ID == user.Meta.ID {
		t.Error("the id came back")
	}
}

// The records of a change fit one transaction at the limit.
func TestMaxEmails(t *testing.T) {
	w := open(t)
	body := func(prefix string, n int) string {
		emails := ""
		for i := range n {
			emails += fmt.Sprintf(`,{"type":%q,"value":"%s%d@x.io"}`, []string{"work", "home", "other"}[i%3], prefix, i)
		}
		return `{"userName":"` + prefix + `","externalId":"` + prefix + `","emails":[` + emails[1:] + `]}`
	}
	user := w.create(t, session.Users, body("a", session.MaxEmails))
	doc, _ := parse(t, session.Users, body("b", session.MaxEmails))
	if _, err := w.session.Replace(t.Context(), session.Users, user.Meta.ID, doc, nil, session.Condition{}); err != nil {
		t.Error(err)
	}
	doc, _ = parse(t, session.Users, body("c", session.MaxEmails+1))
	if _, err := w.session.Create(t.Context(), session.Users, doc, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("one more: %v", err)
	}
}

// A cancelled request writes nothing and says so.
func TestCancelled(t *testing.T) {
	w := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	doc, _ := parse(t, session.Users, `{"userName":"ada"}`)
	if _, err := w.session.Create(ctx, session.Users, doc, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// listMembers lists the members of a group as a GET of the group does.
func (w world) listMembers(ctx context.Context, group string) ([]any, error) {
	r, err := w.session.Get(ctx, session.Groups, group)
	if err != nil {
		return nil, err
	}
	return w.session.Members(ctx, r, "https://x/Users", session.NewRoom())
}
