package api_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"dsync/internal/management"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

func TestUsersAndGroups(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	d := w.directory(t, org, "Entra")
	ada, bob := d.user(t, "ada"), d.user(t, "bob")
	staff := d.group(t, "staff", ada, bob)
	admins := d.group(t, "admins", ada)

	got := w.must(t, 200, "GET", "/directory_groups/"+staff, "")
	group := map[string]any{
		"object": "directory_group", "id": staff, "directory_id": d.id, "organization_id": org, "idp_id": "x-staff", "name": "staff",
		"raw_attributes": got["raw_attributes"], "created_at": got["created_at"], "updated_at": got["updated_at"],
	}
	if diff := cmp.Diff(group, got); diff != "" {
		t.Error(diff)
	}
	got = w.must(t, 200, "GET", "/directory_users/"+ada, "")
	second := w.must(t, 200, "GET", "/directory_groups/"+admins, "")
	user := map[string]any{
		"object": "directory_user", "id": ada, "directory_id": d.id, "organization_id": org, "idp_id": "x-ada", "email": "ada@work.example", "email_domain_verified": false,
		"first_name": "Ada", "last_name": "Lovelace", "name": "Ada Lovelace", "state": "active", "raw_attributes": got["raw_attributes"],
		"custom_attributes": map[string]any{"username": "ada", "emails": []any{map[string]any{"type": "work", "primary": true, "value": "ada@work.example"}}},
		"groups":            []any{group, second}, "created_at": got["created_at"], "updated_at": got["updated_at"],
	}
	if diff := cmp.Diff(user, got); diff != "" {
		t.Error(diff)
	}
	// A list shows the same user, with its groups if that is asked for.
	bare := maps.Clone(user)
	bare["groups"] = []any{}
	for include, want := range map[string]any{"": bare, "&include=groups": user} {
		for _, of := range []string{"directory=" + d.id, "group=" + staff} {
			listed := w.must(t, 200, "GET", "/directory_users?order=asc&limit=1&"+of+include, "")["data"].([]any)
			if diff := cmp.Diff([]any{want}, listed); diff != "" {
				t.Errorf("the list of %s%s shows another: %s", of, include, diff)
			}
		}
	}
	// With or without the directory named, in a process that knows nothing.
	for _, path := range []string{"/directory_users/" + ada, "/directory_users/" + ada + "?directory=" + d.id} {
		w.restart()
		if diff := cmp.Diff(user, w.must(t, 200, "GET", path, "")); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}

	list := func(path string) []string {
		found, _, _ := ids(t, w.call(t, w.read, "GET", path, ""))
		return found
	}
	for path, want := range map[string][]string{
		"/directory_users?directory=" + d.id:                      {bob, ada},
		"/directory_users?order=normal&directory=" + d.id:         {bob, ada},
		"/directory_users?order=asc&directory=" + d.id:            {ada, bob},
		"/directory_users?group=" + staff:                         {bob, ada},
		"/directory_users?group=" + admins:                        {ada},
		"/directory_users?group=" + admins + "&directory=" + d.id: {ada},
		"/directory_groups?directory=" + d.id:                     {admins, staff},
		"/directory_groups?user=" + ada:                           {admins, staff},
		"/directory_groups?order=asc&user=" + ada:                 {staff, admins},
		"/directory_groups?user=" + bob + "&directory=" + d.id:    {staff},
	} {
		if got := list(path); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", path, got, want)
		}
	}

	// By what they are shown with.
	plain := d.create(t, session.Users, `{"userName":"carol@plain.example"}`)
	home := d.create(t, session.Users, `{"userName":"dave","externalId":"x-twice","emails":[{"type":"work","value":"d1@work.example"},{"type":"home","primary":true,"value":"dave@home.example"}]}`)
	twice := d.create(t, session.Users, `{"userName":"erin","externalId":"x-twice"}`)
	for query, want := range map[string][]string{
		"idp_id=x-ada":               {ada},
		"idp_id=X-ADA":               nil,
		"idp_id=ada":                 nil, // a userName, but its idp_id is another
		"idp_id=carol@plain.example": {plain},
		"idp_id=x-twice":             {twice, home},
		"idp_id=x-twice&order=asc":   {home, twice},
		"idp_id=nobody":              nil,
		"email=ADA@work.example":     {ada},
		"email=carol@plain.example":  {plain},
		"email=d1@work.example":      {home},
		"email=ada":                  nil,
		"email=nobody@work.example":  nil,
	} {
		if got := list("/directory_users?directory=" + d.id + "&" + query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", query, got, want)
		}
	}
	for name, want := range map[string][]string{"staff": {staff}, "STAFF": {staff}, "sta": nil, "nobody": nil} {
		if got := list("/directory_groups?directory=" + d.id + "&name=" + name); !slices.Equal(got, want) {
			t.Errorf("the groups called %s: %v, not %v", name, got, want)
		}
	}
	first, _, after := ids(t, w.call(t, w.read, "GET", "/directory_users?limit=1&idp_id=x-twice&directory="+d.id, ""))
	rest, before, end := ids(t, w.call(t, w.read, "GET", "/directory_users?limit=1&idp_id=x-twice&directory="+d.id+"&after="+after, ""))
	if !slices.Equal(first, []string{twice}) || !slices.Equal(rest, []string{home}) || before != home || end != "" {
		t.Errorf("%v, %v, %q, %q", first, rest, before, end)
	}

	// Who is deleted is gone, and nobody's group or member.
	d.delete(t, session.Users, bob)
	d.delete(t, session.Groups, admins)
	w.must(t, 404, "GET", "/directory_users/"+bob, "")
	w.must(t, 404, "GET", "/directory_users?group="+admins, "")
	if got := list("/directory_users?group=" + staff); !slices.Equal(got, []string{ada}) {
		t.Errorf("%v", got)
	}
	if got := list("/directory_groups?user=" + ada); !slices.Equal(got, []string{staff}) {
		t.Errorf("%v", got)
	}
	if groups := w.must(t, 200, "GET", "/directory_users/"+ada, "")["groups"].([]any); len(groups) != 1 {
		t.Errorf("%v", groups)
	}
	// A cursor stays good when who it names is deleted.
	if got := list("/directory_users?directory=" + d.id + "&after=" + bob); !slices.Equal(got, []string{ada}) {
		t.Errorf("%v", got)
	}
}

// Under the policy delete, who is inactive is not there.
func TestHiddenUsers(t *testing.T) {
	w := open(t)
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"deactivation_policy":"delete","raw_attributes":false}}`)
	w.restart()
	d.session = w.session(t, d)
	ada, bob := d.user(t, "ada"), d.user(t, "bob")
	staff := d.group(t, "staff", ada, bob)
	d.patch(t, session.Users, bob, `{"op":"replace","path":"active","value":false}`)
	for _, path := range []string{"/directory_users/" + bob, "/directory_groups?user=" + bob} {
		if s := w.call(t, w.read, "GET", path, ""); s.status != 404 || s.body != `{"message":"Not Found"}`+"\n" {
			t.Errorf("%s: %d %s", path, s.status, s.body)
		}
	}
	for query, want := range map[string][]string{
		"directory=" + d.id: {ada}, "group=" + staff: {ada}, "directory=" + d.id + "&idp_id=x-bob": nil, "directory=" + d.id + "&email=bob@work.example": nil,
		"limit=1&directory=" + d.id: {ada},
	} {
		if got, _, _ := ids(t, w.call(t, w.read, "GET", "/directory_users?"+query, "")); !slices.Equal(got, want) {
			t.Errorf("%s: %v", query, got)
		}
	}
	if got := w.must(t, 200, "GET", "/directory_groups/"+staff, ""); len(got["raw_attributes"].(map[string]any)) != 0 {
		t.Errorf("a group shows what its directory does not: %v", got)
	}
	d.patch(t, session.Users, bob, `{"op":"replace","path":"active","value":true}`)
	if got := w.must(t, 200, "GET", "/directory_users/"+bob, ""); len(got["groups"].([]any)) != 1 {
		t.Errorf("%v", got)
	}
}

// No key sees another system; within one, no filter mixes directories.
func TestDirectoriesDoNotMix(t *testing.T) {
	w := open(t)
	a, b := w.directory(t, w.organization(t, "A"), "Entra"), w.directory(t, w.organization(t, "B"), "Entra")
	userA, userB := a.user(t, "ada"), b.user(t, "ada")
	groupA, groupB := a.group(t, "staff", userA), b.group(t, "staff", userB)
	before := w.records(t)
	for _, path := range []string{
		"/directory_users/" + userA + "?directory=" + b.id,
		"/directory_groups/" + groupA + "?directory=" + b.id,
		"/directory_users?group=" + groupA + "&directory=" + b.id,
		"/directory_groups?user=" + userA + "&directory=" + b.id,
		"/directory_groups/" + userA, "/directory_users/" + groupA,
	} {
		if s := w.call(t, w.read, "GET", path, ""); s.status != 404 || s.body != `{"message":"Not Found"}`+"\n" {
			t.Errorf("%s: %d %s", path, s.status, s.body)
		}
	}
	for _, c := range []struct{ path, field string }{
		{"/directory_users?directory=" + b.id + "&after=" + userA, "after"},
		{"/directory_users?directory=" + b.id + "&before=" + userA, "before"},
		{"/directory_users?group=" + groupB + "&after=" + userA, "after"},
		{"/directory_groups?directory=" + b.id + "&after=" + groupA, "after"},
		{"/directory_groups?user=" + userB + "&before=" + groupA, "before"},
	} {
		invalid(t, c.path, w.call(t, w.read, "GET", c.path, ""), c.field)
	}
	for path, want := range map[string]string{
		"/directory_users?directory=" + a.id: userA, "/directory_users?directory=" + b.id: userB,
		"/directory_users?group=" + groupA: userA, "/directory_groups?user=" + userB: groupB, "/directory_groups?directory=" + a.id: groupA,
		"/directory_users?directory=" + a.id + "&idp_id=x-ada": userA, "/directory_users?directory=" + b.id + "&email=ada@work.example": userB,
		"/directories?organization_id=" + a.organization: a.id, "/directories?organization_id=" + b.organization: b.id,
	} {
		if got, _, _ := ids(t, w.call(t, w.read, "GET", path, "")); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, not %s", path, got, want)
		}
	}
	if got, _, _ := ids(t, w.call(t, w.read, "GET", "/directories?organization_id=org_"+nobody, "")); len(got) != 0 {
		t.Errorf("%v", got)
	}
	w.unchanged(t, before)
}

// unclaim deletes the claims of ids.
func (w *world) unclaim(t testing.TB) {
	t.Helper()
	all, err := w.db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &w.table, ConsistentRead: aws.Bool(true),
		FilterExpression: aws.String("sk = :sk"), ExpressionAttributeValues: map[string]types.AttributeValue{":sk": &types.AttributeValueMemberS{Value: "I"}}})
	if err != nil || len(all.Items) == 0 {
		t.Fatal(len(all.Items), err)
	}
	for _, i := range all.Items {
		key := map[string]types.AttributeValue{"pk": i["pk"], "sk": i["sk"]}
		if _, err := w.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &w.table, Key: key}); err != nil {
			t.Fatal(err)
		}
	}
}

// An id does not tell the directory: a claim leads to it. Without one it is found
// in any of many directories, in few reads.
func TestLocate(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	first := w.directory(t, org, "first")
	user := first.user(t, "ada")
	late := 0
	for i := range 120 {
		if _, _, _, err := w.management().CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: org, Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		late++
	}
	last := w.directory(t, org, "last")
	group := last.group(t, "staff", last.user(t, "bob"))
	cost := func(path string, status int) *table.Meter {
		ctx, meter := table.WithMeter(t.Context())
		if s := w.within(t, ctx, w.read, "GET", path, ""); s.status != status {
			t.Errorf("%s: %d %s", path, s.status, s.body)
		}
		return meter
	}
	w.restart()
	cold := cost("/directory_groups/"+group, 200)
	if cold.RoundTrips > 4 { // key, claim, group, directory
		t.Errorf("%d round trips to find a group in %d directories", cold.RoundTrips, late+2)
	}
	if warm := cost("/directory_groups/"+group, 200); warm.RoundTrips != 2 {
		t.Errorf("%d round trips for a group that was seen before", warm.RoundTrips)
	}
	w.restart()
	cost("/directories", 200) // the key
	if hinted := cost("/directory_groups/"+group+"?directory="+last.id, 200); hinted.RoundTrips != 2 {
		t.Errorf("%d round trips with the directory named", hinted.RoundTrips)
	}
	if got := w.must(t, 200, "GET", "/directory_users/"+user, ""); got["directory_id"] != first.id {
		t.Errorf("%v", got)
	}
	// Who was created in a directory that an old list of them does not have.
	fresh := w.directory(t, org, "fresh")
	ada := fresh.user(t, "ada")
	if got := w.must(t, 200, "GET", "/directory_users/"+ada, ""); got["directory_id"] != fresh.id {
		t.Errorf("%v", got)
	}
	// Who was created by an earlier version, and has no claim of its id.
	w.unclaim(t)
	w.restart()
	cold = cost("/directory_groups/"+group, 200)
	if cold.RoundTrips > 8 { // key, claim, whether all have one, directories, two reads of them, directory
		t.Errorf("%d round trips to find a group in %d directories", cold.RoundTrips, late+2)
	}
	if warm := cost("/directory_groups/"+group, 200); warm.RoundTrips != 2 {
		t.Errorf("%d round trips for a group that was seen before", warm.RoundTrips)
	}
	if got := w.must(t, 200, "GET", "/directory_users/"+user, ""); got["directory_id"] != first.id {
		t.Errorf("%v", got)
	}
	// Who was created in a directory that an old list of them does not have.
	newest := w.directory(t, org, "newest")
	eve := newest.user(t, "eve")
	w.unclaim(t)
	if got := w.must(t, 200, "GET", "/directory_users/"+eve, ""); got["directory_id"] != newest.id {
		t.Errorf("%v", got)
	}
	cost("/directory_users/directory_user_7ZZZZZZZZZZZZZZZZZZZZZZZZZ", 404)
	cost("/directory_users/directory_user_"+nobody, 404)
}

// A user is shown with the first hundred of its groups; all are listed.
func TestManyGroupsOfAUser(t *testing.T) {
	w := open(t)
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	ada := d.user(t, "ada")
	var groups []string
	for i := range management.MaxUserGroups + 1 {
		groups = append(groups, d.group(t, fmt.Sprint("group ", i), ada))
	}
	shown := w.must(t, 200, "GET", "/directory_users/"+ada, "")["groups"].([]any)
	if len(shown) != management.MaxUserGroups || shown[0].(map[string]any)["id"] != groups[0] {
		t.Errorf("%d groups", len(shown))
	}
	all := walk(t, w, "/directory_groups?user="+ada+"&order=asc", 40, "after", "")
	if !slices.Equal(all, groups) {
		t.Errorf("%d of %d groups", len(all), len(groups))
	}
}
