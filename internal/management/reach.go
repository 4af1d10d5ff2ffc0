package management

import (
	"context"
	"errors"
	"slices"

	"dsync/internal/eventlog"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/apikey"
	"dsync/internal/table/audit"
	"dsync/internal/table/signin"
)

// reach is what the key of a session reaches: an environment or a tenant. A
// session reads organizations, directories, keys, jobs and logs through it and in
// no other way (arch.TestReach), so whatever it finds is within its reach.
type reach interface {
	// organization, organizationByExternalID, directory and job fail with
	// table.ErrNotFound for what is out of reach, as for what does not exist.
	organization(ctx context.Context, organizationID string) (Organization, error)
	organizationByExternalID(ctx context.Context, externalID string) (Organization, error)
	directory(ctx context.Context, directoryID string) (Directory, error)
	job(ctx context.Context, jobID string) (Job, error)
	// organizations lists the organizations that have one of the domains; nil is
	// all of them.
	organizations(domains []string) chunkReader[Organization]
	// directories lists the directories of an organization; "" is all of them.
	directories(organizationID string) chunkReader[Directory]
	// directoryIDs are the newest directories; more says that there are others.
	directoryIDs(ctx context.Context, limit int) (ids []string, more bool, err error)
	apiKeys() table.List[apikey.Key]
	// consoleSessions fails for whoever is bound to an organization: a session of
	// the console reaches everything.
	consoleSessions() (table.List[signin.Session], error)
	// auditEvents is a list that has all events of the filter in reach, and others
	// in reach.
	auditEvents(f AuditFilter) table.List[audit.Event]
	// eventQuery is the query for the events in reach; nil if there can be none.
	// It fails with eventlog.ErrCursor.
	eventQuery(ctx context.Context, q eventlog.Query) (*eventlog.Query, error)
	// owner is the organization of a new object that shall belong to an
	// organization; "" is none, or that of the key. It fails with a fault of kind
	// NotFound.
	owner(organizationID string) (string, error)
	// setupPage fails for whoever is bound to an organization: the setup page looks the
	// same to all of them.
	setupPage() error
	// changesOrganizations fails unless organizations can be created, changed and
	// deleted.
	changesOrganizations() error
}

// reachOf is what a key reaches.
func reachOf(t *table.Table, k apikey.Key) reach {
	if k.OrganizationID != "" {
		return tenant{t, k.OrganizationID}
	}
	return environment{t}
}

// environment reaches everything.
type environment struct{ table *table.Table }

func (e environment) organization(ctx context.Context, organizationID string) (Organization, error) {
	return e.table.Organization(ctx, organizationID)
}

func (e environment) organizationByExternalID(ctx context.Context, externalID string) (Organization, error) {
	return e.table.OrganizationByExternalID(ctx, externalID)
}

func (e environment) directory(ctx context.Context, directoryID string) (Directory, error) {
	return e.table.Directory(ctx, directoryID)
}

func (e environment) job(ctx context.Context, jobID string) (Job, error) {
	return e.table.Job(ctx, jobID)
}

func (e environment) organizations(domains []string) chunkReader[Organization] {
	if len(domains) == 0 {
		return chunksOf(e.table, table.Organizations())
	}
	var readers []chunkReader[Organization]
	for _, d := range domains {
		readers = append(readers, chunksOf(e.table, table.OrganizationsWith(d)))
	}
	return merge(readers)
}

func (e environment) directories(organizationID string) chunkReader[Directory] {
	if organizationID == "" {
		return chunksOf(e.table, table.Directories())
	}
	return chunksOf(e.table, table.DirectoriesOf(organizationID))
}

func (e environment) directoryIDs(ctx context.Context, limit int) ([]string, bool, error) {
	return table.Directories().IDs(ctx, e.table, "", true, limit)
}

func (environment) apiKeys() table.List[apikey.Key] { return apikey.All() }

func (environment) consoleSessions() (table.List[signin.Session], error) { return signin.All(), nil }

func (environment) auditEvents(f AuditFilter) table.List[audit.Event] {
	switch {
	case f.DirectoryID != "":
		return audit.OfDirectory(f.DirectoryID)
	case f.OrganizationID != "":
		return audit.OfOrganization(f.OrganizationID)
	}
	return audit.All()
}

func (environment) eventQuery(_ context.Context, q eventlog.Query) (*eventlog.Query, error) {
	return &q, nil
}

func (environment) owner(organizationID string) (string, error) { return organizationID, nil }

func (environment) setupPage() error { return nil }

func (environment) changesOrganizations() error { return nil }

// tenant reaches one organization: it reads the organization, its directories and
// what belongs to them. It does not change the organization: its external id and
// the states of its domains are what the team says of it.
type tenant struct {
	table          *table.Table
	organizationID string
}

func (t tenant) organization(ctx context.Context, organizationID string) (Organization, error) {
	if organizationID != t.organizationID {
		return Organization{}, table.ErrNotFound
	}
	return t.table.Organization(ctx, organizationID)
}

func (t tenant) organizationByExternalID(ctx context.Context, externalID string) (Organization, error) {
	o, err := t.table.Organization(ctx, t.organizationID)
	if err == nil && (externalID == "" || o.ExternalID != externalID) {
		return Organization{}, table.ErrNotFound
	}
	return o, err
}

func (t tenant) directory(ctx context.Context, directoryID string) (Directory, error) {
	d, err := t.table.Directory(ctx, directoryID)
	if err == nil && d.OrganizationID != t.organizationID {
		return Directory{}, table.ErrNotFound
	}
	return d, err
}

func (t tenant) job(ctx context.Context, jobID string) (Job, error) {
	j, err := t.table.Job(ctx, jobID)
	if err != nil {
		return Job{}, err
	}
	if j.DirectoryID == "" { // of the environment
		return Job{}, table.ErrNotFound
	}
	if _, err := t.directory(ctx, j.DirectoryID); err != nil {
		return Job{}, err
	}
	return j, nil
}

// organizations is the list of one.
func (t tenant) organizations(domains []string) chunkReader[Organization] {
	return func(ctx context.Context, from string, newest bool, _ int) (table.Chunk[Organization], error) {
		c := table.Chunk[Organization]{Last: from}
		if from != "" && compareIDs(t.organizationID, from, newest) <= 0 {
			return c, nil
		}
		o, err := t.table.Organization(ctx, t.organizationID)
		if errors.Is(err, table.ErrNotFound) {
			return c, nil
		}
		has := func(d table.Domain) bool { return slices.Contains(domains, d.Domain) }
		if err == nil && (len(domains) == 0 || slices.ContainsFunc(o.Domains, has)) {
			c.Entries, c.Last = []table.ListEntry[Organization]{{ID: o.ID, Record: o}}, o.ID
		}
		return c, err
	}
}

func (t tenant) directories(organizationID string) chunkReader[Directory] {
	if organizationID != "" && organizationID != t.organizationID {
		return func(context.Context, string, bool, int) (table.Chunk[Directory], error) {
			return table.Chunk[Directory]{}, nil
		}
	}
	return chunksOf(t.table, table.DirectoriesOf(t.organizationID))
}

func (t tenant) directoryIDs(ctx context.Context, limit int) ([]string, bool, error) {
	return table.DirectoriesOf(t.organizationID).IDs(ctx, t.table, "", true, limit)
}

func (t tenant) apiKeys() table.List[apikey.Key] { return apikey.Of(t.organizationID) }

func (t tenant) consoleSessions() (table.List[signin.Session], error) {
	return table.List[signin.Session]{}, fault.New(fault.Forbidden, "", "The API key is bound to an organization: it cannot see who is in the console.")
}

func (t tenant) auditEvents(AuditFilter) table.List[audit.Event] {
	return audit.OfOrganization(t.organizationID)
}

// eventQuery checks the cursors, too: the id of another organization's event is
// none.
func (t tenant) eventQuery(ctx context.Context, q eventlog.Query) (*eventlog.Query, error) {
	for _, cursor := range []string{q.After, q.Before} {
		if !id.Event.Valid(cursor) {
			continue
		}
		events, err := t.table.LoggedEvents(ctx, []string{table.EventKey(cursor)})
		if err != nil {
			return nil, err
		}
		if len(events) > 0 && events[0].OrganizationID != t.organizationID {
			return nil, eventlog.ErrCursor
		}
	}
	reached := q.OrganizationID == "" || q.OrganizationID == t.organizationID
	if q.DirectoryID != "" {
		_, err := t.directory(ctx, q.DirectoryID)
		if err != nil && !errors.Is(err, table.ErrNotFound) {
			return nil, err
		}
		reached = err == nil
	}
	switch {
	case !reached && q.After+q.Before != "":
		return nil, eventlog.ErrCursor // whatever it is: nobody looks it up
	case !reached:
		return nil, nil
	}
	q.OrganizationID = t.organizationID
	return &q, nil
}

func (t tenant) owner(organizationID string) (string, error) {
	if organizationID != "" && organizationID != t.organizationID {
		return "", fault.Missing(organization, organizationID)
	}
	return t.organizationID, nil
}

func (tenant) setupPage() error {
	return fault.New(fault.Forbidden, "", "The API key is bound to an organization: it cannot see or change the setup page of all.")
}

func (tenant) changesOrganizations() error {
	return fault.New(fault.Forbidden, "", "The API key is bound to an organization: it cannot create, change or delete one.")
}
