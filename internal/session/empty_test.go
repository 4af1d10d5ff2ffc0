package session_test

import (
	"fmt"
	"testing"
	"time"

	"dsync/internal/session"
	"dsync/internal/table"
)

const (
	removeAll  = `{"op":"Remove","path":"members"}`
	replaceAll = `{"op":"Replace","path":"members","value":[%s]}`
)

// running are the running jobs that remove members.
func (w world) running(t testing.TB) (jobs []table.Job) {
	t.Helper()
	all, err := w.table.RunningJobs(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range all {
		if j.Task == table.RemoveMembers {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// A request removes MaxRemoved members itself. With more, it starts a job, and the
// group is without them at once.
func TestMaxRemoved(t *testing.T) {
	w := still(t)
	ada, bob := w.user(t, "ada").Meta.ID, w.user(t, "bob").Meta.ID
	for name, operation := range map[string]string{
		"remove":  removeAll,
		"replace": fmt.Sprintf(replaceAll, `{"value":"`+ada+`"},{"value":"`+bob+`"}`),
		"put":     "",
	} {
		for _, size := range []int{session.MaxRemoved, session.MaxRemoved + 1} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				before := len(w.running(t))
				group := w.group(t, fmt.Sprint(name, size)).Meta.ID
				w.fill(t, group, size)
				do := w.patch(t, session.Groups, group, add(ada))
				if err := do(t.Context()); err != nil { // one who is added and was there
					t.Fatal(err)
				}
				want := 2
				switch {
				case operation == "":
					doc, members := parse(t, session.Groups, `{"displayName":"renamed `+fmt.Sprint(size)+`","members":[{"value":"`+ada+`"},{"value":"`+bob+`"}]}`)
					if _, err := w.session.Replace(t.Context(), session.Groups, group, doc, members, session.Condition{}); err != nil {
						t.Fatal(err)
					}
				default:
					if operation == removeAll {
						// Ada is one more to remove.
						if err := w.patch(t, session.Groups, group, remove(ada))(t.Context()); err != nil {
							t.Fatal(err)
						}
						want = 0
					}
					if err := w.patch(t, session.Groups, group, operation)(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				members := w.members(t, group)
				if len(members) != want || want > 0 && (!members[ada] || !members[bob]) {
					t.Errorf("the members are %v", members)
				}
				jobs := w.running(t)
				if started := len(jobs) - before; started != size-session.MaxRemoved {
					t.Errorf("%d jobs were started", started)
				}
			})
		}
	}
}

// While a job removes members, each way to read a group shows it without them, and
// who is added again is in it. A second emptying starts a job of its own.
func TestEmptied(t *testing.T) {
	w := still(t)
	ada, bob := w.user(t, "ada").Meta.ID, w.user(t, "bob").Meta.ID
	group := w.group(t, "g").Meta.ID
	w.fill(t, group, session.MaxRemoved)
	run := func(operations ...string) {
		t.Helper()
		if err := w.patch(t, session.Groups, group, operations...)(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, members ...string) {
		t.Helper()
		in := map[string]bool{}
		for _, user := range members {
			in[user] = true
		}
		if found := w.members(t, group); len(found) != len(members) {
			t.Errorf("%s: the group has the members %v", when, found)
		}
		for _, user := range []string{ada, bob} {
			want := 0
			if in[user] {
				want = 1
			}
			for _, f := range []string{`id eq "` + group + `" and members eq "` + user + `"`, `members eq "` + user + `"`} {
				if n := w.found(t, session.Groups, f); n != want {
					t.Errorf("%s: %d groups are found by %s, want %d", when, n, f, want)
				}
			}
			if list, err := w.session.Groups(t.Context(), user, "https://x/Groups"); err != nil || len(list) != want {
				t.Errorf("%s: the user is in %v, %v", when, list, err)
			}
		}
		if n := w.found(t, session.Users, `groups eq "`+group+`"`); n != len(members) {
			t.Errorf("%s: %d users of the group are found", when, n)
		}
		page, err := w.list(t.Context(), t, `filter=groups+eq+"`+group+`"&cursor&count=10`)
		if err != nil || len(page.Resources) != len(members) {
			t.Errorf("%s: %d users of the group are listed, %v", when, len(page.Resources), err)
		}
	}
	run(add(ada, bob))
	run(removeAll)
	check("after the removal")
	run(add(ada))
	check("when one is added again", ada)
	run(add(ada))
	check("when one is added twice", ada)
	run(removeAll)
	check("after the second removal, of one")
	if jobs := w.running(t); len(jobs) != 1 {
		t.Errorf("%d jobs run", len(jobs))
	}
	run(add(bob))
	w.fill(t, group, 2*session.MaxRemoved) // of before, again
	run(`{"op":"Replace","path":"displayName","value":"renamed"}`)
	check("when it is renamed", bob)
	run(removeAll)
	check("at the end")
}
