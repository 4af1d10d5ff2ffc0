package table_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/apikey"
	"dsync/internal/table/audit"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// emptyTable answers every read of DynamoDB with nothing, and keeps the reads.
type emptyTable struct {
	t     *testing.T
	reads []read
}

type read struct {
	name       string
	index      bool
	consistent bool
}

func (e *emptyTable) Do(r *http.Request) (*http.Response, error) {
	var in struct {
		IndexName      string
		ConsistentRead bool
		RequestItems   map[string]struct{ ConsistentRead bool }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		e.t.Error(err)
	}
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	for _, keys := range in.RequestItems {
		in.ConsistentRead = keys.ConsistentRead
	}
	e.reads = append(e.reads, read{name, in.IndexName != "", in.ConsistentRead})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// Every read is consistent that the index does not serve: Entra reads right after
// it writes, and a delayed read of a head, a claim or a list of jobs would lose
// what was written. Only the reads of these methods use the index.
func TestReadsAreConsistent(t *testing.T) {
	empty := &emptyTable{t: t}
	f := table.New(dynamodb.NewFromConfig(awsconfig.Config("us-east-1", "http://dynamodb.invalid"), func(o *dynamodb.Options) { o.HTTPClient = empty }), "table")
	directory, organization := newID(t, id.Directory), newID(t, id.Organization)
	user, group, event := newID(t, id.User), newID(t, id.Group), newID(t, id.Event)
	m := table.Membership{DirectoryID: directory, GroupID: group, UserID: user}
	for name, row := range map[string]struct {
		read  func(ctx context.Context)
		index bool
	}{
		"apikey.Find":              {func(ctx context.Context) { _, _ = apikey.Find(ctx, f, "h") }, false},
		"apikey.All":               {func(ctx context.Context) { _, _ = apikey.All().Read(ctx, f, "", false, 1) }, true},
		"apikey.Of":                {func(ctx context.Context) { _, _ = apikey.Of(organization).Read(ctx, f, "", false, 1) }, true},
		"audit.All":                {func(ctx context.Context) { _, _ = audit.All().Read(ctx, f, "", false, 1) }, true},
		"audit.OfOrganization":     {func(ctx context.Context) { _, _ = audit.OfOrganization(organization).Read(ctx, f, "", false, 1) }, false},
		"audit.OfDirectory":        {func(ctx context.Context) { _, _ = audit.OfDirectory(directory).Read(ctx, f, "", false, 1) }, false},
		"Token":                    {func(ctx context.Context) { _, _ = f.Token(ctx, "h") }, false},
		"Directory":                {func(ctx context.Context) { _, _ = f.Directory(ctx, directory) }, false},
		"Organization":             {func(ctx context.Context) { _, _ = f.Organization(ctx, organization) }, false},
		"OrganizationByExternalID": {func(ctx context.Context) { _, _ = f.OrganizationByExternalID(ctx, "x") }, false},
		"Resource":                 {func(ctx context.Context) { _, _ = f.Resource(ctx, table.User, directory, user) }, false},
		"Resources":                {func(ctx context.Context) { _, _ = f.Resources(ctx, table.User, directory, []string{user}) }, false},
		"Locate":                   {func(ctx context.Context) { _, _ = f.Locate(ctx, table.User, user, []string{directory}) }, false},
		"NameHolders":              {func(ctx context.Context) { _, _ = f.NameHolders(ctx, table.Group, directory, "g") }, false},
		"ByExternalID":             {func(ctx context.Context) { _, _ = f.ByExternalID(ctx, table.User, directory, "x") }, false},
		"ByEmail":                  {func(ctx context.Context) { _, _ = f.ByEmail(ctx, directory, "a@example.com") }, false},
		"IsMember":                 {func(ctx context.Context) { _, _ = f.IsMember(ctx, directory, group, user, 0) }, false},
		"Membership":               {func(ctx context.Context) { _, _ = f.Membership(ctx, m) }, false},
		"CheckMembers":             {func(ctx context.Context) { _, _, _ = f.CheckMembers(ctx, directory, group, []string{user}) }, false},
		"Subjects":                 {func(ctx context.Context) { _, _ = f.Subjects(ctx, []table.Membership{m}) }, false},
		"Job":                      {func(ctx context.Context) { _, _ = f.Job(ctx, newID(t, id.Job)) }, false},
		"RunningJobs":              {func(ctx context.Context) { _, _ = f.RunningJobs(ctx, now) }, false},
		"LogHeads":                 {func(ctx context.Context) { _, _ = f.LogHeads(ctx, []string{directory}) }, false},
		"EnvironmentHeads":         {func(ctx context.Context) { _, _ = f.EnvironmentHeads(ctx, []int{1}) }, false},
		"LoggedEvents":             {func(ctx context.Context) { _, _ = f.LoggedEvents(ctx, []string{table.EventKey(event)}) }, false},
		"JournalPages": {func(ctx context.Context) {
			_, _, _ = f.JournalPages(ctx, table.DirectoryJournal(directory), 1, true, 1)
		}, false},
		"Deferrals":        {func(ctx context.Context) { _, _, _ = f.Deferrals(ctx, directory, 1) }, false},
		"EraseLog":         {func(ctx context.Context) { _, _ = f.EraseLog(ctx, directory, 1) }, false},
		"Purge":            {func(ctx context.Context) { _, _ = f.Purge(ctx, directory, 1) }, false},
		"ClearMemberships": {func(ctx context.Context) { _, _ = f.ClearMemberships(ctx, table.Group, directory, group, 1) }, false},
		"LegacyBucket":     {func(ctx context.Context) { _, _ = f.LegacyBucket(ctx) }, false},
		"LegacyLogged":     {func(ctx context.Context) { _, _ = f.LegacyLogged(ctx, directory, []string{event}) }, false},
		"Members": {func(ctx context.Context) {
			for range f.Members(ctx, directory, group, "") {
				break
			}
		}, false},
		"All": {func(ctx context.Context) {
			for range f.All(ctx, table.User, directory, "") {
				break
			}
		}, false},
		"Days":                         {func(ctx context.Context) { _, _ = f.Days(ctx, directory, 1) }, false},
		"IDs":                          {func(ctx context.Context) { _, _, _ = f.IDs(ctx, table.User, directory, "", 1) }, true},
		"GroupsOf":                     {func(ctx context.Context) { _, _ = f.GroupsOf(ctx, directory, user) }, true},
		"KeptMemberships":              {func(ctx context.Context) { _, _, _ = f.KeptMemberships(ctx, directory, user, "", 1) }, true},
		"ClearMemberships of the user": {func(ctx context.Context) { _, _ = f.ClearMemberships(ctx, table.User, directory, user, 1) }, true},
	} {
		empty.reads = nil
		row.read(t.Context())
		if len(empty.reads) == 0 {
			t.Errorf("%s reads nothing", name)
		}
		for _, r := range empty.reads {
			if r.index != row.index || r.consistent == row.index {
				t.Errorf("%s: %s with the index %v, consistent %v", name, r.name, r.index, r.consistent)
			}
		}
	}
}
