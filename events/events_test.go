package events_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/eventbridge"
	"dsync/internal/dsync"

	lambdaevents "github.com/aws/aws-lambda-go/events"
)

var update = flag.Bool("update", false, "write the samples again")

// same compares a sample with the file of that name, or writes the file.
func same(t *testing.T, file string, value any) {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	text.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if is := readFile(t, file); !bytes.Equal(is, text.Bytes()) {
		t.Errorf("%s is not what the code emits (go test ./events -update writes it):\n%s", file, text.Bytes())
	}
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names returns the names of the JSON files in a folder, without .json.
func names(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return files
}

// Every event of the catalogue has a schema and a sample, and there are no
// others. TestSchemas checks the same for the schemas of the registry.
func TestCatalogue(t *testing.T) {
	want := slices.Sorted(slices.Values(dsync.Names))
	schemas := slices.DeleteFunc(names(t, "schemas"), func(name string) bool { return name == "common" })
	if !slices.Equal(schemas, want) {
		t.Errorf("schemas of %v, want %v", schemas, want)
	}
	if samples := names(t, "samples"); !slices.Equal(samples, want) {
		t.Errorf("samples of %v, want %v", samples, want)
	}
}

const (
	organization = "org_01EZTR6WYX1A0DSE2CYMGXQ24Y"
	directoryID  = "directory_01ECAZ4NV9QMV47GW873HDCX74"
	userID       = "directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7"
	groupID      = "directory_group_01E1X5GPMMXF4T1DCERMVEEPVW"
	tokenID      = "directory_token_01EHWNCE74X7JSDV0X3SZ3KJNY"
)

// user is a user with the attributes of Entra's default mapping.
const user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
	"userName":"lela.block@example.com","externalId":"58342554-38d6-4ec8-948c-50044d0a33fd","active":true,
	"displayName":"Lela Block","title":"Software Engineer","preferredLanguage":"en-US",
	"name":{"givenName":"Lela","familyName":"Block","formatted":"Lela Block"},
	"emails":[{"type":"work","primary":true,"value":"lela.block@example.com"}],
	"addresses":[{"type":"work","streetAddress":"1 Main St","locality":"Redmond","region":"WA","postalCode":"98052","country":"US","formatted":"1 Main St, Redmond"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"8931","department":"Engineering"}}`

const group = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Software Engineers","externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"}`

// The times at which the samples were created and changed.
var (
	created = time.Date(2026, 11, 23, 12, 0, 0, 155e6, time.UTC)
	changed = created.Add(time.Hour)
)

// changes returns the events of the samples: a short history of one directory,
// in its order. Up to firstUpdate everything is new. An event of the catalogue
// that the history lacks is the transition of its directory, and comes last.
func changes(t testing.TB) []*dsync.Change {
	t.Helper()
	resource := func(id, document, changes string) *dsync.Resource {
		r := &dsync.Resource{ID: id, DirectoryID: directoryID, OrganizationID: organization, Created: created, Updated: created, Document: map[string]any{}}
		for _, part := range []string{document, changes} {
			if err := json.Unmarshal([]byte(part), &r.Document); err != nil {
				t.Fatal(err)
			}
		}
		if changes != "{}" {
			r.Updated = changed
		}
		return r
	}
	lela, disabled := resource(userID, user, `{}`), resource(userID, user, `{"active":false}`)
	engineers, developers := resource(groupID, group, `{}`), resource(groupID, group, `{"displayName":"Developers"}`)
	deletedUser, deletedGroup := *disabled, *developers
	deletedUser.Deleted, deletedGroup.Deleted = true, true
	withoutToken := directoryIn(dsync.Linked)
	withoutToken.Tokens = nil
	history := []*dsync.Change{
		dsync.DirectoryChange(nil, directoryIn(dsync.Validating)),
		transition(dsync.DirectoryActivated),
		dsync.UserChange(nil, lela),
		dsync.GroupChange(nil, engineers),
		dsync.MembershipChange(nil, dsync.Membership{}, *lela, *engineers),
		dsync.GroupChange(engineers, developers),
		dsync.UserChange(lela, disabled),
		dsync.MembershipChange(&dsync.Membership{}, dsync.Membership{Deleted: true}, *disabled, *developers),
		dsync.UserChange(disabled, &deletedUser),
		dsync.GroupChange(developers, &deletedGroup),
		dsync.DirectoryChange(directoryIn(dsync.Linked), withoutToken),
		transition(dsync.DirectoryDeleted),
	}
	for _, name := range dsync.Names {
		if !slices.ContainsFunc(history, func(c *dsync.Change) bool { return c != nil && c.Name == name }) {
			history = append(history, transition(name))
		}
	}
	return history
}

const firstUpdate = 5

// directoryIn returns the directory of the samples in that state.
func directoryIn(state dsync.State) *dsync.Directory {
	return &dsync.Directory{
		ID: directoryID, OrganizationID: organization, ExternalKey: "UWuccu6o1E0GqkYs", Name: "Foo Corp's Entra ID", Type: "azure scim v2.0",
		State:   state,
		Tokens:  []dsync.Token{{ID: tokenID, Suffix: "a1b2", Created: created}},
		Domains: []dsync.Domain{{ID: "org_domain_01EZTR5N6Y9RQKHK2E9F31KZX6", Domain: "foo-corp.com"}},
		Created: created, Updated: changed,
	}
}

// transition returns the event of a directory that the catalogue says to come
// of its row, or nil.
func transition(name string) *dsync.Change {
	i := slices.Index(dsync.Names, name)
	from := dsync.Catalogue[i].From
	if from == dsync.Any {
		from = dsync.Linked
	}
	return dsync.DirectoryChange(directoryIn(from), directoryIn(dsync.Catalogue[i].To))
}

// deliver puts an event on a bus and returns what the rule's target receives,
// with fixed values for what EventBridge chooses.
func deliver(t *testing.T, e dsync.Event, at time.Time) (got lambdaevents.EventBridgeEvent) {
	t.Helper()
	b, err := eventbridge.New(eventbridge.Options{
		Name: "dsync", Region: "eu-west-1",
		Rules: []eventbridge.Rule{{Name: "every-event", Pattern: topology.Dsync().Rules[0].Pattern, Target: func(event json.RawMessage) error {
			d := json.NewDecoder(bytes.NewReader(event))
			d.DisallowUnknownFields()
			return d.Decode(&got)
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	detail, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	request, err := json.Marshal(map[string]any{"Entries": []any{map[string]any{
		"EventBusName": "dsync", "Source": topology.Dsync().Bus.Source, "DetailType": e.Name, "Detail": string(detail), "Time": at.Unix(),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(request))
	r.Header.Set("X-Amz-Target", "AWSEvents.PutEvents")
	w := httptest.NewRecorder()
	if b.ServeHTTP(w, r); got.ID == "" {
		t.Fatalf("%s was not delivered: %s", e.Name, w.Body)
	}
	got.ID, got.AccountID = "7bf73129-1428-4cd3-a780-95db273d1602", "123456789012"
	return got
}

// The samples are what the code emits.
func TestSamples(t *testing.T) {
	emitted := map[string]bool{}
	for i, change := range changes(t) {
		if change == nil {
			t.Fatalf("change %d has no event", i)
		}
		at := created
		if i >= firstUpdate {
			at = changed
		}
		id, err := dsync.EventID(at.Truncate(time.Second), fmt.Sprintf("4421584500000000017450439%03d", i))
		if err != nil {
			t.Fatal(err)
		}
		e := dsync.Event{
			Object: "event", ID: id, Name: change.Name, Data: change.Data, CreatedAt: at.Format("2006-01-02T15:04:05.000Z"),
			Context: dsync.Context{Sequence: int64(i + 1), RequestID: "JKJaXmPLvHcESHA=", TokenID: tokenID},
		}
		if !strings.HasPrefix(change.Name, "dsync.user.") && !strings.HasPrefix(change.Name, "dsync.group.") {
			e.Context.TokenID = "" // requested with an API key
		}
		if emitted[change.Name] {
			t.Errorf("%s is emitted twice", change.Name)
		}
		emitted[change.Name] = true
		same(t, filepath.Join("samples", change.Name+".json"), deliver(t, e, at))
	}
	for _, name := range dsync.Names {
		if !emitted[name] {
			t.Errorf("there is no sample of %s", name)
		}
	}
}
