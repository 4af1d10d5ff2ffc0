package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/session"
)

// bearable is how late an event of a directory may be because of another one.
const bearable = 5 * time.Second

// delays are the times from the answers to a victim's requests to its events.
type delays struct {
	each  []time.Duration // sorted; of the events that arrived
	never int
	fat   int // oversized users of the attacker, of all variations
	churn int // memberships that the attacker changed
}

func (d delays) late() (n int) {
	for _, x := range d.each {
		if x > bearable {
			n++
		}
	}
	return n + d.never
}

func (d delays) String() string {
	if len(d.each) == 0 {
		return fmt.Sprintf("%d events, none arrived", d.never)
	}
	at := func(percent int) time.Duration {
		return d.each[(len(d.each)-1)*percent/100].Round(time.Millisecond)
	}
	return fmt.Sprintf("%d events after %s (median), %s (p95), %s at the most; the attacker made %d oversized users, of %d variations, and changed %d memberships",
		len(d.each), at(50), at(95), at(100), d.fat, min(d.fat, len(variations())), d.churn)
}

// memberships is how many members a request of the attacker adds or removes.
const memberships = 100

// attack lets an attacker make changes whose events are as expensive as possible,
// and times the events of a victim. The functions run without other faults. Both
// directories share all shards.
func (r *campaign) attack(ctx context.Context) (d delays, err error) {
	began := time.Now()
	all := functions(r.exact, r.dice)
	var attacker, victim *tenant
	for n, t := range []**tenant{&attacker, &victim} {
		var p dsync.Projection
		if t == &attacker {
			p.Mapping = widestMapping()
		}
		if *t, err = r.createTenant(ctx, r.Directories+n, p); err == nil {
			err = (*t).connect(ctx, all)
		}
		if err != nil {
			return d, err
		}
		// The token is not revoked: the restore is over.
		(*t).revoked = ""
		r.tenants = append(r.tenants, *t)
	}
	child, stop := context.WithCancel(ctx)
	defer stop()
	s := r.setup
	s.Calm = true
	r.calm.Store(true)
	running := make(chan error, 1)
	go func() { running <- r.runChild(child, s, time.Hour) }()
	if err := r.bus.await(ctx, victim.want[len(victim.want)-1].fact, r.Patience); err != nil {
		return d, err
	}
	group, users, err := attacker.createAll(ctx)
	if err != nil {
		return d, err
	}
	ends, cancel := context.WithTimeout(ctx, r.Attack)
	defer cancel()
	var wg sync.WaitGroup
	var failed error
	over := make(chan struct{})
	wg.Go(func() {
		defer close(over)
		failed = attacker.attack(ctx, ends.Done(), group, users, &d)
	})
	answered := map[fact]time.Time{}
	victimErr := victim.live(ctx, over, answered)
	wg.Wait()
	if err := errors.Join(failed, victimErr); err != nil {
		return d, err
	}
	for f, at := range answered {
		if r.bus.await(ctx, f, 2*bearable) != nil {
			d.never++
			continue
		}
		arrived, _ := r.bus.arrived(f)
		d.each = append(d.each, arrived.Sub(at))
	}
	slices.Sort(d.each)
	if err := r.settle(ctx); err != nil {
		return d, err
	}
	stop()
	r.took.attack = time.Since(began)
	return d, <-running
}

// await waits for an event.
func (s *subscriber) await(ctx context.Context, f fact, patience time.Duration) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, ok := s.arrived(f); ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("no event %+v", f)
}

// createAll creates the users whose memberships the attacker changes, and their
// group.
func (t *tenant) createAll(ctx context.Context) (group string, users []string, err error) {
	for n := range memberships {
		id, err := t.create(ctx, session.Users, map[string]any{"userName": fmt.Sprintf("m%d@example.com", n), "active": true})
		if err != nil {
			return "", nil, err
		}
		t.createUser(id)
		users = append(users, id)
	}
	group, err = t.create(ctx, session.Groups, map[string]any{"displayName": "crowd"})
	if err == nil {
		t.createGroup(group, "crowd")
	}
	return group, users, err
}

// attack creates users with the largest texts, replaces all of them, and changes
// many memberships in one request. It ends when the time is over and it has made
// each variation.
func (t *tenant) attack(ctx context.Context, ends <-chan struct{}, group string, users []string, d *delays) error {
	for in := true; ; in = !in {
		select {
		case <-ends:
			if d.fat >= len(variations()) {
				return nil
			}
		default:
		}
		if err := t.oversized(ctx, d.fat); err != nil {
			return err
		}
		d.fat++
		if err := t.setMembers(ctx, group, users, in); err != nil {
			return err
		}
		d.churn += len(users)
	}
}

// live creates users, groups and memberships at the rate of a small directory. It
// notes when the requests were answered.
func (t *tenant) live(ctx context.Context, ends <-chan struct{}, answered map[fact]time.Time) error {
	for n := 0; ; n++ {
		select {
		case <-ends:
			return nil
		case <-time.After(100 * time.Millisecond):
		}
		user, err := t.create(ctx, session.Users, map[string]any{"userName": fmt.Sprintf("v%d@example.com", n), "active": true})
		if err != nil {
			return err
		}
		t.createUser(user)
		answered[fact{dsync.UserCreated, user, ""}] = time.Now()
		group, err := t.create(ctx, session.Groups, map[string]any{"displayName": fmt.Sprint("v", n)})
		if err != nil {
			return err
		}
		t.createGroup(group, "")
		answered[fact{dsync.GroupCreated, "", group}] = time.Now()
		if err := t.setMember(ctx, group, user, true); err != nil {
			return err
		}
		answered[fact{dsync.GroupUserAdded, user, group}] = time.Now()
	}
}
