package directory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"dsync/internal/directory"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// budget is what an operation may cost at most.
type budget struct {
	trips       int
	write, read float64
}

// spend counts what do costs, prints it, and holds it against the budget.
func spend(t *testing.T, name string, limit budget, do func(context.Context) error) *table.Meter {
	t.Helper()
	ctx, meter := table.WithMeter(t.Context())
	if err := do(ctx); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Logf("%-46s %3d round trips (≤ %3d) %7.1f write units (≤ %6.1f) %7.1f read units (≤ %6.1f)",
		name, meter.RoundTrips, limit.trips, meter.WriteUnits, limit.write, meter.ReadUnits, limit.read)
	if meter.RoundTrips > limit.trips || meter.WriteUnits > limit.write || meter.ReadUnits > limit.read {
		t.Errorf("%s is over budget", name)
	}
	return meter
}

// profile is a user of 2 KB, as Entra's default mapping fills it.
func profile(name string) string {
	return fmt.Sprintf(`{"userName":%q,"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef","active":true,"displayName":"Ada Lovelace",
		"name":{"formatted":"Ada Lovelace","givenName":"Ada","familyName":"Lovelace"},"title":"Engineer",
		"emails":[{"type":"work","primary":true,"value":%q}],"nickName":%q}`, name, name, strings.Repeat("x", 1300))
}

func TestBudget(t *testing.T) {
	w := open(t)
	do := func(o ...string) []scim.Operation { return operations(t, o...) }

	fresh := directory.New(w.table, time.Now, nil, nil)
	authenticate := func(ctx context.Context) error {
		_, err := fresh.Authenticate(ctx, w.directory.ExternalKey, w.secret, "")
		return err
	}
	spend(t, "authenticate, not cached", budget{1, 0, 1}, authenticate)
	spend(t, "authenticate, cached", budget{0, 0, 0}, authenticate)

	filter := func(f string) func(context.Context) error {
		return func(ctx context.Context) error {
			parsed, err := scim.Users.ParseFilter(f)
			if err != nil {
				return err
			}
			_, err = w.session.List(ctx, directory.Users, scim.Query{Filter: parsed, StartIndex: 1, Count: 1})
			return err
		}
	}
	spend(t, "filter that finds nothing", budget{1, 0, 1}, filter(`userName eq "ada@example.com"`))
	var user directory.Resource
	// The engine counts 4 units per KB in a transaction where DynamoDB bills 2,
	// and items of one cost once: its 16 are 2 × 2 KB + 3 × 2 + 1 = 11 on AWS.
	spend(t, "create user (2 KB)", budget{1, 16, 0}, func(ctx context.Context) (err error) {
		doc, _ := parse(t, directory.Users, profile("ada@example.com"))
		user, err = w.session.Create(ctx, directory.Users, doc, nil)
		return err
	})
	spend(t, "filter that finds one", budget{2, 0, 2}, filter(`userName eq "ada@example.com"`))
	spend(t, "filter by work e-mail", budget{2, 0, 2}, filter(`emails[type eq "work"].value eq "ada@example.com"`))

	patch := func(kind directory.Type, id string, o ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := w.session.Patch(ctx, kind, id, do(o...), "")
			return err
		}
	}
	title := `{"op":"Replace","path":"title","value":"Countess"}`
	spend(t, "PATCH user, no key attribute", budget{2, 3, 1}, patch(directory.Users, user.Meta.ID, title))
	spend(t, "PATCH that changes nothing", budget{1, 0, 1}, patch(directory.Users, user.Meta.ID, title))

	// The cost of one member does not depend on the size of the group.
	costs := map[string]map[budget][]int{}
	for _, size := range []int{0, 1_000, 10_000} {
		group := w.group(t, fmt.Sprint("group of ", size)).Meta.ID
		w.fill(t, group, size)
		for _, step := range []struct {
			name, operation string
			limit           budget
		}{
			{"add a member", add(user.Meta.ID), budget{3, 5, 2}},
			{"remove a member", `{"op":"Remove","path":"members","value":[{"value":"` + user.Meta.ID + `"}]}`, budget{3, 5, 2}},
		} {
			m := spend(t, fmt.Sprintf("%s, group of %d", step.name, size), step.limit, patch(directory.Groups, group, step.operation))
			if costs[step.name] == nil {
				costs[step.name] = map[budget][]int{}
			}
			cost := budget{m.RoundTrips, m.WriteUnits, m.ReadUnits}
			costs[step.name][cost] = append(costs[step.name][cost], size)
		}
		spend(t, fmt.Sprintf("GET group without members, group of %d", size), budget{1, 0, 1}, func(ctx context.Context) error {
			_, err := w.session.Get(ctx, directory.Groups, group)
			return err
		})
	}
	for name, byCost := range costs {
		if len(byCost) != 1 {
			t.Errorf("%s costs more in a larger group: %v", name, byCost)
		}
	}
}

// fill makes a group have that many members. Only the memberships are there:
// nothing under test reads the users behind them.
func (w world) fill(t *testing.T, group string, size int) {
	t.Helper()
	members := make([]table.Membership, size)
	for i := range members {
		members[i] = table.Membership{
			DirectoryID: w.directory.ID, OrganizationID: w.directory.OrganizationID, GroupID: group,
			UserID: fmt.Sprintf("directory_user_01%024d", i), At: time.Now(),
		}
	}
	if err := w.table.PutMemberships(t.Context(), members); err != nil {
		t.Fatal(err)
	}
}
