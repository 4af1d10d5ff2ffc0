package management

import (
	"context"

	"dsync/internal/fault"
	"dsync/internal/table"
)

// GroupFilter says which groups to list: those of a directory, or of a user.
type GroupFilter struct {
	DirectoryID, UserID string
	// Name finds groups of a directory by name, in any letter case.
	Name string
}

// Groups lists groups.
func (s *Session) Groups(ctx context.Context, f GroupFilter, p PageRequest) (Page[Payload], error) {
	if f.DirectoryID == "" && f.UserID == "" {
		var invalid fault.Validation
		addEither(&invalid, "directory", "user")
		return Page[Payload]{}, invalid.Err()
	}
	if f.Name != "" && (f.DirectoryID == "" || f.UserID != "") {
		return Page[Payload]{}, fault.InvalidField("name", "name must come with directory, and not with user.")
	}
	d, err := s.listedDirectory(ctx, table.User, f.UserID, f.DirectoryID)
	if err != nil {
		return Page[Payload]{}, err
	}
	if err := s.checkCursor(ctx, table.Group, d.ID, p); err != nil {
		return Page[Payload]{}, err
	}
	read := chunksOf(s.table, table.ResourcesOf(table.Group, d.ID))
	switch {
	case f.UserID != "":
		read = chunksOf(s.table, table.GroupsWith(d.ID, f.UserID))
	case f.Name != "":
		ids, err := s.table.NameHolders(ctx, table.Group, d.ID, f.Name)
		if err != nil {
			return Page[Payload]{}, err
		}
		read = s.resourcesByID(table.Group, d.ID, ids)
	}
	r, err := readRows(ctx, p, projections(d, table.Group, read), nil)
	if err != nil {
		return Page[Payload]{}, err
	}
	return s.payloadPage(ctx, d, r, false)
}

// Group reads a group. hint is the id of the directory, or "".
func (s *Session) Group(ctx context.Context, groupID, hint string) (Payload, error) {
	return s.payload(ctx, table.Group, groupID, hint)
}
