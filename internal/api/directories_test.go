package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/session"
	"dsync/internal/settings"
	"dsync/internal/table"

	"github.com/google/go-cmp/cmp"
)

const custom = "urn:ietf:params:scim:schemas:extension:Acme:2.0:User"

func extension(urn string, attributes ...string) string {
	var list []string
	for _, a := range attributes {
		list = append(list, fmt.Sprintf(`{"name":%q,"type":"string","multiValued":false}`, a))
	}
	return fmt.Sprintf(`{"id":%q,"name":"Acme","attributes":[%s]}`, urn, strings.Join(list, ","))
}

func TestDirectories(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	d := w.must(t, 201, "POST", "/directories", `{"name":"Entra of Acme","organization_id":"`+org+`"}`)
	id, key := text(d, "id"), text(d, "external_key")
	first := d["token"].(map[string]any)
	secret := text(first, "token")
	delete(d, "token")
	want := map[string]any{
		"object": "directory", "id": id, "organization_id": org, "external_key": key, "type": "azure scim v2.0", "state": "validating",
		"name": "Entra of Acme", "tenant_url": "https://" + host + "/scim/v2.0/" + key, "extensions": []any{},
		"settings": map[string]any{
			"deactivation_policy": "suspend", "email_fallback": true, "raw_attributes": true, "lenient_patch": false,
			"unique_group_names": true, "nested_groups": "ignore",
			"group_patch_response": "none", "put_without_members": "keep", "user_groups": "request", "foreign_emails": "keep", "import_ids": false, "max_users": 1_000_000.0, "max_groups": 1_000_000.0,
			"attribute_mapping": map[string]any{
				"username": "userName", "job_title": "title", "employee_type": "userType", "emails": "emails", "addresses": "addresses",
				"employee_number": scim.EnterpriseURN + ":employeeNumber", "cost_center_name": scim.EnterpriseURN + ":costCenter",
				"organization": scim.EnterpriseURN + ":organization", "division_name": scim.EnterpriseURN + ":division",
				"department_name": scim.EnterpriseURN + ":department",
			},
		},
		"created_at": d["created_at"], "updated_at": d["created_at"],
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{
		"object": "directory_token", "id": first["id"], "directory_id": id, "organization_id": org, "token_suffix": secret[len(secret)-4:],
		"state": "active", "last_used_at": nil, "expires_at": nil, "created_at": d["created_at"], "token": secret,
	}, first); diff != "" {
		t.Error(diff)
	}
	want["last_sync_at"], want["last_day"], want["hourly_requests"] = nil, nil, slices.Repeat([]any{0.0}, 48) // only here
	if diff := cmp.Diff(want, w.must(t, 200, "GET", "/directories/"+id, "")); diff != "" {
		t.Error(diff)
	}

	// A directory is validating until the first request, linked from then on,
	// and unlinked while it is paused.
	state := func() any { return w.must(t, 200, "GET", "/directories/"+id, "")["state"] }
	paused := w.must(t, 200, "POST", "/directories/"+id+"/pause", "")
	again := w.must(t, 200, "POST", "/directories/"+id+"/pause", "{}")
	if paused["state"] != "unlinked" || !cmp.Equal(paused, again) {
		t.Errorf("%v, then %v", paused, again)
	}
	if s := scimRefusal(w, t, key, secret); s != fault.Paused {
		t.Errorf("a paused directory answers %d", s)
	}
	if w.must(t, 200, "POST", "/directories/"+id+"/resume", ""); state() != "validating" {
		t.Errorf("a directory that nobody has asked yet is %v", state())
	}
	w.restart()
	if s := scimRefusal(w, t, key, secret); s != 0 || state() != "linked" {
		t.Errorf("%d, %v", s, state())
	}
	w.must(t, 200, "POST", "/directories/"+id+"/pause", "")
	w.clock.advance(6 * time.Second)
	if s := scimRefusal(w, t, key, secret); s != fault.Paused {
		t.Errorf("a paused directory answers %d", s)
	}
	before := w.records(t)
	w.must(t, 200, "PATCH", "/directories/"+id, `{"name":"Entra of Acme","settings":{"email_fallback":true},"extensions":[]}`)
	w.must(t, 200, "PATCH", "/directories/"+id, ``)
	w.unchanged(t, before)
	w.must(t, 200, "POST", "/directories/"+id+"/resume", "")
	before = w.records(t)
	w.must(t, 200, "POST", "/directories/"+id+"/resume", "")
	w.unchanged(t, before)
	w.clock.advance(6 * time.Second)
	if s := scimRefusal(w, t, key, secret); s != 0 || state() != "linked" {
		t.Errorf("%d, %v", s, state())
	}

	for _, kind := range settings.DirectoryTypes {
		if d := w.must(t, 201, "POST", "/directories", `{"name":"x","organization_id":"`+org+`","type":"`+kind+`"}`); d["type"] != kind {
			t.Errorf("%v", d)
		}
	}
}

// scimRefusal is the kind of the refusal of a SCIM request, 0 for none.
func scimRefusal(w *world, t *testing.T, key, secret string) fault.Kind {
	t.Helper()
	_, _, err := w.functions.Authenticate(t.Context(), key, secret, "request-scim")
	if kind := fault.KindOf(err); kind != fault.Internal {
		return kind
	}
	t.Fatal(err)
	return 0
}

func TestSettings(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	d := w.directory(t, org, "Entra")
	jobs := func() int {
		list, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+d.id+"/jobs", ""))
		return len(list)
	}
	change := func(body string) map[string]any {
		return w.must(t, 200, "PATCH", "/directories/"+d.id, body)["settings"].(map[string]any)
	}
	// What does not change how users look starts no job.
	if s := change(`{"settings":{"lenient_patch":true,"nested_groups":"refuse"}}`); s["lenient_patch"] != true || s["nested_groups"] != "refuse" || jobs() != 0 {
		t.Errorf("%v, %d jobs", s, jobs())
	}
	// A mapping is brought into canonical form, and replaced as a whole.
	s := change(`{"settings":{"attribute_mapping":{"division":"` + strings.ToUpper(scim.EnterpriseURN) + `:DIVISION","mail":"EMAILS[TYPE EQ \"work\"].value"}}}`)
	if !cmp.Equal(s["attribute_mapping"], map[string]any{"division": scim.EnterpriseURN + ":division", "mail": `emails[type eq "work"].value`}) || jobs() != 1 {
		t.Errorf("%v, %d jobs", s, jobs())
	}
	if s["lenient_patch"] != true {
		t.Error("a setting that was not mentioned changed")
	}
	if s := change(`{"settings":{"attribute_mapping":{}}}`); !cmp.Equal(s["attribute_mapping"], map[string]any{}) || jobs() != 2 {
		t.Errorf("%v", s)
	}
	// null is the default, of each setting.
	w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"deactivation_policy":"delete","email_fallback":false,"raw_attributes":false,"unique_group_names":false,"group_patch_response":"group","put_without_members":"remove","user_groups":"lookup","foreign_emails":"withhold","import_ids":true,"max_users":7,"max_groups":10000000}}`)
	s = change(`{"settings":{"deactivation_policy":null,"email_fallback":null,"raw_attributes":null,"unique_group_names":null,"lenient_patch":null,"nested_groups":null,"attribute_mapping":null,"group_patch_response":null,"put_without_members":null,"user_groups":null,"foreign_emails":null,"import_ids":null,"max_users":null,"max_groups":null}}`)
	byDefault, _ := json.Marshal(settings.Default(settings.Entra))
	var want map[string]any
	_ = json.Unmarshal(byDefault, &want)
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	if record, err := table.New(w.db, w.table).Directory(t.Context(), d.id); err != nil || record.Settings != "" || record.View != "" {
		t.Errorf("the default is stored: %q, %q, %v", record.Settings, record.View, err)
	}
	// A job can be looked at.
	list, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+d.id+"/jobs?limit=1", ""))
	job := w.must(t, 200, "GET", "/jobs/"+list[0], "")
	if diff := cmp.Diff(map[string]any{
		"object": "job", "id": list[0], "directory_id": d.id, "task": "project users", "state": "running", "steps": 0.0, "done": 0.0, "failures": 0.0, "error": nil, "due_at": nil,
		"created_at": job["created_at"], "updated_at": job["created_at"],
	}, job); diff != "" {
		t.Error(diff)
	}
	// It tells when it is due, how often its next step has failed, and why it was
	// stopped. The error of an attempt stays inside.
	records := table.New(w.db, w.table)
	stored, err := records.Job(t.Context(), list[0])
	if err != nil {
		t.Fatal(err)
	}
	state := func(j table.Job) map[string]any {
		if err := records.PostponeJob(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		got := w.must(t, 200, "GET", "/jobs/"+list[0], "")
		return map[string]any{"state": got["state"], "due_at": got["due_at"], "failures": got["failures"], "error": got["error"]}
	}
	stored.Due, stored.Failures, stored.Error = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), 3, "DynamoDB Query: internal"
	if diff := cmp.Diff(map[string]any{"state": "running", "due_at": "2026-11-26T12:00:00.000Z", "failures": 3.0, "error": nil}, state(stored)); diff != "" {
		t.Error(diff)
	}
	stored.Due, stored.State, stored.Error = time.Time{}, table.JobFailed, "too many steps"
	if diff := cmp.Diff(map[string]any{"state": "failed", "due_at": nil, "failures": 3.0, "error": "too many steps"}, state(stored)); diff != "" {
		t.Error(diff)
	}

	// The tokens follow: what a session knows is what the directory says.
	w.must(t, 200, "PATCH", "/directories/"+d.id, `{"extensions":[`+extension(custom, "tag")+`],"settings":{"attribute_mapping":{"tag":"`+custom+`:TAG"}}}`)
	w.restart()
	users := w.session(t, d).Type(session.Users)
	if _, err := filter.ParsePath(users.ResourceType, custom+":tag"); err != nil {
		t.Error(err)
	}
	got := w.must(t, 200, "PATCH", "/directories/"+d.id, `{"extensions":[`+extension(custom, "tag")+`,`+extension(custom+"2", "x")+`]}`)
	if n := len(got["extensions"].([]any)); n != 2 {
		t.Errorf("%d extensions", n)
	}
}

// What is wrong with settings and schemas is told by name, and changes nothing.
func TestSettingsRefused(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	d := w.directory(t, org, "Entra")
	w.must(t, 200, "PATCH", "/directories/"+d.id, `{"extensions":[`+extension(custom, "tag")+`]}`)
	mapping := func(n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(`"k%d":"title"`, i)
		}
		return `{"attribute_mapping":{` + strings.Join(parts, ",") + `}}`
	}
	long := make([]string, 50)
	for i := range long {
		long[i] = fmt.Sprintf(`"k%d":"emails[display eq \"%s\"].value"`, i, strings.Repeat("x", 150))
	}
	before := w.records(t)
	for name, c := range map[string]struct{ settings, field string }{
		"unknown setting":            {`{"colour":"red"}`, "settings.colour"},
		"policy that is none":        {`{"deactivation_policy":"forget"}`, "settings.deactivation_policy"},
		"policy as a number":         {`{"deactivation_policy":1}`, "settings.deactivation_policy"},
		"nested groups that is none": {`{"nested_groups":"expand"}`, "settings.nested_groups"},
		"fallback as text":           {`{"email_fallback":"true"}`, "settings.email_fallback"},
		"raw as a number":            {`{"raw_attributes":1}`, "settings.raw_attributes"},
		"lenient as an object":       {`{"lenient_patch":{}}`, "settings.lenient_patch"},
		"unique as a list":           {`{"unique_group_names":[]}`, "settings.unique_group_names"},
		"response that is none":      {`{"group_patch_response":"204"}`, "settings.group_patch_response"},
		"members that are none":      {`{"put_without_members":"empty"}`, "settings.put_without_members"},
		"groups as a boolean":        {`{"user_groups":true}`, "settings.user_groups"},
		"foreign e-mails hidden":     {`{"foreign_emails":"hide"}`, "settings.foreign_emails"},
		"import as text":             {`{"import_ids":"true"}`, "settings.import_ids"},
		"no user":                    {`{"max_users":0}`, "settings.max_users"},
		"users as text":              {`{"max_users":"5"}`, "settings.max_users"},
		"a half group":               {`{"max_groups":1.5}`, "settings.max_groups"},
		"too many groups":            {`{"max_groups":10000001}`, "settings.max_groups"},
		"mapping as a list":          {`{"attribute_mapping":["title"]}`, "settings.attribute_mapping"},
		"mapping to a number":        {`{"attribute_mapping":{"a":1}}`, "settings.attribute_mapping"},
		"mapping to null":            {`{"attribute_mapping":{"a":null}}`, "settings.attribute_mapping.a"},
		"key in capitals":            {`{"attribute_mapping":{"Title":"title"}}`, "settings.attribute_mapping"},
		"key with a digit first":     {`{"attribute_mapping":{"1st":"title"}}`, "settings.attribute_mapping"},
		"key of 65":                  {`{"attribute_mapping":{"` + strings.Repeat("k", 65) + `":"title"}}`, "settings.attribute_mapping"},
		"unknown path":               {`{"attribute_mapping":{"a":"shoeSize"}}`, "settings.attribute_mapping.a"},
		"path with an operator":      {`{"attribute_mapping":{"a":"emails[type sw \"w\"].value"}}`, "settings.attribute_mapping.a"},
		"path that is broken":        {`{"attribute_mapping":{"a":"emails[type eq"}}`, "settings.attribute_mapping.a"},
		"extension as a whole":       {`{"attribute_mapping":{"a":"` + custom + `"}}`, "settings.attribute_mapping.a"},
		"extension of nobody":        {`{"attribute_mapping":{"a":"` + custom + `2:tag"}}`, "settings.attribute_mapping.a"},
		"51 keys":                    {mapping(51), "settings.attribute_mapping"},
		"too large":                  {`{"attribute_mapping":{` + strings.Join(long, ",") + `}}`, "settings.attribute_mapping"},
	} {
		invalid(t, name, w.call(t, w.manage, "PATCH", "/directories/"+d.id, `{"settings":`+c.settings+`}`), c.field)
		invalid(t, name+" at creation", w.call(t, w.manage, "POST", "/directories", `{"name":"x","organization_id":"`+org+`","settings":`+c.settings+`}`), c.field)
	}
	many := make([]string, 40)
	for i := range many {
		many[i] = extension(fmt.Sprint(custom, i), "a"+strings.Repeat("x", 100))
		many[i] = strings.Replace(many[i], `"Acme"`, `"`+strings.Repeat("d", 4000)+`"`, 1)
	}
	for name, extensions := range map[string]string{
		"broken":       `{}`,
		"changed":      extension(custom, "tag", "more"),
		"twice":        extension(custom+"2", "a") + "," + extension(custom+"2", "a"),
		"reserved":     extension(scim.EnterpriseURN, "a"),
		"large in all": strings.Join(many, ","),
	} {
		invalid(t, name, w.call(t, w.manage, "PATCH", "/directories/"+d.id, `{"extensions":[`+extensions+`]}`), "extensions")
	}
	w.unchanged(t, before)
	for _, limit := range []string{mapping(50), `{"attribute_mapping":{"` + strings.Repeat("k", 64) + `":"title"}}`} {
		w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":`+limit+`}`)
	}
}

func TestDeleteDirectory(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	d := w.directory(t, org, "Entra")
	user := d.user(t, "ada")
	group := d.group(t, "everybody", user)
	w.must(t, 201, "POST", "/directories/"+d.id+"/tokens", "")
	if s := w.call(t, w.manage, "DELETE", "/directories/"+d.id, ""); s.status != 202 || s.body != "Accepted" {
		t.Errorf("%d %s", s.status, s.body)
	}
	before := w.records(t)
	if s := w.call(t, w.manage, "DELETE", "/directories/"+d.id, ""); s.status != 202 || s.body != "Accepted" {
		t.Errorf("%d %s", s.status, s.body)
	}
	if got := w.must(t, 200, "GET", "/directories/"+d.id, ""); got["state"] != "deleting" {
		t.Errorf("%v", got["state"])
	}
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", "/directories/" + d.id, `{"name":"x"}`}, {"PATCH", "/directories/" + d.id, ``},
		{"POST", "/directories/" + d.id + "/pause", ``}, {"POST", "/directories/" + d.id + "/resume", ``},
		{"POST", "/directories/" + d.id + "/tokens", ``}, {"DELETE", "/directories/" + d.id + "/tokens/directory_token_01ARZ3NDEKTSV4RRFFQ69G5FAV", ``},
	} {
		if s := w.call(t, w.manage, c.method, c.path, c.body); s.status != 409 || s.object(t)["code"] != "directory_deleting" {
			t.Errorf("%s %s: %d %s", c.method, c.path, s.status, s.body)
		}
	}
	for _, path := range []string{
		"/directory_users?directory=" + d.id, "/directory_groups?directory=" + d.id, "/directory_users?group=" + group, "/directory_groups?user=" + user,
		"/directory_users/" + user, "/directory_groups/" + group, "/directory_users/" + user + "?directory=" + d.id,
	} {
		if s := w.call(t, w.read, "GET", path, ""); s.status != 404 {
			t.Errorf("%s: %d %s", path, s.status, s.body)
		}
	}
	w.restart()
	if s := scimRefusal(w, t, d.key, d.secret); s != fault.Unauthorized {
		t.Errorf("a token of a deleted directory: %d", s)
	}
	w.unchanged(t, before)

	// One job removes the directory, and the tokens go by themselves.
	records := table.New(w.db, w.table)
	list, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+d.id+"/jobs", ""))
	if job, err := records.Job(t.Context(), list[0]); err != nil || len(list) != 1 || job.Task != table.Purge || job.Subject != d.id || job.RequestID != "request-1" {
		t.Errorf("%+v, %v", job, err)
	}
	s := w.call(t, w.read, "GET", "/directories/"+d.id+"/tokens", "")
	for _, token := range s.object(t)["data"].([]any) {
		if token.(map[string]any)["state"] != "revoked" {
			t.Errorf("%v", token)
		}
	}
	record, err := records.Directory(t.Context(), d.id)
	if err != nil || len(record.Tokens) != 0 {
		t.Errorf("%+v, %v", record, err)
	}
	// After the purge it was never there.
	if err := records.RemoveDirectory(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if s := w.call(t, w.read, "GET", "/directories/"+d.id, ""); s.status != 404 || s.body != `{"code":"entity_not_found","entity_id":"`+d.id+`","message":"Directory not found: '`+d.id+`'."}`+"\n" {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.must(t, 404, "DELETE", "/directories/"+d.id, "")
	w.must(t, 202, "DELETE", "/organizations/"+org, "")
}

// Changes of one directory that meet all take effect, one after the other.
func TestDirectoryRace(t *testing.T) {
	w := open(t)
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	record := func() table.Directory {
		r, err := table.New(w.db, w.table).Directory(t.Context(), d.id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	before := record().Version
	var wait sync.WaitGroup
	for _, body := range []string{`{"name":"new"}`, `{"settings":{"lenient_patch":true}}`, `{"settings":{"email_fallback":false}}`, `{"settings":{"raw_attributes":false}}`, `{"extensions":[` + extension(custom, "a") + `]}`} {
		wait.Go(func() {
			if s := w.call(t, w.manage, "PATCH", "/directories/"+d.id, body); s.status != 200 {
				t.Errorf("%d %s", s.status, s.body)
			}
		})
	}
	wait.Wait()
	after := record()
	s, err := settings.Parse(after.SCIMConfig)
	if err != nil || after.Name != "new" || !s.LenientPatch || s.EmailFallback || s.RawAttributes || after.Extensions == "" || after.Version != before+5 {
		t.Errorf("%+v, %+v, %v", after, s, err)
	}
	token, err := table.New(w.db, w.table).Token(t.Context(), after.Tokens[0].Hash)
	if err != nil || !token.SCIMConfig.Equal(after.SCIMConfig) {
		t.Errorf("the token says %+v, the directory %+v, %v", token.SCIMConfig, after.SCIMConfig, err)
	}
}
