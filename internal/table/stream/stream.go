// Package stream reads the records of the table's stream.
package stream

import (
	"fmt"
	"strings"

	"dsync/internal/dynamo"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// Change is a change of one record, read from a stream record. At most one of
// the pairs is set. Old is nil for a new record.
type Change struct {
	OldResource, NewResource     *table.Resource
	OldMembership, NewMembership *table.Membership
	OldDirectory, NewDirectory   *table.Directory
}

// ReadChange reads a stream record of a directory, user, group or membership. A
// REMOVE record is the zero Change: the record was soft-deleted before.
func ReadChange(r events.DynamoDBStreamRecord) (c Change, err error) {
	if len(r.NewImage) == 0 {
		return c, nil
	}
	switch sk, _, _ := strings.Cut(r.Keys[table.SortKey].String(), "#"); sk {
	case table.DirectorySort:
		c.OldDirectory, c.NewDirectory, err = images[table.Directory](r)
	case string(table.User), string(table.Group):
		if c.OldResource, c.NewResource, err = images[table.Resource](r); err == nil {
			c.NewResource.Kind = table.Kind(sk)
			if c.OldResource != nil {
				c.OldResource.Kind = table.Kind(sk)
			}
		}
	case "M":
		c.OldMembership, c.NewMembership, err = images[table.Membership](r)
	default:
		err = fmt.Errorf("stream: a record with the sort key prefix %q", sk)
	}
	if err == nil {
		err = c.checkIDs()
	}
	return c, err
}

// maxID is more than every id has, in bytes. A key with a longer one may exceed
// DynamoDB's limit, which fails the call for all keys of a batch.
const maxID = 100

// checkIDs rejects ids that cannot be part of a key, or of a line of a journal.
func (c Change) checkIDs() error {
	var ids []string
	switch {
	case c.NewResource != nil:
		ids = []string{c.NewResource.DirectoryID, c.NewResource.OrganizationID, c.NewResource.ID}
	case c.NewMembership != nil:
		ids = []string{c.NewMembership.DirectoryID, c.NewMembership.OrganizationID, c.NewMembership.GroupID, c.NewMembership.UserID}
	case c.NewDirectory != nil:
		ids = []string{c.NewDirectory.ID, c.NewDirectory.OrganizationID}
	}
	return checkIDs(ids...)
}

func checkIDs(ids ...string) error {
	for _, x := range ids {
		if len(x) > maxID || strings.ContainsAny(x, " \n") {
			return fmt.Errorf("stream: a record with an invalid id of %d bytes", len(x))
		}
	}
	return nil
}

// images reads a record before and after a change; old is nil for a new record.
func images[T any](r events.DynamoDBStreamRecord) (old, updated *T, err error) {
	updated = new(T)
	if err := dynamo.Unmarshal(dynamo.FromImage(r.NewImage), updated); err != nil {
		return nil, nil, err
	}
	if len(r.OldImage) > 0 {
		old = new(T)
		err = dynamo.Unmarshal(dynamo.FromImage(r.OldImage), old)
	}
	return old, updated, err
}

// ReadJob reads a stream record of a job. It returns nil for a REMOVE record.
func ReadJob(r events.DynamoDBStreamRecord) (*table.Job, error) {
	if len(r.NewImage) == 0 {
		return nil, nil
	}
	j := &table.Job{}
	err := dynamo.Unmarshal(dynamo.FromImage(r.NewImage), j)
	if err == nil {
		err = checkIDs(j.ID, j.DirectoryID, j.Subject)
	}
	return j, err
}

// IsJob reports whether a stream record is that of a job.
func IsJob(r events.DynamoDBStreamRecord) bool {
	pk, ok := r.Keys[table.PartitionKey]
	return ok && pk.DataType() == events.DataTypeString && strings.HasPrefix(pk.String(), table.JobPrefix)
}
