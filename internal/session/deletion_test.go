package session_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"dsync/internal/awslocal/faults"
	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/query"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// found counts the resources that match a filter.
func (w world) found(t *testing.T, kind session.Type, text string) int {
	t.Helper()
	f, err := filter.Parse(kind.ResourceType, text)
	if err != nil {
		t.Fatal(err)
	}
	page, err := w.session.List(t.Context(), kind, query.Query{Filter: f, StartIndex: 1, Count: 10})
	if err != nil {
		t.Fatal(err)
	}
	return page.Total
}

// A deleted user is no member of any group when its deletion is answered, and a
// deleted group has no members.
func TestDeletionTakesMemberships(t *testing.T) {
	w := open(t)
	ada, bob := w.user(t, "ada").Meta.ID, w.user(t, "bob").Meta.ID
	var groups []string
	for i := range 30 { // more than one batch
		group := w.group(t, fmt.Sprint("g", i)).Meta.ID
		if _, err := w.session.Patch(t.Context(), session.Groups, group, operations(t, add(ada, bob)), session.Condition{}); err != nil {
			t.Fatal(err)
		}
		groups = append(groups, group)
	}
	if err := w.session.Delete(t.Context(), session.Users, ada, session.Condition{}); err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		if members := w.members(t, group); len(members) != 1 || !members[bob] {
			t.Errorf("%s has the members %v", group, members)
		}
	}
	if n := w.found(t, session.Groups, `id eq "`+groups[0]+`" and members eq "`+ada+`"`); n != 0 {
		t.Errorf("the deleted user is found in a group")
	}

	if err := w.session.Delete(t.Context(), session.Groups, groups[0], session.Condition{}); err != nil {
		t.Fatal(err)
	}
	if n := w.found(t, session.Users, `groups eq "`+groups[0]+`"`); n != 0 {
		t.Errorf("%d users are found in the deleted group", n)
	}
	if list, err := w.session.Groups(t.Context(), bob, "https://x/Groups"); err != nil || len(list) != len(groups)-1 {
		t.Errorf("bob is in %d groups, %v", len(list), err)
	}
}

// A deletion takes MaxCleared memberships along. A job removes the others.
func TestMaxCleared(t *testing.T) {
	for memberships, left := range map[int]int{session.MaxCleared: 0, session.MaxCleared + 1: 1} {
		w := open(t)
		user := w.user(t, "ada").Meta.ID
		var members []table.Membership
		for i := range memberships {
			members = append(members, table.Membership{DirectoryID: w.directory.ID, GroupID: fmt.Sprintf("directory_group_01%024d", i), UserID: user, At: time.Now()})
		}
		if err := w.table.PutMemberships(t.Context(), members); err != nil {
			t.Fatal(err)
		}
		if err := w.session.Delete(t.Context(), session.Users, user, session.Condition{}); err != nil {
			t.Fatal(err)
		}
		if kept, _, err := w.table.KeptMemberships(t.Context(), w.directory.ID, user, "", 1000); err != nil || len(kept) != left {
			t.Errorf("%d of %d memberships are left, want %d; %v", len(kept), memberships, left, err)
		}
		running, err := w.table.RunningJobs(t.Context(), time.Now())
		if err != nil || len(running) != 1 || running[0].Task != table.ClearMemberships || running[0].Subject != user || running[0].Kind != table.User {
			t.Errorf("the jobs are %+v, %v", running, err)
		}
	}
}

// When the memberships cannot be removed, the deletion fails although the user
// is deleted: a client that tries again learns that. The job is there to remove
// them.
func TestDeletionEndsInTheMiddle(t *testing.T) {
	api, name := dsynctest.Table(t)
	o := api.Options()
	o.RetryMaxAttempts = 1
	o.HTTPClient = &http.Client{Transport: faults.New(http.DefaultTransport, 1, faults.Rule{
		Fault: faults.LoseCall(), When: faults.Operations("BatchWriteItem"), Skip: 1,
	})}
	w := on(t, table.New(dynamodb.New(o), name))
	user, group := w.user(t, "ada").Meta.ID, w.group(t, "g").Meta.ID
	if _, err := w.session.Patch(t.Context(), session.Groups, group, operations(t, add(user)), session.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := w.session.Delete(t.Context(), session.Users, user, session.Condition{}); err == nil || fault.KindOf(err) == fault.NotFound {
		t.Errorf("the deletion: %v", err)
	}
	if err := w.session.Delete(t.Context(), session.Users, user, session.Condition{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("the deletion again: %v", err)
	}
	running, err := w.table.RunningJobs(t.Context(), time.Now())
	if err != nil || len(running) != 1 || running[0].Task != table.ClearMemberships || running[0].Subject != user {
		t.Errorf("the jobs are %+v, %v", running, err)
	}
}

// What the deletion of a user in three groups costs. A membership bills a unit,
// and another one for its entry in the index.
func TestBudgetOfDeletion(t *testing.T) {
	w := open(t)
	user := w.user(t, "ada").Meta.ID
	for i := range 3 {
		if err := w.patch(t, session.Groups, w.group(t, fmt.Sprint("g", i)).Meta.ID, add(user))(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	spend(t, "delete user in 3 groups (bills 16 and 2 a group)", budget{4, 18, 1.5}, func(ctx context.Context) error {
		return w.session.Delete(ctx, session.Users, user, session.Condition{})
	})
}

// A PUT that leaves members out removes them as the users they are: the record
// of a removed hidden member says that consumers do not know it, and that of a
// visible one has the user's generation. Their events follow from that.
func TestRemovedMembersKeepTheirState(t *testing.T) {
	api, name := dsynctest.Table(t)
	w := on(t, table.New(api, name))
	old, err := w.table.Directory(t.Context(), w.directory.ID)
	if err != nil {
		t.Fatal(err)
	}
	next := old
	next.Version++
	next.View = dsync.Projection{Mapping: dsync.DefaultMapping(), Deactivation: dsync.Delete}.Encode()
	if err := w.table.ReplaceDirectory(t.Context(), old, next, nil); err != nil {
		t.Fatal(err)
	}
	w.functions = session.NewAuthenticator(w.table, time.Now, rand.Reader)
	w = w.open(t)
	hidden := w.create(t, session.Users, `{"userName":"hidden","active":false}`).Meta.ID
	returned := w.create(t, session.Users, `{"userName":"returned","active":false}`).Meta.ID
	if err := w.patch(t, session.Users, returned, `{"op":"Replace","path":"active","value":true}`)(t.Context()); err != nil {
		t.Fatal(err)
	}
	group := w.group(t, "g").Meta.ID
	if _, err := w.session.Patch(t.Context(), session.Groups, group, operations(t, add(hidden, returned)), session.Condition{}); err != nil {
		t.Fatal(err)
	}
	doc, members := parse(t, session.Groups, `{"displayName":"g","members":[]}`)
	if _, err := w.session.Replace(t.Context(), session.Groups, group, doc, members, session.Condition{}); err != nil {
		t.Fatal(err)
	}
	out, err := api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name, FilterExpression: aws.String("begins_with(sk, :m) AND deleted = :true"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":m": &types.AttributeValueMemberS{Value: "M#"}, ":true": &types.AttributeValueMemberBOOL{Value: true}}})
	if err != nil {
		t.Fatal(err)
	}
	var removed []table.Membership
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &removed); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(removed, func(a, b table.Membership) int { return int(a.Generation - b.Generation) })
	if len(removed) != 2 || !removed[0].Hidden || removed[0].UserID != hidden || removed[1].Hidden || removed[1].Generation != 1 {
		t.Errorf("the removed memberships are %+v", removed)
	}
}
