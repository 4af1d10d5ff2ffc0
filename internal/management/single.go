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

// single reaches one directory, and the name of its organization.
type single struct {
	table                       *table.Table
	organizationID, directoryID string
}

var outOfReach = fault.New(fault.Forbidden, "", "A setup link reaches one directory.")

func (s single) organization(ctx context.Context, organizationID string) (Organization, error) {
	return tenant{s.table, s.organizationID}.organization(ctx, organizationID)
}

func (s single) directory(ctx context.Context, directoryID string) (Directory, error) {
	if directoryID != s.directoryID {
		return Directory{}, table.ErrNotFound
	}
	return tenant{s.table, s.organizationID}.directory(ctx, directoryID)
}

func (single) organizationByExternalID(context.Context, string) (Organization, error) {
	return Organization{}, table.ErrNotFound
}

func (single) job(context.Context, string) (Job, error) { return Job{}, table.ErrNotFound }

func nothing[T any](context.Context, string, bool, int) (table.Chunk[T], error) {
	return table.Chunk[T]{}, nil
}

func (single) organizations([]string) chunkReader[Organization] { return nothing[Organization] }

func (single) directories(string) chunkReader[Directory] { return nothing[Directory] }

func (s single) directoryIDs(context.Context, int) ([]string, bool, error) {
	return []string{s.directoryID}, false, nil
}

func (s single) apiKeys() table.List[apikey.Key] { return table.List[apikey.Key]{} }

func (single) consoleSessions() (table.List[signin.Session], error) {
	return table.List[signin.Session]{}, outOfReach
}

func (s single) auditEvents(AuditFilter) table.List[audit.Event] { return table.List[audit.Event]{} }

func (single) eventQuery(context.Context, eventlog.Query) (*eventlog.Query, error) { return nil, nil }

func (single) owner(string) (string, error) { return "", outOfReach }

func (single) setupPage() error { return outOfReach }

func (single) changesOrganizations() error { return outOfReach }
