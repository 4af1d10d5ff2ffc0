package chaos

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/scim/patch"
	"dsync/internal/session"
	"dsync/internal/table"
)

func (t *tenant) anySession() *session.Session { return t.sessions[t.random.IntN(len(t.sessions))] }

func pick[K comparable, V any](t *tenant, all map[K]V, less func(a, b K) int) (k K, ok bool) {
	if len(all) == 0 {
		return k, false
	}
	keys := slices.SortedFunc(maps.Keys(all), less)
	return keys[t.random.IntN(len(keys))], true
}

// step makes one random request. The request may have no effect.
func (t *tenant) step(ctx context.Context) error {
	user, someUser := pick(t, t.users, strings.Compare)
	group, someGroup := pick(t, t.groups, strings.Compare)
	t.names++
	if t.fat > 0 && t.changes > 20 {
		t.fat--
		return t.oversized(ctx, t.fat)
	}
	switch n := t.random.IntN(100); {
	case n < 25 || !someUser:
		id, err := t.create(ctx, session.Users, map[string]any{"userName": fmt.Sprintf("u%d@example.com", t.names), "active": true})
		if err == nil {
			t.createUser(id)
		}
		return err
	case n < 30 || !someGroup:
		name := fmt.Sprint("g", t.names)
		id, err := t.create(ctx, session.Groups, map[string]any{"displayName": name})
		if err == nil {
			t.createGroup(id, name)
		}
		return err
	case n < 40:
		title := fmt.Sprint("title ", t.random.IntN(3))
		err := t.patch(ctx, session.Users, user, "Replace", "title", `"`+title+`"`)
		if err == nil {
			t.retitle(user, title)
		}
		return err
	case n < 52:
		return t.setActive(ctx, user, t.random.IntN(2) == 0)
	case n < 56:
		err := t.delete(ctx, session.Users, user)
		if err == nil {
			t.deleteUser(user)
		}
		return err
	case n < 58:
		err := t.delete(ctx, session.Groups, group)
		if err == nil {
			t.deleteGroup(group)
		}
		return err
	case n < 61:
		name := fmt.Sprint("g", t.names)
		err := t.patch(ctx, session.Groups, group, "Replace", "displayName", `"`+name+`"`)
		if err == nil {
			t.rename(group, name)
		}
		return err
	default:
		return t.setMember(ctx, group, user, t.random.IntN(3) > 0)
	}
}

// create creates a resource. If the answer to a call that wrote it was lost, a
// repetition finds the name taken. Entra then looks for the name and goes on with
// the resource that has it.
func (t *tenant) create(ctx context.Context, kind session.Type, doc map[string]any) (string, error) {
	name, tableKind := doc["userName"], table.User
	if kind.ResourceType == session.Groups.ResourceType {
		name, tableKind = doc["displayName"], table.Group
	}
	r, err := t.anySession().Create(ctx, kind, doc, nil)
	if fault.KindOf(err) != fault.Conflict {
		return r.Meta.ID, err
	}
	t.repeated++
	ids, err := t.table.NameHolders(ctx, tableKind, t.id, fmt.Sprint(name))
	if err == nil && len(ids) != 1 {
		err = table.ErrNotFound
	}
	return strings.Join(ids, ""), err
}

// delete deletes a resource. A repetition finds that it is deleted.
func (t *tenant) delete(ctx context.Context, kind session.Type, id string) error {
	err := t.anySession().Delete(ctx, kind, id, session.Condition{})
	if fault.KindOf(err) == fault.NotFound {
		t.repeated++
		return nil
	}
	return err
}

func (t *tenant) patch(ctx context.Context, kind session.Type, id, op, path, value string) error {
	operations, err := patch.Parse([]byte(`{"Operations":[{"op":"` + op + `","path":"` + path + `","value":` + value + `}]}`))
	if err != nil {
		return err
	}
	_, err = t.anySession().Patch(ctx, kind, id, operations, session.Condition{})
	return err
}

func (t *tenant) setMember(ctx context.Context, group, user string, in bool) error {
	return t.setMembers(ctx, group, []string{user}, in)
}

func (t *tenant) setMembers(ctx context.Context, group string, users []string, in bool) error {
	op := "Remove"
	if in {
		op = "Add"
	}
	err := t.patch(ctx, session.Groups, group, op, "members", `[{"value":"`+strings.Join(users, `"},{"value":"`)+`"}]`)
	if err != nil {
		return err
	}
	for _, user := range users {
		t.join(group, user, in)
	}
	return nil
}

func (t *tenant) setActive(ctx context.Context, user string, active bool) error {
	if err := t.patch(ctx, session.Users, user, "Replace", "active", fmt.Sprint(active)); err != nil {
		return err
	}
	if t.activate(user, active) == 0 {
		return nil
	}
	// dsync publishes the memberships of the user again. A concurrent change of
	// such a membership could precede or follow that event. The model does not
	// support this race, so wait.
	return t.announced(ctx, user)
}

// longestAnnouncement is how long a job may take.
const longestAnnouncement = 2 * time.Minute

// announced waits until the job of a returned user has finished.
func (t *tenant) announced(ctx context.Context, user string) error {
	ctx, cancel := context.WithTimeout(ctx, longestAnnouncement)
	defer cancel()
	for {
		u, err := t.table.Resource(ctx, table.User, t.id, user)
		if err != nil {
			return err
		}
		kept, _, err := t.table.KeptMemberships(ctx, t.id, user, "", 1000)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(kept, func(m table.Membership) bool { return m.Hidden || m.Generation < u.Generation }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the memberships of %s are not announced: %w", user, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// remove deletes the directory. The deletion starts the purge job.
func (t *tenant) remove(ctx context.Context) error {
	old, err := t.table.Directory(ctx, t.id)
	if err != nil {
		return err
	}
	next := old
	next.Version++
	next.State, next.Tokens, next.Modified = table.Deleting, nil, time.Now().UTC()
	job := table.Job{DirectoryID: t.id, Task: table.Purge, Subject: t.id, State: table.JobRunning, Created: next.Modified, Modified: next.Modified}
	if job.ID, err = id.New(id.Job, next.Modified, rand.Reader); err != nil {
		return err
	}
	if err = t.table.ReplaceDirectory(ctx, old, next, &job); err == nil {
		t.end()
	}
	return err
}
