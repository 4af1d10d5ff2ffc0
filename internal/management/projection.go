package management

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"dsync/internal/dsync"
	"dsync/internal/scim/resource"
	"dsync/internal/table"

	"golang.org/x/sync/errgroup"
)

const (
	// MaxUserGroups is how many groups a user is shown with; all of them are
	// listed as the groups of that user.
	MaxUserGroups = 100
	// concurrentQueries is for how many users of a page the groups are looked
	// up at a time.
	concurrentQueries = 10
	// maxPageBytes bounds the size of a page: a function answers 6 MB at most.
	// A page that would be larger is shorter than was asked.
	maxPageBytes = 4 << 20
)

// Payload is a user or group as consumers see it, in the JSON form of the
// events (package dsync).
type Payload = json.RawMessage

// projection is a user or group as consumers see it.
type projection struct {
	resource dsync.Resource
	kind     table.Kind
}

// project reads a record. The view of a group is that of its directory.
func project(d table.Directory, r table.Resource) (projection, error) {
	doc, err := resource.Decode(r.Document)
	if err != nil {
		return projection{}, err
	}
	encoded := r.View
	if r.Kind == table.Group {
		encoded = d.View
	}
	view, err := dsync.ParseProjection(encoded)
	return projection{dsync.Resource{
		ID: r.ID, DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID, Document: doc,
		Created: r.Created, Updated: r.Modified, Projection: view,
	}, r.Kind}, err
}

// hidden reports whether consumers do not see the user.
func (p projection) hidden() bool {
	return p.kind == table.User && p.resource.Projection.Excludes(p.resource.Document)
}

// payloadPage makes a page of payloads. It is shorter than was asked if it
// would be too large.
func (s *Session) payloadPage(ctx context.Context, d table.Directory, r rows[projection], groups bool) (Page[Payload], error) {
	list := make([]projection, len(r.entries))
	for i, e := range r.entries {
		list[i] = e.Record
		s.owners.Know(e.ID, d.ID)
	}
	payloads, err := s.payloads(ctx, d, list, groups)
	if err != nil {
		return Page[Payload]{}, err
	}
	size := 0
	for i, p := range payloads {
		size += len(p)
		if size > maxPageBytes && i > 0 {
			r.truncate(i)
			payloads = payloads[:i]
			break
		}
	}
	return pageOf(r, payloads), nil
}

// payloads are users, with their groups if that is asked for, or groups.
func (s *Session) payloads(ctx context.Context, d table.Directory, list []projection, withGroups bool) ([]Payload, error) {
	var groups map[string][]any
	if withGroups {
		var err error
		if groups, err = s.groupsOf(ctx, d, list); err != nil {
			return nil, err
		}
	}
	payloads := make([]Payload, len(list))
	for i, p := range list {
		payload := dsync.Group(p.resource)
		if p.kind == table.User {
			payload = dsync.User(p.resource)
			payload["groups"] = append([]any{}, groups[p.resource.ID]...)
		}
		payloads[i] = Payload(resource.Encode(payload))
	}
	return payloads, nil
}

// groupsOf reads the groups of users, each group once: the first
// MaxUserGroups of each user.
func (s *Session) groupsOf(ctx context.Context, d table.Directory, list []projection) (map[string][]any, error) {
	group, queries := errgroup.WithContext(ctx)
	group.SetLimit(concurrentQueries)
	var mu sync.Mutex
	groupIDs := make(map[string][]string, len(list)) // by user id
	for _, p := range list {
		if p.kind != table.User {
			continue
		}
		group.Go(func() error {
			ids, _, err := table.GroupsWith(d.ID, p.resource.ID).IDs(queries, s.table, "", false, MaxUserGroups)
			mu.Lock()
			defer mu.Unlock()
			groupIDs[p.resource.ID] = ids
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var distinct []string
	for _, ids := range groupIDs {
		distinct = append(distinct, ids...)
	}
	slices.Sort(distinct)
	records, err := s.table.Resources(ctx, table.Group, d.ID, slices.Compact(distinct))
	if err != nil {
		return nil, err
	}
	payloads := make(map[string]any, len(records))
	for _, r := range records {
		if r.Deleted {
			continue // the memberships follow
		}
		p, err := project(d, r)
		if err != nil {
			return nil, err
		}
		payloads[r.ID] = dsync.Group(p.resource)
	}
	groups := make(map[string][]any, len(groupIDs))
	for userID, ids := range groupIDs {
		groups[userID] = []any{}
		for _, groupID := range ids {
			if p, ok := payloads[groupID]; ok {
				groups[userID] = append(groups[userID], p)
			}
		}
	}
	return groups, nil
}
