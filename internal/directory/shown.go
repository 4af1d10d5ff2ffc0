package directory

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"sync"

	"dsync/internal/dsync"
	"dsync/internal/scim"
	"dsync/internal/table"
)

const (
	// MaxUserGroups is how many groups a user is shown with; all of them are
	// listed as the groups of that user.
	MaxUserGroups = 100
	// queriesAtOnce is for how many users of a page the groups are looked up
	// at a time.
	queriesAtOnce = 10
)

// shown is a user or group as consumers see it.
type shown struct {
	dsync.Resource
	record table.Resource
}

// show reads a record. A group is shown as its directory says.
func show(d table.Directory, r table.Resource) (shown, error) {
	doc, err := scim.Decode(r.Document)
	if err != nil {
		return shown{}, err
	}
	encoded := r.View
	if r.Kind == table.Group {
		encoded = d.View
	}
	view, err := dsync.ParseProjection(encoded)
	return shown{dsync.Resource{
		ID: r.ID, DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID, Document: doc,
		Created: r.Created, Updated: r.Modified, Projection: view,
	}, r}, err
}

func (s shown) hidden() bool { return s.record.Kind == table.User && s.Projection.Excludes(s.Document) }

// present makes an answer of what was found. It is shorter than was asked if
// it would be too large.
func (o *Operator) present(ctx context.Context, d table.Directory, g gathered[shown]) (Found[json.RawMessage], error) {
	list := make([]shown, len(g.entries))
	for i, e := range g.entries {
		list[i] = e.Record
		o.homes.note(e.ID, d.ID)
	}
	payloads, err := o.payloads(ctx, d, list)
	if err != nil {
		return Found[json.RawMessage]{}, err
	}
	size := 0
	for i, p := range payloads {
		if size += len(p); size > maxPageBytes && i > 0 {
			g.cut(i)
			payloads = payloads[:i]
			break
		}
	}
	return arrange(g, payloads), nil
}

// payloads are users, with their groups, or groups in the wire format.
func (o *Operator) payloads(ctx context.Context, d table.Directory, list []shown) ([]json.RawMessage, error) {
	groups, err := o.groupsOf(ctx, d, list)
	if err != nil {
		return nil, err
	}
	payloads := make([]json.RawMessage, len(list))
	for i, s := range list {
		payload := dsync.Group(s.Resource)
		if s.record.Kind == table.User {
			payload = dsync.User(s.Resource)
			payload["groups"] = groups[s.ID]
		}
		payloads[i] = json.RawMessage(scim.Encode(payload))
	}
	return payloads, nil
}

// groupsOf reads the groups of users, each group once: the first
// MaxUserGroups of each user.
func (o *Operator) groupsOf(ctx context.Context, d table.Directory, list []shown) (map[string][]any, error) {
	var mu sync.Mutex
	var failed error
	in := make(map[string][]string, len(list)) // user → groups
	inParallel(queriesAtOnce, list, func(s shown) {
		if s.record.Kind != table.User {
			return
		}
		ids, _, err := table.GroupsWith(d.ID, s.ID).IDs(ctx, o.table, "", false, MaxUserGroups)
		mu.Lock()
		defer mu.Unlock()
		in[s.ID] = ids
		failed = errors.Join(failed, err)
	})
	if failed != nil {
		return nil, failed
	}
	distinct := slices.Compact(slices.Sorted(each(in)))
	records, err := o.table.Resources(ctx, table.Group, d.ID, distinct)
	if err != nil {
		return nil, err
	}
	payloads := make(map[string]any, len(records))
	for _, r := range records {
		if r.Deleted {
			continue // the memberships follow
		}
		s, err := show(d, r)
		if err != nil {
			return nil, err
		}
		payloads[r.ID] = dsync.Group(s.Resource)
	}
	groups := make(map[string][]any, len(in))
	for user, ids := range in {
		groups[user] = []any{}
		for _, id := range ids {
			if p, ok := payloads[id]; ok {
				groups[user] = append(groups[user], p)
			}
		}
	}
	return groups, nil
}

// each is the elements of all lists.
func each(lists map[string][]string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, list := range lists {
			for _, e := range list {
				if !yield(e) {
					return
				}
			}
		}
	}
}
