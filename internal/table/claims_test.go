package table_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"dsync/internal/dsynctest"
	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// book is the groups of a directory as they should be found.
type book struct {
	fixture
	names  map[string]string // id → name
	groups map[string]table.Resource
}

func (b *book) holders(name string) []string {
	var ids []string
	for id, n := range b.names {
		if strings.EqualFold(n, name) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// agrees checks what is found of each name.
func (b *book) agrees(names []string) {
	b.t.Helper()
	for _, name := range names {
		got, err := b.NameHolders(b.t.Context(), table.Group, b.dir, name)
		if slices.Sort(got); err != nil || !slices.Equal(got, b.holders(name)) {
			b.t.Fatalf("%s is the name of %v (%v), not of %v", name, got, err, b.holders(name))
		}
	}
}

// Groups take names, leave them and go, while the directory lets them share
// names and does not, in turns. Each is found, and a name that is not to be
// shared is refused to whoever comes when another has it.
func TestNamesHoweverTheyAreHeld(t *testing.T) {
	names := []string{"sales", "SALES", "sales emea", "sales#x", "%"}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			b, ctx := book{open(t), map[string]string{}, map[string]table.Resource{}}, t.Context()
			refused := 0
			for step := range 120 {
				shared := (uint64(step/15)+seed)%2 == 0
				name := names[random.IntN(len(names))]
				ids := slices.Sorted(maps.Keys(b.groups))
				var id string
				if len(ids) > 0 && random.IntN(3) > 0 {
					id = ids[random.IntN(len(ids))]
				}
				others := slices.DeleteFunc(b.holders(name), func(other string) bool { return other == id })
				var err error
				old, oldKeys := b.groups[id], table.Keys{Name: b.names[id]}
				switch {
				case id == "":
					create := b.Create
					if shared {
						create = b.CreateShared
					}
					old = b.resource(table.Group, "{}")
					if err = create(ctx, old, table.Keys{Name: name, ExternalID: "x"}, nil); err == nil {
						b.groups[old.ID], b.names[old.ID] = old, name
					}
				case random.IntN(3) == 0:
					if err = b.Delete(ctx, old, oldKeys, b.job(old), now, by); err == nil {
						delete(b.groups, id)
						delete(b.names, id)
					}
					others = nil
				default:
					replace, next := b.Replace, old
					if shared {
						replace = b.ReplaceShared
					}
					next.Version++
					if strings.EqualFold(name, oldKeys.Name) {
						others = nil // it has the name already
					}
					if err = replace(ctx, old, next, oldKeys, table.Keys{Name: name}); err == nil {
						b.groups[id], b.names[id] = next, name
					}
				}
				if taken := !shared && len(others) > 0; taken != errors.Is(err, table.ErrTaken) || !taken && err != nil {
					t.Fatalf("step %d: %v; shared %v, held by %v", step, err, shared, others)
				} else if taken {
					refused++
				}
				b.agrees(names)
			}
			if refused == 0 {
				t.Error("no name was refused")
			}
		})
	}
}

// A group that is not as it was read is not renamed, and its name stays whole.
func TestStaleRename(t *testing.T) {
	f, ctx := open(t), t.Context()
	old := f.create(table.Group, table.Keys{Name: "a"})
	next := old
	next.Version++
	if err := f.Replace(ctx, old, next, table.Keys{Name: "a"}, table.Keys{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	for name, replace := range map[string]func() error{
		"alone":  func() error { return f.Replace(ctx, old, next, table.Keys{Name: "a"}, table.Keys{Name: "c"}) },
		"shared": func() error { return f.ReplaceShared(ctx, old, next, table.Keys{Name: "a"}, table.Keys{Name: "c"}) },
		"gone":   func() error { return f.Delete(ctx, old, table.Keys{Name: "a"}, f.job(old), now, by) },
	} {
		if err := replace(); !errors.Is(err, table.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, n := range map[string]int{"a": 0, "b": 1, "c": 0} {
		if ids, err := f.NameHolders(ctx, table.Group, f.dir, name); err != nil || len(ids) != n {
			t.Errorf("%s is the name of %v, %v", name, ids, err)
		}
	}
}

// Whoever takes one name at once, some to share it and some alone: each who
// gets it is found, and at most one of those who want it alone gets it.
func TestRacingForAName(t *testing.T) {
	f, ctx := open(t), t.Context()
	for round := range 6 {
		name := fmt.Sprint("name ", round)
		var mu sync.Mutex
		var wg sync.WaitGroup
		var got []string
		alone := 0
		for i := range 8 {
			r := f.resource(table.Group, "{}")
			wg.Go(func() {
				create := f.Create
				if i%2 == 0 {
					create = f.CreateShared
				}
				err := create(ctx, r, table.Keys{Name: name}, nil)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					got = append(got, r.ID)
					alone += i % 2
				case i%2 == 0 || !errors.Is(err, table.ErrTaken):
					t.Errorf("group %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		held, err := f.NameHolders(ctx, table.Group, f.dir, name)
		slices.Sort(got)
		if slices.Sort(held); err != nil || !slices.Equal(held, got) || alone > 1 {
			t.Errorf("%s is the name of %v (%v), and %v got it, %d alone", name, held, err, got, alone)
		}
	}
}

// meddler does something else right after the first answer to a call.
type meddler struct {
	aws.HTTPClient
	call string
	once sync.Once
	do   func()
}

func (m *meddler) Do(r *http.Request) (*http.Response, error) {
	answer, err := m.HTTPClient.Do(r)
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+m.call) {
		m.once.Do(m.do)
	}
	return answer, err
}

// Between the look at a name and the taking of it another group takes or
// leaves it. The name is looked at anew.
func TestNamesBetweenLookAndTake(t *testing.T) {
	db, name := dsynctest.Table(t)
	f, n := fixture{table.New(db, name), t, newID(t, id.Directory)}, table.Keys{Name: "sales"}
	meddled := func(call string, do func()) *table.Table {
		o := db.Options()
		o.HTTPClient = &meddler{HTTPClient: o.HTTPClient, call: call, do: do}
		return table.New(dynamodb.New(o), name)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first, second, third := f.resource(table.Group, "{}"), f.resource(table.Group, "{}"), f.resource(table.Group, "{}")
	must(f.CreateShared(t.Context(), first, n, nil))
	must(f.Delete(t.Context(), first, n, f.job(first), now, by))
	err := meddled("Query", func() { must(f.CreateShared(t.Context(), second, n, nil)) }).Create(t.Context(), third, n, nil)
	if !errors.Is(err, table.ErrTaken) {
		t.Errorf("a name that came to be shared meanwhile: %v", err)
	}
	must(f.Delete(t.Context(), second, n, f.job(second), now, by))
	must(f.Create(t.Context(), third, n, nil))

	fourth := f.resource(table.Group, "{}")
	must(meddled("GetItem", func() { must(f.Delete(t.Context(), third, n, f.job(third), now, by)) }).CreateShared(t.Context(), fourth, n, nil))
	if ids, err := f.NameHolders(t.Context(), table.Group, f.dir, "sales"); err != nil || !slices.Equal(ids, []string{fourth.ID}) {
		t.Errorf("a name that was left meanwhile: %v, %v", ids, err)
	}
}

// The largest transaction that creates a group: with all its parts it fits.
func TestCreateSharedWithMembers(t *testing.T) {
	f, ctx := open(t), t.Context()
	n := table.Keys{Name: "g", ExternalID: "x"}
	if err := f.Create(ctx, f.resource(table.Group, "{}"), n, nil); err != nil {
		t.Fatal(err)
	}
	second := f.resource(table.Group, "{}")
	members := make([]table.Membership, table.MaxCreateMembers)
	for i := range members {
		members[i] = f.member(second, f.resource(table.User, "{}"))
	}
	if err := f.CreateShared(ctx, second, n, members); err != nil {
		t.Fatal(err)
	}
	if ids, err := f.NameHolders(ctx, table.Group, f.dir, "G"); err != nil || len(ids) != 2 {
		t.Errorf("%v, %v", ids, err)
	}
}
