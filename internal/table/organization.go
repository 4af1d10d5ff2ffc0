package table

import "context"

// Organization reads an organization. It fails with ErrNotFound.
func (t *Table) Organization(ctx context.Context, id string) (Organization, error) {
	var o Organization
	err := t.get(ctx, organizationKey(id), &o)
	return o, err
}
