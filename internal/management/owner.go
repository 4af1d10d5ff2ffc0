package management

import (
	"context"
	"dsync/internal/fault"
	"dsync/internal/owner"
	"dsync/internal/table"
	"errors"
	"slices"
)

// maxDirectories is in how many directories one request searches for a user or group: 20
// reads, some of them at a time.
const maxDirectories = 2_000

// locate finds a user or group and its directory. With a hint it is in that
// directory or nowhere. Without one the claim of the id names the directory, and
// costs the same however many directories there are. What an earlier version
// created has no claim until the job table.CompleteRecords is done, and is searched
// for in all directories. A directory that is being deleted has no users and
// groups.
func (s *Session) locate(ctx context.Context, k table.Kind, resourceID, hint string) (table.Directory, table.Resource, error) {
	notFound := fault.Missing("", resourceID)
	if !k.ValidID(resourceID) {
		return table.Directory{}, table.Resource{}, notFound
	}
	var d table.Directory
	r, err := s.find(ctx, k, resourceID, hint)
	if err == nil {
		s.owners.Know(resourceID, r.DirectoryID)
		d, err = s.reach.directory(ctx, r.DirectoryID)
	}
	if errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting {
		err = notFound
	}
	return d, r, err
}

// find reads a user or group. What it did not find without a hint it does not
// look for again for a while. It fails with table.ErrNotFound.
func (s *Session) find(ctx context.Context, k table.Kind, resourceID, hint string) (table.Resource, error) {
	directoryID := hint
	if hint == "" {
		directoryID = s.owners.Of(resourceID)
	}
	if directoryID != "" {
		return s.table.Resource(ctx, k, directoryID, resourceID)
	}
	if s.owners.Unknown(resourceID, s.now()) {
		return table.Resource{}, table.ErrNotFound
	}
	directoryID, err := s.table.DirectoryOf(ctx, k, resourceID)
	var r table.Resource
	switch {
	case err == nil:
		r, err = s.table.Resource(ctx, k, directoryID, resourceID)
	case errors.Is(err, table.ErrNotFound):
		r, err = s.findUnclaimed(ctx, k, resourceID)
	}
	if errors.Is(err, table.ErrNotFound) {
		s.owners.Miss(resourceID, s.now())
	}
	return r, err
}

// findUnclaimed finds a user or group whose id has no claim.
func (s *Session) findUnclaimed(ctx context.Context, k table.Kind, resourceID string) (table.Resource, error) {
	claimed, err := s.owners.AllClaimed(ctx, s.table)
	if err != nil {
		return table.Resource{}, err
	}
	if claimed {
		return table.Resource{}, table.ErrNotFound
	}
	r, err := s.search(ctx, k, resourceID)
	if errors.Is(err, table.ErrNotFound) && s.key.OrganizationID != "" {
		// The search saw one organization. The id may be known to others.
		err = fault.Missing("", resourceID)
	}
	return r, err
}

// search searches the directories that are old enough for a user or group.
func (s *Session) search(ctx context.Context, k table.Kind, resourceID string) (table.Resource, error) {
	now := s.now()
	searched := map[string]bool{}
	searchIn := func(directories []string) (table.Resource, error) {
		directories = slices.DeleteFunc(owner.OlderThan(directories, resourceID), func(d string) bool { return searched[d] })
		for _, d := range directories {
			searched[d] = true
		}
		return owner.Search(ctx, s.table, k, resourceID, directories)
	}
	if known := s.owners.List(now); known != nil {
		r, err := searchIn(known)
		if !errors.Is(err, table.ErrNotFound) {
			return r, err
		}
	}
	all, more, err := s.reach.directoryIDs(ctx, maxDirectories)
	if err != nil {
		return table.Resource{}, err
	}
	s.owners.SetList(all, now)
	r, err := searchIn(all)
	if errors.Is(err, table.ErrNotFound) && more {
		err = fault.InvalidField("directory", "directory must be given: there are more than %d of them to look in.", maxDirectories)
	}
	return r, err
}
