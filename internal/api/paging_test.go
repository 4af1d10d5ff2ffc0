package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// walk follows the cursors of a list to its end.
func walk(t *testing.T, w *world, path string, limit int, direction, from string) []string {
	t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	var all []string
	for range 1000 {
		at := fmt.Sprintf("%s%slimit=%d", path, separator, limit)
		if from != "" {
			at += "&" + direction + "=" + from
		}
		page, before, after := ids(t, w.call(t, w.manage, "GET", at, ""))
		if len(page) > limit {
			t.Fatalf("%s: %d objects", at, len(page))
		}
		if direction == "after" {
			all, from = append(all, page...), after
		} else {
			all, from = append(page, all...), before
		}
		if from == "" {
			return all
		}
	}
	t.Fatalf("%s has no end", path)
	return nil
}

// Every list can be read to its end, in both orders and both directions, with
// pages of any size.
func TestPaging(t *testing.T) {
	w := open(t)
	var orgs []string
	for i := range 7 {
		orgs = append(orgs, text(w.must(t, 201, "POST", "/organizations", fmt.Sprintf(`{"name":"Customer %d","domain_data":[{"domain":"a%d.example"},{"domain":"b%d.example"}]}`, i, i%2, i%3)), "id"))
	}
	var dirs []string
	for i := range 7 {
		dirs = append(dirs, w.directory(t, orgs[0], fmt.Sprint("Entra ", i)).id)
	}
	elsewhere := w.directory(t, orgs[1], "Entra elsewhere")
	d := w.directory(t, orgs[2], "Okta")
	var users, groups, members, jobs, tokens, keys []string
	for i := range 9 {
		u := d.user(t, fmt.Sprint("user-", i))
		users = append(users, u)
		if i%2 == 0 {
			members = append(members, u)
		}
	}
	for i := range 7 {
		groups = append(groups, d.group(t, fmt.Sprint("group-", i), members...))
	}
	for range 5 {
		w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"raw_attributes":false}}`)
		w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"raw_attributes":true}}`)
	}
	for range 4 {
		k := w.must(t, 201, "POST", "/directories/"+d.id+"/tokens", "")
		w.must(t, 204, "DELETE", "/directories/"+d.id+"/tokens/"+text(k, "id"), "")
		w.must(t, 201, "POST", "/api_keys", `{"name":"x","scope":"read"}`)
	}
	jobs = walk(t, w, "/directories/"+d.id+"/jobs?order=asc", 100, "after", "")
	tokens = walk(t, w, "/directories/"+d.id+"/tokens?order=asc", 100, "after", "")
	keys = walk(t, w, "/api_keys?order=asc", 100, "after", "")
	if len(jobs) != 10 || len(tokens) != 5 || len(keys) != 6 {
		t.Fatalf("%d jobs, %d tokens, %d keys", len(jobs), len(tokens), len(keys))
	}
	audited := walk(t, w, "/audit_events?order=asc", 100, "after", "") // the first two are of the keys of the test
	ofDirectory := walk(t, w, "/audit_events?order=asc&directory_id="+d.id, 100, "after", "")
	if len(ofDirectory) != 1+10+4*2 {
		t.Errorf("%d audit events of the directory", len(ofDirectory))
	}
	all := slices.Concat(dirs, []string{elsewhere.id, d.id})
	a0 := []string{orgs[0], orgs[2], orgs[4], orgs[6]}
	for path, want := range map[string][]string{
		"/organizations":                                                    orgs,
		"/organizations?search=CUSTOMER":                                    orgs,
		"/organizations?search=r%203":                                       {orgs[3]},
		"/organizations?search=nobody":                                      nil,
		"/organizations?domains=a0.example":                                 a0,
		"/organizations?domains[]=a0.example&domains=A0.example,b1.example": {orgs[0], orgs[1], orgs[2], orgs[4], orgs[6]},
		"/organizations?domains=a1.example,b0.example,b1.example&search=5":  {orgs[5]},
		"/directories":                                                      all,
		"/directories?search=entra":                                         all[:8],
		"/directories?organization_id=" + orgs[0]:                           dirs,
		"/directories?search=a%203&organization_id=" + orgs[0]:              {dirs[3]},
		"/directories?organization_id=" + orgs[6]:                           nil,
		"/directory_users?directory=" + d.id:                                users,
		"/directory_users?group=" + groups[3]:                               members,
		"/directory_groups?directory=" + d.id:                               groups,
		"/directory_groups?user=" + users[0]:                                groups,
		"/directory_groups?user=" + users[1]:                                nil,
		"/directories/" + d.id + "/jobs":                                    jobs,
		"/directories/" + d.id + "/tokens":                                  tokens,
		"/api_keys":                                                         keys,
		"/audit_events":                                                     audited,
		"/audit_events?directory_id=" + d.id:                                ofDirectory,
		"/audit_events?organization_id=" + orgs[2]:                          slices.Concat(audited[4:5], ofDirectory),
		"/audit_events?action=api_key.revoked":                              nil,
		"/audit_events?action=directory.created&organization_id=" + orgs[2]: ofDirectory[:1],
	} {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		for _, order := range []string{"", "asc", "desc"} {
			at, want := path, slices.Clone(want)
			if order != "" {
				at += separator + "order=" + order
			}
			if order != "asc" {
				slices.Reverse(want)
			}
			for _, limit := range []int{1, 2, 3, 100} {
				if got := walk(t, w, at, limit, "after", ""); !slices.Equal(got, want) {
					t.Errorf("%s by %d: %v, not %v", at, limit, got, want)
				}
				if n := len(want); n > 0 {
					if got := walk(t, w, at, limit, "before", want[n-1]); !slices.Equal(got, want[:n-1]) {
						t.Errorf("%s by %d, back from the end: %v, not %v", at, limit, got, want[:n-1])
					}
				}
			}
		}
	}
	// The cursors of a page in the middle lead to its neighbours.
	middle, before, after := ids(t, w.call(t, w.read, "GET", "/directory_users?order=asc&limit=3&directory="+d.id+"&after="+users[2], ""))
	if !slices.Equal(middle, users[3:6]) || before != users[3] || after != users[5] {
		t.Errorf("%v %s %s", middle, before, after)
	}
	again, before, after := ids(t, w.call(t, w.read, "GET", "/directory_users?order=asc&limit=3&directory="+d.id+"&before="+users[6], ""))
	if !slices.Equal(again, middle) || before != users[3] || after != users[5] {
		t.Errorf("%v %s %s", again, before, after)
	}
}

// copies writes n users like one, under ids of their own that follow its.
func (w *world) copies(t testing.TB, d connection, user string, n int) {
	t.Helper()
	out, err := w.db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &w.table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	u := strings.TrimPrefix(user, "directory_user_")
	var one map[string]types.AttributeValue
	for _, i := range out.Items {
		if id, ok := i["id"].(*types.AttributeValueMemberS); ok && id.Value == user && i["doc"] != nil {
			one = i
		}
	}
	var requests []types.WriteRequest
	for n := range n {
		next := u[:18] + fmt.Sprintf("%08d", n)
		i := map[string]types.AttributeValue{}
		for name, v := range one {
			if s, ok := v.(*types.AttributeValueMemberS); ok {
				v = &types.AttributeValueMemberS{Value: strings.ReplaceAll(s.Value, u, next)}
			}
			i[name] = v
		}
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: i}})
	}
	for chunk := range slices.Chunk(requests, 25) {
		if out, err := w.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{w.table: chunk}}); err != nil || len(out.UnprocessedItems) > 0 {
			t.Fatal(err)
		}
	}
}

// What a page costs does not depend on where it is, nor on how many users
// there are.
func TestPagesOfALargeDirectory(t *testing.T) {
	const many = 20_000
	w := open(t)
	off := &types.StreamSpecification{StreamEnabled: aws.Bool(false)}
	if _, err := w.db.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: &w.table, StreamSpecification: off}); err != nil {
		t.Fatal(err)
	}
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	w.copies(t, d, d.create(t, session.Users, `{"userName":"ada","active":true,"title":"`+strings.Repeat("x", 1700)+`"}`), many)
	all, _, err := table.New(w.db, w.table).IDs(t.Context(), table.User, d.id, "", 2*many)
	if err != nil || len(all) != many+1 {
		t.Fatalf("%d users, %v", len(all), err)
	}
	for _, limit := range []int{10, 100} {
		for _, at := range []struct{ name, cursor string }{{"start", ""}, {"middle", "&after=" + all[many/2]}, {"end", "&after=" + all[limit]}} {
			w.call(t, w.read, "GET", "/nothing", "") // reads the key
			ctx, meter := table.WithMeter(context.Background())
			s := w.within(t, ctx, w.read, "GET", fmt.Sprintf("/directory_users?directory=%s&limit=%d%s", d.id, limit, at.cursor), "")
			page, _, _ := ids(t, s)
			t.Logf("%3d users at the %-6s %3d round trips %5.1f read units %6d bytes", len(page), at.name, meter.RoundTrips, meter.ReadUnits, len(s.body))
			// The directory, the cursor, the index, and the users.
			if len(page) != limit || meter.RoundTrips > 4 || meter.ReadUnits > 4+float64(limit) {
				t.Errorf("%d users for %d round trips and %.1f units", len(page), meter.RoundTrips, meter.ReadUnits)
			}
		}
	}
}
