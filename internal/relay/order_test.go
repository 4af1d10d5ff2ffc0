package relay_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/relay"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// second is another relay on the table of the machine, with the same bus.
func (m *machine) second() *relay.Relay {
	return relay.New(m.table, eventlog.New(m.table, m.now), m.publisher, m.parking, m.now, quiet, nil)
}

// withPrefix returns the records whose sort key has the prefix.
func withPrefix(all []events.DynamoDBEventRecord, prefix string) (list []events.DynamoDBEventRecord) {
	for _, r := range all {
		if strings.HasPrefix(r.Change.Keys["sk"].String(), prefix) {
			list = append(list, r)
		}
	}
	return list
}

// The memberships of a new group come first, on another shard than the group.
// Their events wait in the table, and follow its creation at once; in batches of
// any size, and delivered twice.
func TestMembershipsBeforeTheirGroup(t *testing.T) {
	m := measure(t)
	const n = 130 // more than one transaction holds
	m.relayAll(t, m.users(t, n), 100)
	late := m.resource(table.Group, "directory_group_01000000000000000000000009", `{"displayName":"late"}`)
	var members []table.Membership
	for _, u := range m.people {
		members = append(members, table.Membership{DirectoryID: u.DirectoryID, OrganizationID: u.OrganizationID, GroupID: late.ID, UserID: u.ID, At: u.Created})
	}
	if err := m.table.Create(t.Context(), late, table.Keys{Name: "late"}, members[:50]); err != nil {
		t.Fatal(err)
	}
	if err := m.table.PutMemberships(t.Context(), members[50:]); err != nil {
		t.Fatal(err)
	}
	if err := m.table.PutMemberships(t.Context(), []table.Membership{members[0].SoftDelete()}); err != nil {
		t.Fatal(err)
	}
	records := m.stream(n + 2)
	before := len(m.logged(t, nil))
	m.relayAll(t, withPrefix(records, "M#"), 40)
	if got := len(m.logged(t, nil)); got != before {
		t.Fatalf("%d events before the group is created", got-before)
	}
	m.relayAll(t, withPrefix(records, "M#")[:10], 10) // again
	other := m.second()
	for range 2 {
		answer, err := other.Handle(t.Context(), events.DynamoDBEvent{Records: withPrefix(records, "G#")})
		if err != nil || len(answer.BatchItemFailures) > 0 {
			t.Fatal(answer, err)
		}
	}
	all := m.logged(t, nil)[before:]
	if len(all) != n+2 || all[0].Name != dsync.GroupCreated {
		t.Fatalf("%d events, the first is %s", len(all), all[0].Name)
	}
	count := map[string]int{}
	for _, e := range all {
		count[e.Name]++
		if e.Name == dsync.GroupUserRemoved && e.References().UserID != m.people[0].ID {
			t.Errorf("%s of %s", e.Name, e.References().UserID)
		}
	}
	if diff := cmp.Diff(map[string]int{dsync.GroupCreated: 1, dsync.GroupUserAdded: n, dsync.GroupUserRemoved: 1}, count); diff != "" {
		t.Error(diff)
	}
	if list, more, err := m.table.Deferrals(t.Context(), late.DirectoryID, 10); len(list) != 0 || more || err != nil {
		t.Errorf("%d changes still wait, %v", len(list), err)
	}
	heads, err := m.table.LogHeads(t.Context(), []string{late.DirectoryID})
	if err != nil || heads[late.DirectoryID].Deferred != 0 {
		t.Errorf("the head counts %d deferred changes, %v", heads[late.DirectoryID].Deferred, err)
	}
	published := m.until(t, "not all are published", func(got []dsync.Event) bool {
		ids := map[string]bool{}
		for _, e := range got {
			ids[e.ID] = true
		}
		return len(ids) == before+n+2
	})
	if len(published) < before+n+2 {
		t.Errorf("%d deliveries", len(published))
	}
}

// The records of one directory arrive in any order of items and in batches of any
// size, at two relays, some of them twice. The log has the causal order, and its
// sequences have no gap.
func TestAnyOrderOfItems(t *testing.T) {
	m := measure(t)
	m.relayAll(t, m.users(t, 6), 100)
	random := rand.New(rand.NewPCG(3, 4))
	people := slices.Clone(m.people)
	const rounds = 40
	written := 0
	for i := range rounds {
		u := people[random.IntN(len(people))]
		edge := table.Membership{DirectoryID: u.DirectoryID, OrganizationID: u.OrganizationID, GroupID: m.group.ID, UserID: u.ID, At: u.Created.Add(time.Duration(i) * time.Millisecond)}
		switch i % 4 {
		case 0:
			r := m.resource(table.User, fmt.Sprintf("directory_user_02%024d", i), `{"userName":"x"}`)
			if err := m.table.Create(t.Context(), r, table.Keys{Name: r.ID}, nil); err != nil {
				t.Fatal(err)
			}
			people = append(people, r)
			edge.UserID = r.ID
			written++
		case 1:
			edge = edge.SoftDelete()
		}
		if err := m.table.PutMemberships(t.Context(), []table.Membership{edge}); err != nil {
			t.Fatal(err)
		}
		written++
	}
	records := m.stream(written)
	byItem := map[string][]events.DynamoDBEventRecord{}
	for _, r := range records {
		item := r.Change.Keys["sk"].String()
		byItem[item] = append(byItem[item], r)
	}
	relays := []*relay.Relay{m.relay, m.second()}
	for len(byItem) > 0 {
		var batch []events.DynamoDBEventRecord
		for item, list := range byItem { // in any order
			n := 1 + random.IntN(len(list))
			batch = append(batch, list[:n]...)
			if random.IntN(3) > 0 {
				byItem[item] = list[n:] // else the records are delivered again
			}
			if len(byItem[item]) == 0 {
				delete(byItem, item)
			}
			if len(batch) > 4 {
				break
			}
		}
		answer, err := relays[random.IntN(2)].Handle(t.Context(), events.DynamoDBEvent{Records: batch})
		if err != nil || len(answer.BatchItemFailures) > 0 {
			t.Fatal(answer, err)
		}
	}
	created, member := map[string]bool{}, map[string]bool{}
	for i, e := range m.logged(t, nil) {
		about := e.References()
		if e.Context.Sequence != int64(i+1) {
			t.Fatalf("event %d has the sequence %d", i, e.Context.Sequence)
		}
		switch e.Name {
		case dsync.UserCreated:
			created[about.UserID] = true
		case dsync.GroupUserAdded, dsync.GroupUserRemoved:
			added := e.Name == dsync.GroupUserAdded
			if !created[about.UserID] || member[about.UserID] == added {
				t.Errorf("%s of %s: created %v, a member %v", e.Name, about.UserID, created[about.UserID], member[about.UserID])
			}
			member[about.UserID] = added
		}
	}
	for _, u := range people {
		in, err := m.table.IsMember(t.Context(), u.DirectoryID, m.group.ID, u.ID, 0)
		if err != nil || member[u.ID] != in || !created[u.ID] {
			t.Errorf("%s is a member %v, and %v for consumers, %v", u.ID, in, member[u.ID], err)
		}
	}
}
