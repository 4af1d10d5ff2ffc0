package session_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/query"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// store writes a user whose document has that many bytes.
func (w world) store(t *testing.T, n, size int) {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Millisecond)
	userID, err := id.New(id.User, at.Add(time.Duration(n)*time.Millisecond), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	doc := fmt.Sprintf(`{"active":true,"nickName":"%%s","userName":"user %04d"}`, n)
	doc = fmt.Sprintf(doc, strings.Repeat("x", size-len(doc)+2))
	if len(doc) != size {
		t.Fatalf("a document of %d bytes, want %d", len(doc), size)
	}
	r := table.Resource{
		Kind: table.User, ID: userID, DirectoryID: w.directory.ID, OrganizationID: w.directory.OrganizationID, Document: doc, Version: 1, Created: at, Modified: at,
	}
	if err := w.table.Create(t.Context(), r, table.Keys{Name: fmt.Sprintf("user %04d", n)}, nil); err != nil {
		t.Fatal(err)
	}
}

// A page has at most 4 MB of documents, in each kind of list. The rest is on the
// next page of a cursor.
func TestPagesOfBytes(t *testing.T) {
	const size, most = 128 << 10, 32
	active, err := filter.Parse(scim.Users, "active eq true")
	if err != nil {
		t.Fatal(err)
	}
	sort, _ := scim.Users.Resolve("userName")
	for _, extra := range []int{0, 1} {
		w := open(t)
		w.store(t, 0, size+extra)
		for n := range most {
			w.store(t, n+1, size)
		}
		first := most - extra
		cursor := ""
		for name, q := range map[string]query.Query{
			"all":             {StartIndex: 1, Count: 100},
			"by a filter":     {StartIndex: 1, Count: 100, Filter: active},
			"in an order":     {StartIndex: 1, Count: 100, SortBy: &sort},
			"after a cursor":  {Count: 100, Cursor: &cursor},
			"of all, ordered": {Count: 100, Cursor: &cursor, SortBy: &sort},
		} {
			page, err := w.session.List(t.Context(), session.Users, q)
			if err != nil || len(page.Resources) != first || (page.Next != "") != (q.Cursor != nil) {
				t.Errorf("%s, %d bytes more: %d users, next %q, %v; want %d", name, extra, len(page.Resources), page.Next, err, first)
				continue
			}
			if q.Cursor == nil {
				continue
			}
			q.Cursor = &page.Next
			if rest, err := w.session.List(t.Context(), session.Users, q); err != nil || len(rest.Resources) != most+1-first || rest.Next != "" {
				t.Errorf("%s, the rest: %d users, next %q, %v", name, len(rest.Resources), rest.Next, err)
			}
		}
	}
}

// between is a connection to DynamoDB that does something before the first update.
type between struct{ do func() }

func (b *between) Do(r *http.Request) (*http.Response, error) {
	if do := b.do; do != nil && strings.HasSuffix(r.Header.Get("X-Amz-Target"), "UpdateItem") {
		b.do = nil
		do()
	}
	return http.DefaultClient.Do(r)
}

// A change of members with If-Match fails, and writes nothing, when the group
// changes after its version was checked.
func TestChangedInBetween(t *testing.T) {
	api, name := dsynctest.Table(t)
	wire := &between{}
	o := api.Options()
	o.HTTPClient = wire
	w := on(t, table.New(dynamodb.New(o), name))
	user, other, group := w.user(t, "ada"), w.user(t, "eve"), w.group(t, "g")
	wire.do = func() {
		if _, err := w.session.Patch(t.Context(), session.Groups, group.Meta.ID, operations(t, add(other.Meta.ID)), session.Condition{}); err != nil {
			t.Error(err)
		}
	}
	_, err := w.session.Patch(t.Context(), session.Groups, group.Meta.ID, operations(t, add(user.Meta.ID)), session.Versions(group.Meta.Version))
	if fault.KindOf(err) != fault.PreconditionFailed {
		t.Errorf("%v", err)
	}
	if members := w.members(t, group.Meta.ID); wire.do != nil || len(members) != 1 || !members[other.Meta.ID] {
		t.Errorf("the members are %v", members)
	}
}
