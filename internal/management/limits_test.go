package management

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/owner"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func offline() *Session {
	db := dynamodb.NewFromConfig(awsconfig.Config("us-east-1", "http://dynamodb.invalid"), func(o *dynamodb.Options) { o.HTTPClient = nobody{} })
	return &Session{table: table.New(db, "table"), now: func() time.Time { return noon }, entropy: rand.Reader, owners: owner.NewMemory()}
}

// nobody answers no call: what needs none, as a read of no keys, succeeds.
type nobody struct{}

func (nobody) Do(*http.Request) (*http.Response, error) { return nil, errors.New("a call of DynamoDB") }

// fields are the fields that an error complains about.
func fields(err error) (names []string) {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		for _, f := range e.Fields {
			names = append(names, f.Name)
		}
	}
	return names
}

// Each limit of an organization holds at the limit and not one above it.
func TestOrganizationAtTheLimits(t *testing.T) {
	text := func(n int) *string { return new(strings.Repeat("ä", n)) }
	metadata := func(keys int) map[string]*string {
		m := map[string]*string{}
		for i := range keys {
			m[fmt.Sprint(i)] = text(1)
		}
		return m
	}
	domains := func(names ...string) *[]NewDomain {
		var list []NewDomain
		for _, n := range names {
			list = append(list, NewDomain{Domain: n})
		}
		return &list
	}
	many := func(n int) *[]NewDomain {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("d%d.example", i))
		}
		return domains(names...)
	}
	name := "Acme"
	for what, row := range map[string]struct {
		update  OrganizationUpdate
		refused string
	}{
		"a name":                       {OrganizationUpdate{Name: text(MaxName)}, ""},
		"a name too long":              {OrganizationUpdate{Name: text(MaxName + 1)}, "name"},
		"a blank name":                 {OrganizationUpdate{Name: new(" ")}, "name"},
		"a name with a control":        {OrganizationUpdate{Name: new("a\x00b")}, "name"},
		"an external id":               {OrganizationUpdate{ExternalID: text(MaxExternalID)}, ""},
		"an external id too long":      {OrganizationUpdate{ExternalID: text(MaxExternalID + 1)}, "external_id"},
		"metadata":                     {OrganizationUpdate{Metadata: metadata(MaxMetadata)}, ""},
		"metadata of too many":         {OrganizationUpdate{Metadata: metadata(MaxMetadata + 1)}, "metadata"},
		"a key of metadata":            {OrganizationUpdate{Metadata: map[string]*string{*text(maxMetadataKey): text(1)}}, ""},
		"a key of metadata too long":   {OrganizationUpdate{Metadata: map[string]*string{*text(maxMetadataKey + 1): text(1)}}, "metadata"},
		"a value of metadata":          {OrganizationUpdate{Metadata: map[string]*string{"k": text(maxMetadataValue)}}, ""},
		"a value too long":             {OrganizationUpdate{Metadata: map[string]*string{"k": text(maxMetadataValue + 1)}}, "metadata"},
		"domains":                      {OrganizationUpdate{Domains: many(MaxDomains)}, ""},
		"too many domains":             {OrganizationUpdate{Domains: many(MaxDomains + 1)}, "domain_data"},
		"a domain twice":               {OrganizationUpdate{Domains: domains("a.example", "A.example")}, "domain_data.1.domain"},
		"a domain that is none":        {OrganizationUpdate{Domains: domains("localhost")}, "domain_data.0.domain"},
		"a domain of 253 characters":   {OrganizationUpdate{Domains: domains(strings.Repeat("a.", 124) + "abcde")}, ""},
		"a domain of 254 characters":   {OrganizationUpdate{Domains: domains(strings.Repeat("a.", 124) + "abcdef")}, "domain_data.0.domain"},
		"a label of 63 characters":     {OrganizationUpdate{Domains: domains(strings.Repeat("a", 63) + ".example")}, ""},
		"a label of 64 characters":     {OrganizationUpdate{Domains: domains(strings.Repeat("a", 64) + ".example")}, "domain_data.0.domain"},
		"a state of a domain":          {OrganizationUpdate{Domains: &[]NewDomain{{"a.example", "verified"}}}, ""},
		"an unknown state of a domain": {OrganizationUpdate{Domains: &[]NewDomain{{"a.example", "x"}}}, "domain_data.0.state"},
	} {
		o := Organization{Name: name}
		err := offline().apply(&o, row.update)
		got := fields(err)
		if row.refused == "" && err != nil || row.refused != "" && !slices.Contains(got, row.refused) {
			t.Errorf("%s: %v (%v), want %q", what, got, err, row.refused)
		}
	}
}

// A change of an organization leaves the record that was read as it was: it may
// be tried again.
func TestApplyCopies(t *testing.T) {
	old := Organization{Name: "Acme", Metadata: map[string]string{"a": "1"}}
	changed := old
	if err := offline().apply(&changed, OrganizationUpdate{Metadata: map[string]*string{"a": nil, "b": new("2")}}); err != nil {
		t.Fatal(err)
	}
	if len(old.Metadata) != 1 || old.Metadata["a"] != "1" || changed.Metadata["b"] != "2" || len(changed.Metadata) != 1 {
		t.Errorf("%v became %v", old.Metadata, changed.Metadata)
	}
}

// An expiry is in the future.
func TestExpiryIsInTheFuture(t *testing.T) {
	for name, row := range map[string]struct {
		expires time.Time
		fails   bool
	}{
		"never": {time.Time{}, false}, "now": {noon, true}, "a moment later": {noon.Add(time.Millisecond), false}, "a moment earlier": {noon.Add(-time.Millisecond), true},
	} {
		var v fault.Validation
		checkExpiry(&v, "expires_at", row.expires, noon)
		if (v.Err() != nil) != row.fails {
			t.Errorf("%s: %v", name, v.Err())
		}
	}
}

// Users are found by e-mail or idp_id in one directory only.
func TestUserFilter(t *testing.T) {
	for name, row := range map[string]struct {
		filter UserFilter
		want   []string
	}{
		"a directory":                 {UserFilter{DirectoryID: "d"}, nil},
		"a group":                     {UserFilter{GroupID: "g"}, nil},
		"neither":                     {UserFilter{}, []string{"directory", "group"}},
		"an e-mail":                   {UserFilter{DirectoryID: "d", Email: "e"}, nil},
		"an e-mail of no directory":   {UserFilter{GroupID: "g", Email: "e"}, []string{"email"}},
		"an idp_id of no directory":   {UserFilter{GroupID: "g", IdPID: "e"}, []string{"idp_id"}},
		"an e-mail and an idp_id":     {UserFilter{DirectoryID: "d", Email: "e", IdPID: "i"}, []string{"email"}},
		"a group of a directory":      {UserFilter{DirectoryID: "d", GroupID: "g"}, nil},
		"a group and an e-mail there": {UserFilter{DirectoryID: "d", GroupID: "g", Email: "e"}, []string{"email"}},
	} {
		if err := row.filter.check(); fmt.Sprint(fields(err)) != fmt.Sprint(row.want) && !slices.Contains(fields(err), strings.Join(row.want, "")) {
			t.Errorf("%s: %v, want %v", name, fields(err), row.want)
		}
	}
}

// The list of directories is trusted for its time, that moment included.
func TestOwnersAreTrusted(t *testing.T) {
	o := owner.NewMemory()
	o.SetList([]string{"d"}, noon)
	for at, known := range map[time.Time]bool{noon.Add(30 * time.Second): true, noon.Add(30*time.Second + time.Nanosecond): false} {
		if list := o.List(at); (list != nil) != known {
			t.Errorf("at %v: %v", at, list)
		}
	}
}

// A resource is looked for in the directories that are older than it, by clocks
// that may differ by a minute.
func TestOlderThan(t *testing.T) {
	directoryAt := func(at time.Time) string {
		s, err := id.New(id.Directory, at, zeros{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	user, err := id.New(id.User, noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for after, older := range map[time.Duration]bool{-time.Hour: true, 0: true, time.Minute: true, time.Minute + time.Millisecond: false} {
		if got := owner.OlderThan([]string{directoryAt(noon.Add(after))}, user); (len(got) == 1) != older {
			t.Errorf("a directory that is %v younger: %v", after, got)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A page ends at its limit of objects. A read that finds nothing ends after so
// many records, with a cursor.
func TestReadIsBounded(t *testing.T) {
	var all []string
	for i := range 1500 {
		all = append(all, fmt.Sprintf("%04d", i))
	}
	read := fixed("", all...)
	for _, limit := range []int{1, 10, 100} {
		p, err := list(t.Context(), PageRequest{Limit: limit, Oldest: true}, read, nil)
		if err != nil || len(p.Items) != limit || p.After != all[limit-1] || p.Before != "" {
			t.Errorf("limit %d: %d items, after %q, %v", limit, len(p.Items), p.After, err)
		}
	}
	none, err := list(t.Context(), PageRequest{Limit: 10, Oldest: true}, read, func(string) bool { return false })
	if err != nil || len(none.Items) != 0 || none.After != all[maxRead-1] {
		t.Errorf("%d items, after %q, want %q, %v", len(none.Items), none.After, all[maxRead-1], err)
	}
	// All that match are in one chunk that is larger than the page.
	few, err := list(t.Context(), PageRequest{Limit: 2, Oldest: true}, read, func(s string) bool { return s < "0005" })
	if err != nil || !slices.Equal(few.Items, all[:2]) || few.After != all[1] {
		t.Errorf("%v, after %q, %v", few.Items, few.After, err)
	}
	back, err := list(t.Context(), PageRequest{Limit: 2, Oldest: true, Before: all[5]}, read, nil)
	if err != nil || !slices.Equal(back.Items, all[3:5]) || back.Before != all[3] || back.After != all[4] {
		t.Errorf("before %s: %v between %q and %q, %v", all[5], back.Items, back.Before, back.After, err)
	}
}

// A page of payloads has at most 4 MB, and one payload whatever its size is.
func TestPageOfLargePayloads(t *testing.T) {
	const half = maxPageBytes / 2
	sizeOf := func(n int) projection {
		doc := map[string]any{"displayName": ""}
		g := projection{dsync.Resource{Document: doc}, table.Group}
		doc["nickName"] = ""
		doc["nickName"] = strings.Repeat("x", n-len(payloadOf(t, g)))
		if got := len(payloadOf(t, g)); got != n {
			t.Fatalf("a payload of %d bytes, want %d", got, n)
		}
		return g
	}
	for name, row := range map[string]struct {
		sizes []int
		want  int
	}{
		"4 MB":               {[]int{half, half}, 2},
		"4 MB and a byte":    {[]int{half, half + 1}, 1},
		"one larger than it": {[]int{maxPageBytes + 1, 1000}, 1},
		"only that":          {[]int{maxPageBytes + 1}, 1},
	} {
		r := rows[projection]{request: PageRequest{Limit: 10}}
		for i, size := range row.sizes {
			r.entries = append(r.entries, table.ListEntry[projection]{ID: fmt.Sprint(i), Record: sizeOf(size)})
		}
		page, err := offline().payloadPage(t.Context(), table.Directory{}, r, false)
		if err != nil || len(page.Items) != row.want || (page.After != "") != (row.want < len(row.sizes)) {
			t.Errorf("%s: %d payloads, after %q, %v", name, len(page.Items), page.After, err)
		}
	}
}

func payloadOf(t *testing.T, p projection) Payload {
	t.Helper()
	list, err := offline().payloads(t.Context(), table.Directory{}, []projection{p}, false)
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// A user is found by an e-mail address in any letter case, and consumers do not
// see a disabled user of a directory that deletes them.
func TestProjectionOfAUser(t *testing.T) {
	doc := map[string]any{"userName": "ada", "active": false, "emails": []any{map[string]any{"type": "work", "value": "Ada@Example.com"}}}
	for policy, hidden := range map[string]bool{"": false, dsync.Delete: true} {
		p := projection{dsync.Resource{Document: doc, Projection: dsync.Projection{Deactivation: policy}}, table.User}
		if p.hidden() != hidden || !p.hasEmail("ada@EXAMPLE.com") || p.hasEmail("eve@example.com") {
			t.Errorf("policy %q: hidden %v", policy, p.hidden())
		}
		p.kind = table.Group
		if p.hidden() {
			t.Error("a group is hidden")
		}
	}
}
