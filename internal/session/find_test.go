package session_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// how a filter is evaluated.
type how string

const (
	keyed   how = "keyed"   // the cost does not depend on the directory
	scanned how = "scanned" // the resources of the directory are read
	refused how = "400"
)

// form is a filter, who sends it, and what it costs.
type form struct {
	client, endpoint, filter string
	how                      how
	found, trips             int
	units                    float64
}

// forms are ways to find a user or a group. Placeholders: {user}, {external},
// {work}, {home}, {id} of one user; {other…} of another; {group}, {named} of a
// group with both.
var forms = []form{
	{"entra, okta, onelogin, aws-sso", "Users", `userName eq "{user}"`, keyed, 1, 2, 2},
	{"entra", "Users", `userName eq "nobody@example.com"`, keyed, 0, 1, 0},
	{"entra, rauthy", "Users", `externalId eq "{external}"`, keyed, 1, 2, 2},
	{"entra", "Users", `emails[type eq "work"].value eq "{work}"`, keyed, 1, 2, 2},
	{"entra", "Users", `urn:ietf:params:scim:schemas:core:2.0:User:userName eq "{user}"`, keyed, 1, 2, 2},
	{"entra", "Users", `userName eq {user}`, keyed, 1, 2, 2},
	{"entra", "Users", `id eq "{id}" and manager eq "{other.id}"`, keyed, 0, 1, 1},
	{"entra", "Users", `displayName eq "{user}"`, scanned, 1, 1, 0},
	{"entra", "Users", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "{user}"`, scanned, 0, 1, 0},
	{"nextcloud", "Users", `externalId eq "{external}" or userName eq "{user}"`, keyed, 1, 3, 3},
	{"nextcloud", "Users", `externalId eq "nobody" or userName eq "{user}"`, keyed, 1, 3, 2},
	{"nextcloud", "Groups", `externalId eq "{group.external}" or displayName eq "{group.name}"`, keyed, 1, 3, 3},
	{"github", "Users", `emails eq "{home}"`, keyed, 1, 2, 2},
	{"github", "Users", `emails.value eq "{work}"`, keyed, 1, 2, 2},
	{"github", "Users", `emails[value eq "{home}"]`, keyed, 1, 2, 2},
	{"github", "Users", `userName eq "{user}" or externalId eq "{external}" or emails.value eq "{home}"`, keyed, 1, 4, 4},
	{"gitlab, keycloak", "Users", `id eq "{id}"`, keyed, 1, 1, 1},
	{"keycloak", "Users", `userName eq "{user}" or emails.value eq "{work}"`, keyed, 1, 3, 3},
	{"keycloak", "Users", `USERNAME EQ "{user}"`, keyed, 1, 2, 2},
	{"slack", "Users", `email eq "{work}"`, refused, 0, 0, 0},
	{"atlassian, jumpcloud", "Users", `userName eq "{user}" and active eq true`, keyed, 1, 2, 2},
	{"pingfederate", "Users", `userName sw "{user}"`, scanned, 1, 1, 0},
	{"canaille", "Users", `userName eq '{user}'`, refused, 0, 0, 0},
	{"canaille", "Users", `emails[type eq 'work'].value eq "{work}"`, refused, 0, 0, 0},
	{"okta", "Users", `userName eq "{user}" or userName eq "{other.user}"`, keyed, 2, 2, 4},
	{"okta", "Users", `id eq "{id}" or id eq "{other.id}"`, keyed, 2, 1, 2},
	{"okta", "Users", `meta.lastModified gt "2030-01-01T00:00:00Z"`, scanned, 0, 1, 0},
	{"rfc", "Users", `emails[type eq "work" and value eq "{work}"]`, keyed, 1, 2, 2},
	{"rfc", "Users", `emails[type eq "home"].value eq "{home}"`, keyed, 1, 2, 2},
	{"rfc", "Users", `emails[type eq "work"].value eq "{home}"`, keyed, 0, 2, 2},
	{"rfc", "Users", `emails[value eq "{home}" or value eq "{other.work}"]`, keyed, 2, 3, 4},
	{"rfc", "Users", `(userName eq "{user}" or userName eq "{other.user}") and active eq true`, keyed, 2, 2, 4},
	{"rfc", "Users", `active eq true and (externalId eq "{external}" or (userName eq "{other.user}" and title pr))`, keyed, 1, 3, 4},
	{"rfc", "Users", `not (userName ne "{user}")`, keyed, 1, 2, 2},
	{"rfc", "Users", `not (userName eq "{user}") and externalId eq "{external}"`, keyed, 0, 2, 2},
	{"rfc", "Users", `userName eq "{user}" or title eq "nothing"`, scanned, 1, 1, 0},
	{"rfc", "Users", `externalId eq null`, scanned, 0, 1, 0},
	{"rfc", "Users", `emails.value ew "@nowhere.example"`, scanned, 0, 1, 0},
	{"rfc", "Users", `groups eq "{group}"`, keyed, 2, 3, 4},
	{"rfc", "Users", `groups.value eq "{group}" or userName eq "{user}"`, keyed, 2, 6, 7},
	{"entra, aws-sso, okta", "Groups", `displayName eq "{group.name}"`, keyed, 1, 2, 2},
	{"entra", "Groups", `externalId eq "{group.external}"`, keyed, 1, 2, 2},
	{"entra", "Groups", `id eq "{group}" and members eq "{id}"`, keyed, 1, 2, 2},
	{"aws-sso", "Groups", `displayName eq "{group.name}" or displayName eq "nothing"`, keyed, 1, 2, 2},
	{"keycloak", "Groups", `members.value eq "{id}"`, keyed, 1, 3, 2.5},
	{"rfc", "Groups", `members[value eq "{id}"]`, keyed, 1, 3, 2.5},
	{"rfc", "Groups", `displayName sw "{group.name}"`, scanned, 1, 1, 0},
}

// people is a directory of many users and one group with two of them.
type people struct {
	world
	client *dynamodb.Client
	name   string // of the table
	fill   *strings.Replacer
}

const template = "0000000"

// populate writes n users. The first is created by a session; the others are
// copies of its records with other ids and names, in batches, so that 100,000
// take minutes.
func populate(t *testing.T, n int) people {
	api, name := dsynctest.Table(t)
	w := on(t, table.New(api, name))
	first := w.create(t, session.Users, `{"userName":"user-`+template+`@example.com","externalId":"external-`+template+`","displayName":"user-`+template+`@example.com","active":true,
		"emails":[{"type":"work","value":"work-`+template+`@example.com","primary":true},{"type":"home","value":"home-`+template+`@example.org"}]}`).Meta.ID
	ulid := first[strings.LastIndexByte(first, '_')+1:]
	var records []map[string]types.AttributeValue
	for scan := dynamodb.NewScanPaginator(api, &dynamodb.ScanInput{TableName: &name}); scan.HasMorePages(); {
		page, err := scan.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			if sk := item["sk"].(*types.AttributeValueMemberS).Value; strings.Contains(sk, ulid) || strings.Contains(sk, template) {
				records = append(records, item)
			}
		}
	}
	if len(records) != 5 {
		t.Fatalf("%d records of a user", len(records)) // the user, its name, externalId and two addresses
	}
	ids := []string{first}
	var batches errgroup.Group
	batches.SetLimit(4)
	var batch []types.WriteRequest
	flush := func() {
		requests := batch
		batch = nil
		batches.Go(func() error {
			for len(requests) > 0 {
				out, err := api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: requests}})
				if err != nil {
					return err
				}
				requests = out.UnprocessedItems[name]
			}
			return nil
		})
	}
	for i := 1; i < n; i++ {
		next, err := id.New(id.User, time.Now(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, next)
		other := strings.NewReplacer(first, next, ulid, next[strings.LastIndexByte(next, '_')+1:], template, fmt.Sprintf("%07d", i))
		for _, record := range records {
			item := maps.Clone(record)
			for attribute, v := range item {
				if text, ok := v.(*types.AttributeValueMemberS); ok {
					item[attribute] = &types.AttributeValueMemberS{Value: other.Replace(text.Value)}
				}
			}
			batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
		}
		if len(batch) == 25 || i == n-1 {
			flush()
		}
	}
	if err := batches.Wait(); err != nil {
		t.Fatal(err)
	}
	group := w.create(t, session.Groups, `{"displayName":"finders","externalId":"external-finders","members":[{"value":"`+ids[7]+`"},{"value":"`+ids[8]+`"}]}`)
	fill := []string{"{group}", group.Meta.ID, "{group.name}", "finders", "{group.external}", "external-finders"}
	for prefix, i := range map[string]int{"{": 7, "{other.": 8} {
		for key, value := range map[string]string{"user}": "user-%07d@example.com", "external}": "external-%07d", "work}": "work-%07d@example.com", "home}": "home-%07d@example.org"} {
			fill = append(fill, prefix+key, fmt.Sprintf(value, i))
		}
		fill = append(fill, prefix+"id}", ids[i])
	}
	return people{w, api, name, strings.NewReplacer(fill...)}
}

// find evaluates a filter in a new process, which has cached nothing.
func (p people) find(t *testing.T, endpoint, filter string) (session.Page, budget, error) {
	t.Helper()
	p.functions = session.NewAuthenticator(p.table, time.Now, rand.Reader)
	w := p.open(t)
	kind := w.session.Type(map[string]session.Type{"Users": session.Users, "Groups": session.Groups}[endpoint])
	q, err := query.Parse(kind.ResourceType, "filter="+url.QueryEscape(p.fill.Replace(filter)))
	if err != nil {
		return session.Page{}, budget{}, err
	}
	var page session.Page
	ctx, meter := table.WithMeter(t.Context())
	page, err = w.session.List(ctx, kind, q)
	return page, budget{meter.RoundTrips, meter.WriteUnits, meter.ReadUnits}, err
}

// Each form of "find this user" is read by key if one of its attributes has a key.
// The cost of a keyed form is the same in a directory of any size, and docs/scim.md
// has it. FIND_USERS=100000 measures a directory of that size.
func TestFindUser(t *testing.T) {
	sizes := []int{40, 240}
	if n, err := strconv.Atoi(os.Getenv("FIND_USERS")); err == nil {
		sizes = []int{n}
	}
	docs, err := os.ReadFile("../../docs/scim.md")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[how]int{}
	costs := map[string][]budget{}
	ordered := slices.Clone(forms) // scans last: in a large directory they take long
	slices.SortStableFunc(ordered, func(a, b form) int { return strings.Compare(string(a.how), string(b.how)) })
	for _, size := range sizes {
		p := populate(t, size)
		for _, form := range ordered {
			page, cost, err := p.find(t, form.endpoint, form.filter)
			t.Logf("%7d users: %-7s %2d trips %6.1f read units  %s", size, form.how, cost.trips, cost.read, form.filter)
			name := form.endpoint + " " + form.filter
			costs[name] = append(costs[name], cost)
			counts[form.how]++
			switch {
			case form.how == refused:
				if fault.KindOf(err) != fault.Invalid || err.(*fault.Error).Code != scim.InvalidFilter {
					t.Errorf("%s: %v", name, err)
				}
				continue
			case form.how == scanned && form.endpoint == "Users" && size > session.MaxScan:
				if fault.KindOf(err) != fault.Invalid || err.(*fault.Error).Code != scim.TooMany {
					t.Errorf("%s: %v", name, err)
				}
				continue
			case err != nil || page.Total != form.found:
				t.Errorf("%s: found %d, want %d: %v", name, page.Total, form.found, err)
			}
			if form.how == keyed && (cost.trips != form.trips || cost.read != form.units) {
				t.Errorf("%s: %d trips and %.1f units, want %d and %.1f", name, cost.trips, cost.read, form.trips, form.units)
			}
			line := fmt.Sprintf("| %s | `/%s` | `%s` | %s |", form.client, form.endpoint, form.filter, form.how)
			if form.how == keyed {
				line = fmt.Sprintf("%s %d | %g |", line, form.trips, form.units)
			} else {
				line += " | |"
			}
			if !strings.Contains(string(docs), line) {
				t.Errorf("docs/scim.md lacks\n%s", line)
			}
		}
	}
	for _, form := range forms {
		list := costs[form.endpoint+" "+form.filter]
		if form.how == scanned && form.endpoint == "Users" && len(list) == 2 && list[1].read < 3*list[0].read {
			t.Errorf("%s is scanned, but costs %v", form.filter, list)
		}
	}
	if counts[keyed]/len(sizes) < 30 || len(forms) < 40 {
		t.Errorf("%v forms", counts)
	}
}

// A directory of an earlier version has look-ups of work addresses alone. All
// addresses are found, work addresses by key.
func TestFindByEmailOfEarlierVersion(t *testing.T) {
	p := populate(t, 40)
	d, err := p.table.Directory(t.Context(), p.directory.ID)
	if err != nil {
		t.Fatal(err)
	}
	earlier := d
	earlier.AllEmails = false
	earlier.Version++
	if err := p.table.ReplaceDirectory(t.Context(), d, earlier, nil); err != nil {
		t.Fatal(err)
	}
	p.forget(t, "home-0000007@example.org")
	for _, row := range []struct {
		filter string
		keyed  bool
		found  int
	}{
		{`emails[type eq "work"].value eq "{work}"`, true, 1},
		{`emails[type eq "work" and value eq "{work}"]`, true, 1},
		{`emails[type eq "work" and (value eq "{work}" or value eq "{other.work}")]`, true, 2},
		{`userName eq "{other.user}" or emails[type eq "work"].value eq "{work}"`, true, 2},
		{`emails eq "{home}"`, false, 1},
		{`emails.value eq "{work}"`, false, 1},
		{`emails[value eq "{home}"]`, false, 1},
		{`emails[type eq "home"].value eq "{home}"`, false, 1},
		{`emails[type eq "work" or value eq "{home}"]`, false, 40},
		{`userName eq "{other.user}" or emails eq "{home}"`, false, 2},
		{`userName eq "{user}" and emails eq "{home}"`, true, 1},
	} {
		page, cost, err := p.find(t, "Users", row.filter)
		if err != nil || page.Total != row.found || (cost.trips > 1) != row.keyed {
			t.Errorf("%s: found %d after %d round trips, %v", row.filter, page.Total, cost.trips, err)
		}
	}
}

// forget deletes the look-up of an e-mail address.
func (p people) forget(t *testing.T, email string) {
	t.Helper()
	api, name := p.client, p.name
	deleted := 0
	for scan := dynamodb.NewScanPaginator(api, &dynamodb.ScanInput{TableName: &name}); scan.HasMorePages(); {
		page, err := scan.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			if strings.HasPrefix(item["sk"].(*types.AttributeValueMemberS).Value, "UE#"+email) {
				_, err := api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(name), Key: map[string]types.AttributeValue{"pk": item["pk"], "sk": item["sk"]}})
				if err != nil {
					t.Fatal(err)
				}
				deleted++
			}
		}
	}
	if deleted != 1 {
		t.Fatalf("%s has %d look-ups", email, deleted)
	}
}
