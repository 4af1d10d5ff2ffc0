package jobs_test

import (
	"fmt"
	"testing"

	"dsync/internal/dsync"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/idclaim"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// earlier makes the table one of an earlier version: no id has a claim. It returns
// the number of the claims.
func (s *still) earlier() (claims int) {
	s.t.Helper()
	scan := dynamodb.NewScanPaginator(s.db, &dynamodb.ScanInput{TableName: &s.name, ConsistentRead: aws.Bool(true),
		FilterExpression: aws.String("begins_with(pk, :pk)"), ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "I#"}}})
	for scan.HasMorePages() {
		page, err := scan.NextPage(s.t.Context())
		s.do(err)
		for _, i := range page.Items {
			_, err := s.db.DeleteItem(s.t.Context(), &dynamodb.DeleteItemInput{TableName: &s.name, Key: map[string]types.AttributeValue{"pk": i["pk"], "sk": i["sk"]}})
			s.do(err)
			claims++
		}
	}
	return claims - 1 // and the record that there are no others
}

// directory creates another directory of the organization.
func (s *still) directory() table.Directory {
	s.t.Helper()
	d := table.Directory{ID: newID(s.t, id.Directory, s.at), OrganizationID: s.dir.OrganizationID, State: table.Linked, Version: 1, Created: s.at, Modified: s.at}
	s.do(s.CreateDirectory(s.t.Context(), d))
	return d
}

// upgraded runs the job that a sweep starts, and returns it.
func (s *still) upgraded() table.Job {
	s.t.Helper()
	s.sweep()
	running, err := s.RunningJobs(s.t.Context(), s.at)
	s.do(err)
	if len(running) != 1 || running[0].Task != table.CompleteRecords || !running[0].Due.After(s.at) {
		s.t.Fatalf("%+v", running)
	}
	s.sweep() // there is one
	s.at = running[0].Due
	return s.run(running[0])
}

// Users and groups of an earlier version get the claim of their id, in all
// directories, in bounded steps. It is done once.
func TestEarlierIDsAreClaimed(t *testing.T) {
	s := newStill(t)
	var all []table.Resource
	const directories = 60
	for i := range directories {
		s.dir = s.directory()
		if i%20 == 7 {
			all = append(all, s.create(table.User, `{"userName":"ada"}`, table.Keys{Name: "ada"}), s.create(table.Group, `{"displayName":"staff"}`, table.Keys{Name: "staff"}))
		}
	}
	for i := range 510 {
		all = append(all, s.create(table.User, fmt.Sprintf(`{"userName":"u%d"}`, i), table.Keys{Name: fmt.Sprint("u", i)}))
	}
	all = append(all, s.create(table.Group, `{"displayName":"last"}`, table.Keys{Name: "last"}))
	if claims := s.earlier(); claims != len(all)+1 { // and that of the carrier
		t.Fatalf("%d claims", claims)
	}
	// One whose claim another directory has: it keeps it.
	imported := all[0]
	s.do(idclaim.Add(t.Context(), s.Table, imported.Kind, s.dir.ID, imported.ID))

	job := s.upgraded()
	if job.State != table.JobDone || job.Done != len(all)+1 || job.Steps < 3 || job.Steps > 6 {
		t.Errorf("%+v, %d users and groups", job, len(all)+1)
	}
	for i, r := range all {
		want := r.DirectoryID
		if i == 0 {
			want = s.dir.ID
		}
		if got, err := s.DirectoryOf(t.Context(), r.Kind, r.ID); err != nil || got != want {
			t.Fatalf("%s %s is in %s, not %s: %v", r.Kind, r.ID, got, want, err)
		}
	}
	if complete, err := idclaim.Complete(t.Context(), s.Table); err != nil || !complete {
		t.Errorf("%v, %v", complete, err)
	}
	s.sweep()
	running, err := s.RunningJobs(t.Context(), s.at)
	s.do(err)
	for _, j := range running {
		if j.Task == table.CompleteRecords {
			t.Errorf("%+v", j)
		}
	}
}

// The claims of a directory that is being deleted are not written: the erasure of
// its log removes them, once.
func TestNoClaimsOfTheDeleted(t *testing.T) {
	s := newStill(t)
	user := s.create(table.User, `{"userName":"ada"}`, table.Keys{Name: "ada"})
	s.earlier()
	next := s.dir
	next.Version++
	next.State = table.Deleting
	s.do(s.ReplaceDirectory(t.Context(), s.dir, next, nil))
	if job := s.upgraded(); job.State != table.JobDone || job.Done != 0 {
		t.Errorf("%+v", job)
	}
	if got, err := s.DirectoryOf(t.Context(), table.User, user.ID); err == nil {
		t.Errorf("the claim is %q", got)
	}
}

// domains sets the verified domains of the organization.
func (s *still) domains(verified ...string) {
	s.t.Helper()
	old, err := s.Organization(s.t.Context(), s.dir.OrganizationID)
	s.do(err)
	next := old
	next.Version++
	next.Domains = []table.Domain{{ID: "org_domain_0", Domain: "pending.example", State: "pending"}}
	for _, d := range verified {
		next.Domains = append(next.Domains, table.Domain{ID: "org_domain_1", Domain: d, State: table.DomainVerified})
	}
	s.do(s.ReplaceOrganization(s.t.Context(), old, next))
}

// view is the view of a directory, and how many jobs project it.
func (s *still) view(directoryID string) (dsync.Projection, int) {
	s.t.Helper()
	d, err := s.Directory(s.t.Context(), directoryID)
	s.do(err)
	view, err := dsync.ParseProjection(d.View)
	s.do(err)
	jobs, err := table.Jobs(directoryID).Read(s.t.Context(), s.Table, "", false, 100)
	s.do(err)
	projecting := 0
	for _, e := range jobs.Entries {
		if e.Record.Task == table.Project {
			projecting++
		}
	}
	return view, projecting
}

// A directory of an earlier version gets the verified domains of its organization,
// and a job that gives them to its users. Its other settings stay.
func TestEarlierDirectoriesGetDomains(t *testing.T) {
	s := newStill(t)
	other := s.directory()
	next := other
	next.Version++
	next.View = dsync.Projection{NoEmailFallback: true}.Encode()
	s.do(s.ReplaceDirectory(t.Context(), other, next, nil))
	s.earlier()
	s.domains("b.example", "a.example")
	s.upgraded()
	for _, directoryID := range []string{s.dir.ID, other.ID} {
		view, projecting := s.view(directoryID)
		if len(view.Domains) != 2 || view.Domains[0] != "a.example" || projecting != 1 || view.NoEmailFallback != (directoryID == other.ID) {
			t.Errorf("%+v, %d jobs", view, projecting)
		}
	}
}

// A change of the verified domains reaches every directory of the organization,
// also one that was created from the domains as they were before: in the second
// pass. A directory that is being deleted stays as it is.
func TestApplyDomains(t *testing.T) {
	s := newStill(t)
	for range 25 {
		s.directory()
	}
	deleted := s.directory()
	next := deleted
	next.Version++
	next.State = table.Deleting
	s.do(s.ReplaceDirectory(t.Context(), deleted, next, nil))
	s.domains("acme.example")
	job := s.job(table.ApplyDomains, s.dir.OrganizationID)
	job.DirectoryID, job.Kind = "", ""
	s.start(job)
	if job = s.run(job); job.Pass != 1 || job.State != table.JobRunning || job.Done != 27 || job.Steps != 2 {
		t.Fatalf("%+v", job)
	}
	late := s.directory()
	s.at = job.Due
	if job = s.run(job); job.State != table.JobDone {
		t.Errorf("%+v", job)
	}
	for _, d := range []table.Directory{s.dir, late} {
		if view, projecting := s.view(d.ID); len(view.Domains) != 1 || projecting != 1 {
			t.Errorf("%+v, %d jobs", view, projecting)
		}
	}
	if view, projecting := s.view(deleted.ID); len(view.Domains) != 0 || projecting != 0 {
		t.Errorf("%+v, %d jobs", view, projecting)
	}
	s.domains()
	job = s.job(table.ApplyDomains, s.dir.OrganizationID)
	s.start(job)
	s.run(job)
	if view, projecting := s.view(s.dir.ID); len(view.Domains) != 0 || projecting != 2 {
		t.Errorf("%+v, %d jobs", view, projecting)
	}
}
