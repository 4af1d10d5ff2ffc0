package management

import (
	"context"

	"dsync/internal/eventlog"
	"dsync/internal/fault"
	"dsync/internal/table"
	"dsync/internal/table/apikey"
	"dsync/internal/table/audit"
	"dsync/internal/table/signin"
)

// oneDirectory reaches one directory, and the name of its organization.
type oneDirectory struct {
	table                       *table.Table
	organizationID, directoryID string
}

var outOfReach = fault.New(fault.Forbidden, "", "A setup link reaches one directory.")

func (s oneDirectory) organization(ctx context.Context, organizationID string) (Organization, error) {
	return tenant{s.table, s.organizationID}.organization(ctx, organizationID)
}

func (s oneDirectory) directory(ctx context.Context, directoryID string) (Directory, error) {
	if directoryID != s.directoryID {
		return Directory{}, table.ErrNotFound
	}
	return tenant{s.table, s.organizationID}.directory(ctx, directoryID)
}

func (oneDirectory) organizationByExternalID(context.Context, string) (Organization, error) {
	return Organization{}, table.ErrNotFound
}

func (oneDirectory) job(context.Context, string) (Job, error) { return Job{}, table.ErrNotFound }

func nothing[T any](context.Context, string, bool, int) (table.Chunk[T], error) {
	return table.Chunk[T]{}, nil
}

func (oneDirectory) organizations([]string) chunkReader[Organization] { return nothing[Organization] }

func (oneDirectory) directories(string) chunkReader[Directory] { return nothing[Directory] }

func (s oneDirectory) directoryIDs(context.Context, int) ([]string, bool, error) {
	return []string{s.directoryID}, false, nil
}

func (oneDirectory) apiKeys() table.List[apikey.Key] { return table.List[apikey.Key]{} }

func (oneDirectory) consoleSessions() (table.List[signin.Session], error) {
	return table.List[signin.Session]{}, outOfReach
}

func (oneDirectory) auditEvents(AuditFilter) table.List[audit.Event] {
	return table.List[audit.Event]{}
}

func (oneDirectory) eventQuery(context.Context, eventlog.Query) (*eventlog.Query, error) {
	return nil, nil
}

func (oneDirectory) owner(string) (string, error) { return "", outOfReach }

func (oneDirectory) setupPage() error { return outOfReach }

func (oneDirectory) changesOrganizations() error { return outOfReach }
