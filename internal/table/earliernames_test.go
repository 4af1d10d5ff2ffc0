package table_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A name in two forms: as Windows sends it, and as macOS does.
const composed, decomposed = "Zo\u00eb", "Zoe\u0308"

// earlier creates a resource with the claim that an earlier version wrote.
func (f fixture) earlier(k table.Kind, name string) table.Resource {
	f.t.Helper()
	r := f.create(k, table.Keys{Name: "ascii"})
	key := func(folded string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "D#" + f.directoryID[strings.LastIndexByte(f.directoryID, '_')+1:]},
			"sk": &types.AttributeValueMemberS{Value: string(k) + "N#" + folded},
		}
	}
	_, err := f.db.DeleteItem(f.t.Context(), &dynamodb.DeleteItemInput{TableName: &f.tableName, Key: key("ascii"), ConditionExpression: aws.String("attribute_exists(pk)")})
	f.do(err)
	item := key(scim.EarlierFold(name))
	item["id"] = &types.AttributeValueMemberS{Value: r.ID}
	_, err = f.db.PutItem(f.t.Context(), &dynamodb.PutItemInput{TableName: &f.tableName, Item: item})
	f.do(err)
	return r
}

// claims counts the claims of a kind.
func (f fixture) claims(k table.Kind) (n int) {
	for _, item := range f.items() {
		if sk := item["sk"].(*types.AttributeValueMemberS).Value; strings.HasPrefix(sk, string(k)+"N#") {
			n++
		}
	}
	return n
}

// A name that an earlier version stored is found and taken in both forms, although
// its claim has the form in which it was sent. Its resource can be changed, renamed
// and deleted, and leaves no claim.
func TestEarlierNames(t *testing.T) {
	for _, k := range []table.Kind{table.User, table.Group} {
		for _, stored := range []string{composed, decomposed, " ada "} {
			f, ctx := open(t), t.Context()
			r := f.earlier(k, stored)
			others := []string{composed, decomposed, "ZOE\u0308"}
			if stored == " ada " {
				others = []string{" ADA "} // who searches for ada does not mean it
			}
			for _, name := range others {
				if got, err := f.byName(ctx, k, f.directoryID, name); err != nil || got != r.ID {
					t.Errorf("%q by %q: %q, %v", stored, name, got, err)
				}
				if got, err := f.NameHolders(ctx, k, f.directoryID, name); err != nil || !slices.Equal(got, []string{r.ID}) {
					t.Errorf("%q by %q: %q, %v", stored, name, got, err)
				}
				if err := f.Create(ctx, f.resource(k, "{}"), table.Keys{Name: name}, nil); !errors.Is(err, table.ErrTaken) {
					t.Errorf("%q beside %q: %v", name, stored, err)
				}
				other := f.create(k, table.Keys{Name: "other"})
				renamed := other
				renamed.Version++
				if err := f.Replace(ctx, other, renamed, table.Keys{Name: "other"}, table.Keys{Name: name}); !errors.Is(err, table.ErrTaken) {
					t.Errorf("rename to %q beside %q: %v", name, stored, err)
				}
				f.do(f.Delete(ctx, other, table.Keys{Name: "other"}, f.job(other), now, actor))
			}

			changed := r
			changed.Version++
			f.do(f.Replace(ctx, r, changed, table.Keys{Name: stored}, table.Keys{Name: stored, ExternalID: "x"}))
			again := changed
			again.Version++
			f.do(f.Replace(ctx, changed, again, table.Keys{Name: stored, ExternalID: "x"}, table.Keys{Name: others[0], ExternalID: "x"}))
			current, err := f.Resource(ctx, k, f.directoryID, r.ID)
			f.do(err)
			if got, err := f.byName(ctx, k, f.directoryID, others[0]); err != nil || got != r.ID || f.claims(k) != 1 {
				t.Errorf("%q renamed to %q: %q, %v, %d claims", stored, others[0], got, err, f.claims(k))
			}
			f.do(f.Delete(ctx, current, table.Keys{Name: others[0], ExternalID: "x"}, f.job(r), now, actor))
			if n := f.claims(k); n != 0 {
				t.Errorf("%q: %d claims are left", stored, n)
			}
			f.do(f.Create(ctx, f.resource(k, "{}"), table.Keys{Name: others[0]}, nil))
		}
	}
}

// An earlier version gave two resources names that are one by now. Both are found
// by it. One of them can be changed and deleted without the other, and nobody else
// can take the name before both are gone.
func TestEarlierTwins(t *testing.T) {
	for _, k := range []table.Kind{table.User, table.Group} {
		f, ctx := open(t), t.Context()
		a, b := f.earlier(k, composed), f.earlier(k, decomposed)
		for name, r := range map[string]*table.Resource{composed: &a, decomposed: &b} {
			next := *r
			next.Version++
			f.do(f.Replace(ctx, *r, next, table.Keys{Name: name}, table.Keys{Name: name, ExternalID: "x"}))
			*r = next
		}
		got, err := f.NameHolders(ctx, k, f.directoryID, composed)
		want := []string{a.ID, b.ID}
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %v", got, err)
		}
		f.do(f.Delete(ctx, a, table.Keys{Name: composed, ExternalID: "x"}, f.job(a), now, actor))
		if err := f.Create(ctx, f.resource(k, "{}"), table.Keys{Name: composed}, nil); !errors.Is(err, table.ErrTaken) {
			t.Errorf("beside the second one: %v", err)
		}
		f.do(f.Delete(ctx, b, table.Keys{Name: decomposed, ExternalID: "x"}, f.job(b), now, actor))
		f.do(f.Create(ctx, f.resource(k, "{}"), table.Keys{Name: composed}, nil))
	}
}

// Groups that share a name in either form keep the others from taking it when names
// are unique again.
func TestEarlierSharedNames(t *testing.T) {
	f, ctx := open(t), t.Context()
	stored := f.earlier(table.Group, decomposed)
	joined := f.resource(table.Group, "{}")
	f.do(f.CreateShared(ctx, joined, table.Keys{Name: composed}, nil))
	second := f.resource(table.Group, "{}")
	f.do(f.CreateShared(ctx, second, table.Keys{Name: decomposed}, nil))
	if got, err := f.NameHolders(ctx, table.Group, f.directoryID, "zo\u00cb"); err != nil || len(got) != 3 {
		t.Errorf("%q, %v", got, err)
	}
	for _, r := range []table.Resource{joined, second, stored} {
		if err := f.Create(ctx, f.resource(table.Group, "{}"), table.Keys{Name: composed}, nil); !errors.Is(err, table.ErrTaken) {
			t.Errorf("%v", err)
		}
		current, err := f.Resource(ctx, table.Group, f.directoryID, r.ID)
		f.do(err)
		name := decomposed
		if r.ID == joined.ID {
			name = composed
		}
		f.do(f.Delete(ctx, current, table.Keys{Name: name}, f.job(r), now, actor))
	}
	f.do(f.Create(ctx, f.resource(table.Group, "{}"), table.Keys{Name: composed}, nil))
}
