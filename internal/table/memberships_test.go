package table_test

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/id"
	"dsync/internal/table"
)

func TestMemberships(t *testing.T) {
	f, ctx := open(t), t.Context()
	group := f.create(table.Group, table.Keys{Name: "g"})
	var members []table.Membership
	for i := range 60 { // more than two batches
		members = append(members, f.member(group, f.create(table.User, table.Keys{Name: fmt.Sprint("u", i)})))
	}
	if err := f.PutMemberships(ctx, members); err != nil {
		t.Fatal(err)
	}
	deleted := members[7]
	if err := f.PutMemberships(ctx, []table.Membership{deleted.SoftDelete()}); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, err := range f.Members(ctx, f.directoryID, group.ID, "") {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 59 {
		t.Errorf("%d members, want 59", count)
	}
	unknown := newID(t, id.User)
	known, in, err := f.CheckMembers(ctx, f.directoryID, group.ID, []string{deleted.UserID, members[0].UserID, unknown, "nonsense", members[0].UserID})
	if err != nil {
		t.Fatal(err)
	}
	if !known[deleted.UserID].Exists || in[deleted.UserID] != nil || in[members[0].UserID] == nil || known[unknown].Exists || known["nonsense"].Exists {
		t.Errorf("CheckMembers: exist %v, in %v", known, in)
	}
	if ids := must(f.GroupsOf(ctx, f.directoryID, deleted.UserID)); len(ids) != 0 {
		t.Errorf("GroupsOf a soft-deleted member: %v", ids)
	}
	if ids := must(f.GroupsOf(ctx, f.directoryID, members[0].UserID)); len(ids) != 1 || ids[0] != group.ID {
		t.Errorf("GroupsOf: %v", ids)
	}
}

// Many ids are found whether they are close together or far apart, and whatever
// records are between them.
func TestCheckManyMembers(t *testing.T) {
	f, ctx := open(t), t.Context()
	group := f.create(table.Group, table.Keys{Name: "g"})
	var userIDs []string
	var members []table.Membership
	for i := range 1300 {
		r := f.resource(table.User, `{"x":"`+strings.Repeat("x", 900)+`"}`)
		r.ID = fmt.Sprintf("directory_user_01%024d", i)
		n := table.Keys{Name: fmt.Sprint("u", i)}
		if err := f.Create(ctx, r, n, nil); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 {
			if err := f.Delete(ctx, r, n, f.job(r), now, actor); err != nil {
				t.Fatal(err)
			}
		}
		userIDs = append(userIDs, r.ID)
		m := f.member(group, r)
		if i%3 == 0 {
			members = append(members, m)
		} else if i%5 == 0 {
			members = append(members, m.SoftDelete())
		}
	}
	if err := f.PutMemberships(ctx, members); err != nil {
		t.Fatal(err)
	}
	for name, pick := range map[string]func(i int) bool{
		"few":         func(i int) bool { return i%100 == 1 },
		"all":         func(int) bool { return true },
		"every other": func(i int) bool { return i%2 == 0 },
		"the last":    func(i int) bool { return i >= 790 },
	} {
		var asked []string
		for i, id := range userIDs {
			if pick(i) {
				asked = append(asked, id)
			}
		}
		asked = append(asked, "directory_user_00000000000000000000000000", "directory_user_7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "nonsense")
		known, in, err := f.CheckMembers(ctx, f.directoryID, group.ID, asked)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range userIDs {
			if wantUser, wantMember := pick(i) && i%7 != 0, pick(i) && i%3 == 0; known[id].Exists != wantUser || (in[id] != nil) != wantMember {
				t.Fatalf("%s: user %d: state %v, member %v", name, i, known[id], in[id])
			}
		}
		for _, id := range asked[len(asked)-3:] {
			if known[id].Exists || in[id] != nil {
				t.Errorf("%s: %s exists", name, id)
			}
		}
	}
}
