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

var update = flag.Bool("update", false, "write the samples anew")

// same compares a sample with the file of that name, or writes it.
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

// names are the files of a folder without their ending.
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

// Every event has a schema, a schema for the registry, and a sample, and
// nothing else has.
func TestCatalogue(t *testing.T) {
	want := slices.Sorted(slices.Values(dsync.Names))
	if len(want) != 12 {
		t.Errorf("there are %d events, WorkOS has 12", len(want))
	}
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

// user is a user as Entra's default mappings fill it.
const user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
	"userName":"lela.block@example.com","externalId":"58342554-38d6-4ec8-948c-50044d0a33fd","active":true,
	"displayName":"Lela Block","title":"Software Engineer","preferredLanguage":"en-US",
	"name":{"givenName":"Lela","familyName":"Block","formatted":"Lela Block"},
	"emails":[{"type":"work","primary":true,"value":"lela.block@example.com"}],
	"addresses":[{"type":"work","streetAddress":"1 Main St","locality":"Redmond","region":"WA","postalCode":"98052","country":"US","formatted":"1 Main St, Redmond"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"8931","department":"Engineering"}}`

const group = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Software Engineers","externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"}`

// When the samples were created, and changed.
var (
	created = time.Date(2026, 11, 23, 12, 0, 0, 155e6, time.UTC)
	changed = created.Add(time.Hour)
)

// changes are the samples: a short history of one directory, in its order. Up
// to firstChange everything is new.
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
	directory := func(change func(*dsync.Directory)) *dsync.Directory {
		d := &dsync.Directory{
			ID: directoryID, OrganizationID: organization, ExternalKey: "UWuccu6o1E0GqkYs", Name: "Foo Corp's Entra ID", Type: "azure scim v2.0",
			Tokens:  []dsync.Token{{ID: tokenID, Suffix: "a1b2", Created: created}},
			Domains: []dsync.Domain{{ID: "org_domain_01EZTR5N6Y9RQKHK2E9F31KZX6", Domain: "foo-corp.com"}},
			Created: created, Updated: changed,
		}
		change(d)
		return d
	}
	pending := directory(func(d *dsync.Directory) { d.Pending = true })
	linked := directory(func(d *dsync.Directory) {})
	without := directory(func(d *dsync.Directory) { d.Tokens = nil })
	deleting := directory(func(d *dsync.Directory) { d.Deleting = true })
	lela, disabled := resource(userID, user, `{}`), resource(userID, user, `{"active":false}`)
	old, developers := resource(groupID, group, `{}`), resource(groupID, group, `{"displayName":"Developers"}`)
	gone, gonegroup := *disabled, *developers
	gone.Gone, gonegroup.Gone = true, true
	return []*dsync.Change{
		dsync.DirectoryChange(nil, pending),
		dsync.DirectoryChange(pending, linked),
		dsync.UserChange(nil, lela),
		dsync.GroupChange(nil, old),
		dsync.MembershipChange(nil, dsync.Membership{}, *lela, *old),
		dsync.GroupChange(old, developers),
		dsync.UserChange(lela, disabled),
		dsync.MembershipChange(&dsync.Membership{}, dsync.Membership{Gone: true}, *disabled, *developers),
		dsync.UserChange(disabled, &gone),
		dsync.GroupChange(developers, &gonegroup),
		dsync.DirectoryChange(linked, without),
		dsync.DirectoryChange(linked, deleting),
	}
}

const firstChange = 5

// deliver puts an event on a bus and returns what its target gets. What
// EventBridge chooses is fixed.
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
			t.Fatalf("change %d is none", i)
		}
		at := created
		if i >= firstChange {
			at = changed
		}
		id, err := dsync.EventID(at.Truncate(time.Second), fmt.Sprintf("4421584500000000017450439%03d", i))
		if err != nil {
			t.Fatal(err)
		}
		e := dsync.Event{
			Object: "event", ID: id, Name: change.Name, Data: change.Data, CreatedAt: at.Format("2006-01-02T15:04:05.000Z"),
			Context: dsync.Context{RequestID: "JKJaXmPLvHcESHA=", TokenID: tokenID},
		}
		if !strings.HasPrefix(change.Name, "dsync.user.") && !strings.HasPrefix(change.Name, "dsync.group.") {
			e.Context.TokenID = "" // asked for with an API key
		}
		if emitted[change.Name] {
			t.Errorf("%s comes twice", change.Name)
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
