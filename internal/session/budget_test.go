package session_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/query"
	"dsync/internal/session"
	"dsync/internal/table"
)

// budget is what an operation costs, or may cost at most: round trips, and
// write and read units as the engine counts them.
type budget struct {
	trips       int
	write, read float64
}

// measure counts what do costs.
func measure(t testing.TB, name string, do func(context.Context) error) budget {
	t.Helper()
	ctx, meter := table.WithMeter(t.Context())
	if err := do(ctx); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return budget{meter.RoundTrips, meter.WriteUnits, meter.ReadUnits}
}

// spend counts what do costs, prints it, and holds it against the budget.
func spend(t *testing.T, name string, limit budget, do func(context.Context) error) budget {
	t.Helper()
	cost := measure(t, name, do)
	t.Logf("%-46s %3d round trips (≤ %3d) %7.1f write units (≤ %6.1f) %7.1f read units (≤ %6.1f)",
		name, cost.trips, limit.trips, cost.write, limit.write, cost.read, limit.read)
	if cost.trips > limit.trips || cost.write > limit.write || cost.read > limit.read {
		t.Errorf("%s is over budget", name)
	}
	return cost
}

// profile is a user of 2 KB, as Entra's default mapping fills it.
func profile(name string) string {
	return fmt.Sprintf(`{"userName":%q,"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef","active":true,"displayName":"Ada Lovelace",
		"name":{"formatted":"Ada Lovelace","givenName":"Ada","familyName":"Lovelace"},"title":"Engineer",
		"emails":[{"type":"work","primary":true,"value":%q}],"nickName":%q}`, name, name, strings.Repeat("x", 1300))
}

// The engine counts 4 units per KB of a transaction where DynamoDB bills 2, and
// parts that cost the same only once. So the limit of a transaction is what the
// engine counts, and its name tells what DynamoDB bills: for each record 2 per
// KB, and 1 when its place in the index changes.
func TestBudget(t *testing.T) {
	w := open(t)
	fresh := session.NewAuthenticator(w.table, time.Now, nil)
	authenticate := func(ctx context.Context) error {
		_, _, err := fresh.Authenticate(ctx, w.directory.ExternalKey, w.secret, "")
		return err
	}
	spend(t, "authenticate, not cached", budget{1, 0, 1}, authenticate)
	spend(t, "authenticate, cached", budget{0, 0, 0}, authenticate)
	forged, err := credential.NewSecret(credential.TokenPrefix, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(key, secret string) func(context.Context) error {
		return func(ctx context.Context) error {
			if _, _, err := fresh.Authenticate(ctx, key, secret, ""); fault.KindOf(err) != fault.Unauthorized {
				return fmt.Errorf("not refused: %w", err)
			}
			return nil
		}
	}
	spend(t, "forged token", budget{1, 0, 1}, refused(w.directory.ExternalKey, forged.Value))
	spend(t, "forged token, again", budget{0, 0, 0}, refused(w.directory.ExternalKey, forged.Value))
	spend(t, "unknown key in the Tenant URL", budget{0, 0, 0}, refused("unknown", w.secret))
	spend(t, "authenticate, cached, after forged tokens", budget{0, 0, 0}, authenticate)

	filter := func(kind session.Type, f string) func(context.Context) error {
		return func(ctx context.Context) error {
			parsed, err := filter.Parse(kind.ResourceType, f)
			if err != nil {
				return err
			}
			_, err = w.session.List(ctx, kind, query.Query{Filter: parsed, StartIndex: 1, Count: 1})
			return err
		}
	}
	spend(t, "filter that finds nothing", budget{1, 0, 1}, filter(session.Users, `userName eq "ada@example.com"`))
	var user session.Resource
	spend(t, "create user (2 KB; bills 14, of 14)", budget{1, 24, 0}, func(ctx context.Context) (err error) {
		doc, _ := parse(t, session.Users, profile("ada@example.com"))
		user, err = w.session.Create(ctx, session.Users, doc, nil)
		return err
	})
	spend(t, "filter that finds one", budget{2, 0, 2}, filter(session.Users, `userName eq "ada@example.com"`))
	spend(t, "filter by work e-mail", budget{2, 0, 2}, filter(session.Users, `emails[type eq "work"].value eq "ada@example.com"`))
	spend(t, "GET user", budget{1, 0, 1}, func(ctx context.Context) error {
		_, err := w.session.Get(ctx, session.Users, user.Meta.ID)
		return err
	})

	title := `{"op":"Replace","path":"title","value":"Countess"}`
	spend(t, "PATCH user, no key attribute", budget{2, 3, 1}, w.patch(t, session.Users, user.Meta.ID, title))
	spend(t, "PATCH that changes nothing", budget{1, 0, 1}, w.patch(t, session.Users, user.Meta.ID, title))
	replace := func(kind session.Type, id, body string) func(context.Context) error {
		return func(ctx context.Context) error {
			doc, members := parse(t, kind, body)
			_, err := w.session.Replace(ctx, kind, id, doc, members, session.Condition{})
			return err
		}
	}
	spend(t, "PUT user", budget{2, 3, 1}, replace(session.Users, user.Meta.ID, profile("ada@example.com")))
	spend(t, "PUT without change", budget{1, 0, 1}, replace(session.Users, user.Meta.ID, profile("ada@example.com")))
	spend(t, "PATCH userName (bills 8)", budget{2, 12, 1}, w.patch(t, session.Users, user.Meta.ID,
		`{"op":"Replace","path":"userName","value":"eve@example.com"}`))

	var group session.Resource
	spend(t, "create group (bills 10)", budget{1, 12, 0}, func(ctx context.Context) (err error) {
		doc, _ := parse(t, session.Groups, `{"displayName":"Engineers","externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"}`)
		group, err = w.session.Create(ctx, session.Groups, doc, nil)
		return err
	})
	spend(t, "filter by displayName", budget{2, 0, 2}, filter(session.Groups, `displayName eq "Engineers"`))
	member := `id eq "` + group.Meta.ID + `" and members eq "` + user.Meta.ID + `"`
	spend(t, "is a user in a group", budget{2, 0, 2}, filter(session.Groups, member))
	spend(t, "PATCH displayName of a group (bills 6)", budget{2, 4, 1}, w.patch(t, session.Groups, group.Meta.ID,
		`{"op":"Replace","path":"displayName","value":"Scientists"}`))
	spend(t, "delete user (bills 16)", budget{3, 24, 1}, func(ctx context.Context) error {
		return w.session.Delete(ctx, session.Users, user.Meta.ID, session.Condition{})
	})
	spend(t, "delete group (bills 12)", budget{3, 12, 1}, func(ctx context.Context) error {
		return w.session.Delete(ctx, session.Groups, group.Meta.ID, session.Condition{})
	})
}

// patch applies operations to a resource.
func (w world) patch(t testing.TB, kind session.Type, id string, list ...string) func(context.Context) error {
	parsed := operations(t, list...)
	return func(ctx context.Context) error {
		_, err := w.session.Patch(ctx, kind, id, parsed, session.Condition{})
		return err
	}
}
