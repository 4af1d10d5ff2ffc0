package session_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/query"
	"dsync/internal/session"
	"dsync/internal/settings"
	"dsync/internal/table"
	"dsync/internal/usage"

	"github.com/google/go-cmp/cmp"
)

// problem writes an error as "kind: scimType", and no error as "".
func problem(err error) string {
	var e *fault.Error
	if err == nil {
		return ""
	} else if errors.As(err, &e) {
		return fmt.Sprint(e.Kind, ": ", e.Code)
	}
	return err.Error()
}

// set is the world with other settings of its directory.
func (w world) set(t testing.TB, change string) world {
	t.Helper()
	var c settings.Change
	if err := json.Unmarshal([]byte(change), &c); err != nil {
		t.Fatal(err)
	}
	s := management.Bootstrap(w.table, time.Now, rand.Reader)
	if _, err := s.UpdateDirectory(t.Context(), w.directory.ID, management.DirectoryUpdate{Settings: c}); err != nil {
		t.Fatal(err)
	}
	// Another process, which does not remember how it was.
	w.functions = session.NewAuthenticator(w.table, time.Now, rand.Reader)
	return w.open(t)
}

// patched is a PATCH with the type as the directory has it.
func (w world) patched(t testing.TB, kind session.Type, id string, list ...string) error {
	t.Helper()
	_, err := w.session.Patch(t.Context(), w.session.Type(kind), id, operations(t, list...), session.Condition{})
	return err
}

// A lenient directory takes a PATCH without what no schema knows, and notes it.
func TestLenientPatch(t *testing.T) {
	w := open(t)
	user, group := w.user(t, "ada").Meta.ID, w.group(t, "g").Meta.ID
	disable := []string{`{"op":"Add","path":"shoeSize","value":"44"}`, `{"op":"Replace","path":"active","value":"False"}`, `{"op":"Add","path":"shoeSize","value":"45"}`}
	if got := problem(w.patched(t, session.Users, user, disable...)); got != "invalid: invalidPath" {
		t.Errorf("by default: %s", got)
	}
	w = w.set(t, `{"lenient_patch":true}`)
	if err := w.patched(t, session.Users, user, disable...); err != nil {
		t.Error(err)
	}
	if r, err := w.session.Get(t.Context(), session.Users, user); err != nil || r.Document["active"] != false {
		t.Errorf("the user is not disabled: %v, %v", r.Document, err)
	}
	if diff := cmp.Diff([]usage.Tolerated{{What: usage.UnknownPath, Count: 2, Path: "shoeSize"}}, w.trace.TakeTolerated()); diff != "" {
		t.Error(diff)
	}
	// What has no effect at all still answers with the user.
	if r, err := w.session.Patch(t.Context(), w.session.Type(session.Users), user, operations(t, disable[0]), session.Condition{}); err != nil || r.Meta.ID != user {
		t.Errorf("%+v, %v", r, err)
	}
	w.trace.TakeTolerated()
	if err := w.patched(t, session.Groups, group, add(user), `{"op":"add","path":"nope","value":"x"}`); err != nil || !w.members(t, group)[user] {
		t.Errorf("the member was not added: %v", err)
	}
	if got := w.trace.TakeTolerated(); len(got) != 1 || got[0].Path != "nope" {
		t.Errorf("%v", got)
	}
	if got := problem(w.patched(t, session.Users, user, `{"op":"Add","path":"shoeSize","value":1}`, `{"op":"Replace","path":"active","value":"maybe"}`)); got != "invalid: invalidValue" {
		t.Errorf("a bad value: %s", got)
	}
	if got := w.trace.TakeTolerated(); len(got) != 0 {
		t.Errorf("of a PATCH that was refused: %v", got)
	}
	if got := problem(w.patched(t, session.Users, "x", `{"op":"Add","path":"shoeSize","value":1}`)); got != "not found: " {
		t.Errorf("nobody's: %s", got)
	}
}

// Groups as members are passed over, or refused: then nothing is written.
func TestNestedGroups(t *testing.T) {
	w := open(t)
	user, inner, outer := w.user(t, "ada").Meta.ID, w.group(t, "inner").Meta.ID, w.group(t, "outer").Meta.ID
	requests := map[string]func(group, name string) error{
		"POST": func(_, name string) error {
			doc, members := parse(t, session.Groups, fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q},{"value":%q}]}`, name, user, inner))
			_, err := w.session.Create(t.Context(), session.Groups, doc, members)
			return err
		},
		"PUT": func(group, name string) error {
			doc, members := parse(t, session.Groups, fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, name, inner))
			_, err := w.session.Replace(t.Context(), session.Groups, group, doc, members, session.Condition{})
			return err
		},
		"PATCH": func(group, _ string) error { return w.patched(t, session.Groups, group, add(user, inner)) },
		"PATCH and rename": func(group, name string) error {
			return w.patched(t, session.Groups, group, fmt.Sprintf(`{"op":"replace","path":"displayName","value":%q}`, name), add(inner))
		},
		"PATCH of a member that says so": func(group, _ string) error {
			return w.patched(t, session.Groups, group, fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q,"type":"group"}]}`, user))
		},
	}
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		before := w.group(t, "of "+name).Meta
		if err := requests[name](before.ID, "new "+name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := w.trace.TakeTolerated(); len(got) != 1 || got[0] != (usage.Tolerated{What: usage.NestedGroup, Count: 1, Path: "members"}) {
			t.Errorf("%s tolerated %v", name, got)
		}
		if w.members(t, before.ID)[inner] {
			t.Errorf("%s: a group is a member", name)
		}
	}
	w = w.set(t, `{"nested_groups":"refuse"}`)
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		err := requests[name](outer, "newer "+name)
		var e *fault.Error
		if problem(err) != "invalid: invalidValue" || !errors.As(err, &e) || e.Path != "members" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := w.session.Get(t.Context(), session.Groups, outer); err != nil || r.Meta.Version != 1 || len(w.members(t, outer)) != 0 {
		t.Errorf("the group has changed: %+v, %v", r, err)
	}
	if ids := w.named(t, "newer POST"); len(ids) != 0 {
		t.Error("a group was created")
	}
	if err := w.patched(t, session.Groups, outer, add(user)); err != nil || !w.members(t, outer)[user] {
		t.Errorf("a user is refused: %v", err)
	}
	if err := w.patched(t, session.Groups, outer, `{"op":"remove","path":"members","value":[{"value":"`+inner+`"}]}`); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}

// named are the groups that a filter by displayName finds.
func (w world) named(t testing.TB, name string) []string {
	t.Helper()
	f, err := filter.Parse(session.Groups.ResourceType, fmt.Sprintf("displayName eq %q", name))
	if err != nil {
		t.Fatal(err)
	}
	page, err := w.session.List(t.Context(), session.Groups, query.Query{Filter: f, StartIndex: 1, Count: 100})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range page.Resources {
		ids = append(ids, r.Meta.ID)
	}
	return ids
}

// Groups may share a name where the directory lets them, each is found by it,
// and those that share one keep it when the directory lets them no more.
func TestSharedGroupNames(t *testing.T) {
	w := open(t)
	first, other := w.group(t, "Sales").Meta.ID, w.group(t, "Marketing").Meta.ID
	rename := func(group, name string) error {
		return w.patched(t, session.Groups, group, fmt.Sprintf(`{"op":"replace","path":"displayName","value":%q}`, name))
	}
	if got := problem(rename(other, "SALES")); got != "conflict: uniqueness" {
		t.Errorf("by default: %s", got)
	}
	check := func(name string, want ...string) {
		t.Helper()
		slices.Sort(want)
		if got := w.named(t, name); !slices.Equal(got, want) {
			t.Errorf("%s is the name of %v, want %v", name, got, want)
		}
	}
	check("sales", first)

	w = w.set(t, `{"unique_group_names":false}`)
	check("sales", first)
	second := w.group(t, "Sales").Meta.ID
	if err := rename(other, "SALES"); err != nil {
		t.Error(err)
	}
	check("sales", first, second, other)
	check("marketing")
	ctx, meter := table.WithMeter(t.Context())
	for i := range 300 {
		w.group(t, fmt.Sprint("sales ", i))
	}
	f, _ := filter.Parse(session.Groups.ResourceType, `displayName eq "sales"`)
	if _, err := w.session.List(ctx, session.Groups, query.Query{Filter: f, StartIndex: 1, Count: 100}); err != nil {
		t.Fatal(err)
	}
	if meter.RoundTrips > 3 || meter.ReadUnits > 5 {
		t.Errorf("a shared name takes %d round trips and %v read units", meter.RoundTrips, meter.ReadUnits)
	}
	if err := rename(first, "Sales 1"); err != nil {
		t.Error(err)
	}
	check("sales", second, other)

	w = w.set(t, `{"unique_group_names":null}`)
	check("sales", second, other)
	if got := problem(rename(first, "sales")); got != "conflict: uniqueness" {
		t.Errorf("a name that two have: %s", got)
	}
	if err := w.patched(t, session.Groups, second, `{"op":"replace","path":"externalId","value":"x"}`); err != nil {
		t.Errorf("a change of another attribute: %v", err)
	}
	for _, group := range []string{second, other} {
		if err := w.session.Delete(t.Context(), session.Groups, group, session.Condition{}); err != nil {
			t.Error(err)
		}
	}
	check("sales")
	if err := rename(first, "sales"); err != nil {
		t.Errorf("a name that nobody has any more: %v", err)
	}
	check("sales", first)
}

// Groups that share names have the budget of others, and one record more.
func TestSharedNamesBudget(t *testing.T) {
	w := open(t).set(t, `{"unique_group_names":false}`)
	create := func(ctx context.Context) error {
		_, err := w.session.Create(ctx, session.Groups, map[string]any{"displayName": "Engineers", "externalId": "x"}, nil)
		return err
	}
	spend(t, "create group (bills 12)", budget{1, 12, 0}, create)
	spend(t, "create group of the same name (bills 12)", budget{1, 12, 0}, create)
}
