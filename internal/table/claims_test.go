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

	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// groupModel is the groups of a directory as they should be found.
type groupModel struct {
	fixture
	names  map[string]string // id → name
	groups map[string]table.Resource
}

func (m *groupModel) holders(name string) []string {
	var ids []string
	for id, n := range m.names {
		if strings.EqualFold(n, name) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// check compares the holders of each name with the model.
func (m *groupModel) check(names []string) {
	m.t.Helper()
	for _, name := range names {
		got, err := m.NameHolders(m.t.Context(), table.Group, m.directoryID, name)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, m.holders(name)) {
			m.t.Fatalf("NameHolders(%q) = %v, %v, want %v", name, got, err, m.holders(name))
		}
	}
}

// Groups are created, renamed and deleted while the directory alternately allows
// and forbids shared names. Each group is found by its name, and a name that
// another group has is rejected while shared names are forbidden.
func TestExclusiveAndSharedNames(t *testing.T) {
	names := []string{"sales", "SALES", "sales emea", "sales#x", "%"}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			m, ctx := groupModel{open(t), map[string]string{}, map[string]table.Resource{}}, t.Context()
			rejected := 0
			for step := range 120 {
				shared := (uint64(step/15)+seed)%2 == 0
				name := names[random.IntN(len(names))]
				ids := slices.Sorted(maps.Keys(m.groups))
				var id string
				if len(ids) > 0 && random.IntN(3) > 0 {
					id = ids[random.IntN(len(ids))]
				}
				others := slices.DeleteFunc(m.holders(name), func(other string) bool { return other == id })
				var err error
				old, oldKeys := m.groups[id], table.Keys{Name: m.names[id]}
				switch {
				case id == "":
					create := m.Create
					if shared {
						create = m.CreateShared
					}
					old = m.resource(table.Group, "{}")
					if err = create(ctx, old, table.Keys{Name: name, ExternalID: "x"}, nil); err == nil {
						m.groups[old.ID], m.names[old.ID] = old, name
					}
				case random.IntN(3) == 0:
					if err = m.Delete(ctx, old, oldKeys, m.job(old), now, actor); err == nil {
						delete(m.groups, id)
						delete(m.names, id)
					}
					others = nil
				default:
					replace, next := m.Replace, old
					if shared {
						replace = m.ReplaceShared
					}
					next.Version++
					if strings.EqualFold(name, oldKeys.Name) {
						others = nil // the group has the name already
					}
					if err = replace(ctx, old, next, oldKeys, table.Keys{Name: name}); err == nil {
						m.groups[id], m.names[id] = next, name
					}
				}
				if taken := !shared && len(others) > 0; taken != errors.Is(err, table.ErrTaken) || !taken && err != nil {
					t.Fatalf("step %d: %v; shared %v, other holders %v", step, err, shared, others)
				} else if taken {
					rejected++
				}
				m.check(names)
			}
			if rejected == 0 {
				t.Error("no name was rejected")
			}
		})
	}
}

// A rename of a stale group fails, and changes no claim.
func TestStaleRename(t *testing.T) {
	f, ctx := open(t), t.Context()
	old := f.create(table.Group, table.Keys{Name: "a"})
	next := old
	next.Version++
	if err := f.Replace(ctx, old, next, table.Keys{Name: "a"}, table.Keys{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	for name, replace := range map[string]func() error{
		"exclusive": func() error { return f.Replace(ctx, old, next, table.Keys{Name: "a"}, table.Keys{Name: "c"}) },
		"shared":    func() error { return f.ReplaceShared(ctx, old, next, table.Keys{Name: "a"}, table.Keys{Name: "c"}) },
		"deleted":   func() error { return f.Delete(ctx, old, table.Keys{Name: "a"}, f.job(old), now, actor) },
	} {
		if err := replace(); !errors.Is(err, table.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, n := range map[string]int{"a": 0, "b": 1, "c": 0} {
		if ids, err := f.NameHolders(ctx, table.Group, f.directoryID, name); err != nil || len(ids) != n {
			t.Errorf("NameHolders(%q) = %v, %v, want %d", name, ids, err, n)
		}
	}
}

// Groups take one name at the same time, some of them exclusively: each that
// gets it is found, and at most one gets it exclusively.
func TestConcurrentClaims(t *testing.T) {
	f, ctx := open(t), t.Context()
	for round := range 6 {
		name := fmt.Sprint("name ", round)
		var mu sync.Mutex
		var wg sync.WaitGroup
		var got []string
		exclusive := 0
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
					exclusive += i % 2
				case i%2 == 0 || !errors.Is(err, table.ErrTaken):
					t.Errorf("group %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		held, err := f.NameHolders(ctx, table.Group, f.directoryID, name)
		slices.Sort(got)
		slices.Sort(held)
		if err != nil || !slices.Equal(held, got) || exclusive > 1 {
			t.Errorf("NameHolders(%q) = %v, %v, want %v, of which %d exclusively", name, held, err, got, exclusive)
		}
	}
}

// interleaver calls a function after the first response to an operation, before
// the caller gets the response.
type interleaver struct {
	aws.HTTPClient
	operation string
	once      sync.Once
	do        func()
}

func (m *interleaver) Do(r *http.Request) (*http.Response, error) {
	response, err := m.HTTPClient.Do(r)
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+m.operation) {
		m.once.Do(m.do)
	}
	return response, err
}

// Another group takes or releases a name after its claim was read and before it
// is written. The claim is read again.
func TestClaimChangesAfterRead(t *testing.T) {
	f, n := open(t), table.Keys{Name: "sales"}
	after := func(operation string, do func()) *table.Table {
		o := f.db.Options()
		o.HTTPClient = &interleaver{HTTPClient: o.HTTPClient, operation: operation, do: do}
		return table.New(dynamodb.New(o), f.tableName)
	}
	first, second, third := f.resource(table.Group, "{}"), f.resource(table.Group, "{}"), f.resource(table.Group, "{}")
	f.do(f.CreateShared(t.Context(), first, n, nil))
	f.do(f.Delete(t.Context(), first, n, f.job(first), now, actor))
	err := after("Query", func() { f.do(f.CreateShared(t.Context(), second, n, nil)) }).Create(t.Context(), third, n, nil)
	if !errors.Is(err, table.ErrTaken) {
		t.Errorf("a name that another group took in between: %v", err)
	}
	f.do(f.Delete(t.Context(), second, n, f.job(second), now, actor))
	f.do(f.Create(t.Context(), third, n, nil))

	fourth := f.resource(table.Group, "{}")
	f.do(after("GetItem", func() { f.do(f.Delete(t.Context(), third, n, f.job(third), now, actor)) }).CreateShared(t.Context(), fourth, n, nil))
	if ids, err := f.NameHolders(t.Context(), table.Group, f.directoryID, "sales"); err != nil || !slices.Equal(ids, []string{fourth.ID}) {
		t.Errorf("a name that another group released in between: %v, %v", ids, err)
	}
}

// The largest transaction that creates a group is within DynamoDB's limit.
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
	if ids, err := f.NameHolders(ctx, table.Group, f.directoryID, "G"); err != nil || len(ids) != 2 {
		t.Errorf("%v, %v", ids, err)
	}
}
