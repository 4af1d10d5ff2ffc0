package relay

import (
	"dsync/internal/dsync"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
)

// dsyncResource converts a record.
func dsyncResource(r *table.Resource) (*dsync.Resource, error) {
	if r == nil {
		return nil, nil
	}
	doc, err := resource.Decode(r.Document)
	if err != nil {
		return nil, err
	}
	view, err := dsync.ParseProjection(r.View)
	return &dsync.Resource{
		ID: r.ID, DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID,
		Document: doc, Created: r.Created, Updated: r.Modified, Deleted: r.Deleted, Projection: view,
	}, err
}

func membership(m *table.Membership) *dsync.Membership {
	if m == nil {
		return nil
	}
	return &dsync.Membership{Deleted: m.Deleted, Hidden: m.Hidden, Generation: m.Generation}
}

func directory(d *table.Directory) *dsync.Directory {
	if d == nil {
		return nil
	}
	tokens := make([]dsync.Token, len(d.Tokens))
	for i, t := range d.Tokens {
		tokens[i] = dsync.Token{ID: t.ID, Suffix: t.Suffix, Created: t.Created, Expires: t.Expires}
	}
	return &dsync.Directory{
		ID: d.ID, OrganizationID: d.OrganizationID, ExternalKey: d.ExternalKey, Name: d.Name, Type: d.Type,
		State: dsync.State(d.State), Tokens: tokens, Created: d.Created, Updated: d.Modified,
	}
}
