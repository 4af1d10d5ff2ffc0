package directory

import (
	"context"

	"dsync/internal/table"
)

// Requests lists the SCIM requests to a directory that were refused, or of
// which something was passed over.
func (o *Operator) Requests(ctx context.Context, name string, p Portion) (Found[table.Request], error) {
	if _, err := o.Directory(ctx, name); err != nil {
		return Found[table.Request]{}, err
	}
	return list(ctx, p, stretches(o.table, table.Requests(name)), nil)
}

// LastDay is what came to a directory on the last day on which requests came;
// nil if none has come, or none within the last minutes was counted yet.
func (o *Operator) LastDay(ctx context.Context, name string) (*table.Day, error) {
	days, err := o.table.Days(ctx, name, 1)
	if err != nil || len(days) == 0 {
		return nil, err
	}
	return &days[0], nil
}
