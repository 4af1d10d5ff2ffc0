package table

import (
	"context"
	"errors"
	"iter"

	"dsync/internal/dynamo"
	"dsync/internal/id"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// List is a list of records of one type in the order of their ids, which is the
// order of their creation.
type List[T any] struct {
	idKind    id.Kind
	index     bool   // pk and prefix are keys of the index
	pk        string // partition of the list's entries
	prefix    string // of the entries' sort keys; a ULID follows
	recordKey func(id string, entry dynamo.Key) dynamo.Key
	deleted   func(T) bool // whether a record is soft-deleted; nil if none is
}

// entryKey is the recordKey of a list whose entries are its records.
func entryKey(_ string, entry dynamo.Key) dynamo.Key { return entry }

// Organizations lists all organizations. It reads the index.
func Organizations() List[Organization] {
	return List[Organization]{idKind: id.Organization, index: true, pk: organizationsIndex(), recordKey: entryKey}
}

// OrganizationsWith lists the organizations that have a domain.
func OrganizationsWith(domain string) List[Organization] {
	return List[Organization]{idKind: id.Organization, pk: domainPartition(domain), prefix: domainPrefix,
		recordKey: func(id string, _ dynamo.Key) dynamo.Key { return organizationKey(id) }}
}

// Directories lists all directories. It reads the index.
func Directories() List[Directory] {
	return List[Directory]{idKind: id.Directory, index: true, pk: directoriesIndex(), recordKey: entryKey}
}

// DirectoriesOf lists the directories of an organization.
func DirectoriesOf(organizationID string) List[Directory] {
	return List[Directory]{idKind: id.Directory, pk: organizationPartition(organizationID), prefix: organizationDirectoryPrefix,
		recordKey: func(id string, _ dynamo.Key) dynamo.Key { return directoryKey(id) }}
}

// ResourcesOf lists the users or the groups of a directory. It reads the index.
func ResourcesOf(k Kind, directoryID string) List[Resource] {
	return List[Resource]{idKind: k.idKind(), index: true, pk: k.index(directoryID), recordKey: entryKey, deleted: Resource.isDeleted}
}

// UsersIn lists the users in a group.
func UsersIn(directoryID, groupID string) List[Resource] {
	return List[Resource]{idKind: id.User, pk: directoryPartition(directoryID), prefix: groupMembersPrefix(groupID), deleted: Resource.isDeleted,
		recordKey: func(id string, _ dynamo.Key) dynamo.Key { return resourceKey(User, directoryID, id) }}
}

// GroupsWith lists the groups that a user is in. It reads the index.
func GroupsWith(directoryID, userID string) List[Resource] {
	return List[Resource]{idKind: id.Group, index: true, pk: userGroupsIndex(directoryID, userID), prefix: Group.prefix(), deleted: Resource.isDeleted,
		recordKey: func(id string, _ dynamo.Key) dynamo.Key { return resourceKey(Group, directoryID, id) }}
}

// Tokens lists the tokens of a directory, recently revoked ones included. It
// reads the index.
func Tokens(directoryID string) List[Token] {
	return List[Token]{idKind: id.Token, index: true, pk: tokensIndex(directoryID), recordKey: entryKey}
}

// Jobs lists the jobs of a directory. It reads the index.
func Jobs(directoryID string) List[Job] {
	return List[Job]{idKind: id.Job, index: true, pk: jobsIndex(directoryID), recordKey: entryKey}
}

// ListIn is a list of records whose keys another package knows. Its entries are
// a partition of the table, or of the index, whose sort keys are the ULIDs of the
// records. recordKey is the key of the record with an id and an entry.
func ListIn[T any](kind id.Kind, index bool, partition string, recordKey func(id string, entry dynamo.Key) dynamo.Key) List[T] {
	return List[T]{idKind: kind, index: index, pk: partition, recordKey: recordKey}
}

// Requests lists the records of the SCIM requests of a directory.
func Requests(directoryID string) List[Request] {
	return List[Request]{idKind: RequestKind, pk: directoryPartition(directoryID), prefix: requestPrefix, recordKey: entryKey}
}

// getFunc reads items by key: dynamo.Client.BatchGet, or BatchGetEventually.
type getFunc func(context.Context, []dynamo.Key) iter.Seq2[dynamo.Item, error]

// ListEntry is a record of a list.
type ListEntry[T any] struct {
	ID     string
	Record T
}

// Chunk is a part of a list.
type Chunk[T any] struct {
	Entries []ListEntry[T]
	Last    string // id of the last entry that was read; its record may be deleted
	More    bool   // whether entries follow
}

// IDs lists at most limit ids after the id from: those of newer records, or of
// older ones if newest is true. "" starts with the oldest, or the newest. more
// says whether ids follow.
func (l List[T]) IDs(ctx context.Context, t *Table, from string, newest bool, limit int) (ids []string, more bool, err error) {
	entries, more, err := l.entries(ctx, t, from, newest, limit)
	for _, e := range entries {
		ids = append(ids, e.id)
	}
	return ids, more, err
}

// Read reads the records of IDs, with one query and one batch for each
// dynamo.MaxBatchGet ids. Deleted records are left out.
func (l List[T]) Read(ctx context.Context, t *Table, from string, newest bool, limit int) (Chunk[T], error) {
	return l.read(ctx, t, from, newest, limit, t.db.BatchGet)
}

// ReadEventually is Read that may miss the writes of the last moments, for half
// the price.
func (l List[T]) ReadEventually(ctx context.Context, t *Table, from string, newest bool, limit int) (Chunk[T], error) {
	return l.read(ctx, t, from, newest, limit, t.db.BatchGetEventually)
}

func (l List[T]) read(ctx context.Context, t *Table, from string, newest bool, limit int, get getFunc) (Chunk[T], error) {
	entries, more, err := l.entries(ctx, t, from, newest, limit)
	if err != nil {
		return Chunk[T]{}, err
	}
	c := Chunk[T]{Last: from, More: more}
	var keys []dynamo.Key
	for _, e := range entries {
		c.Last = e.id
		if !e.Deleted {
			keys = append(keys, l.recordKey(e.id, e.Key))
		}
	}
	found := make(map[dynamo.Key]T, len(keys))
	for i, err := range get(ctx, keys) {
		if err != nil {
			return c, err
		}
		var k dynamo.Key
		var record T
		if err := errors.Join(dynamo.Unmarshal(i, &k), dynamo.Unmarshal(i, &record)); err != nil {
			return c, err
		}
		found[k] = record
	}
	for _, e := range entries {
		if record, ok := found[l.recordKey(e.id, e.Key)]; ok && (l.deleted == nil || !l.deleted(record)) {
			c.Entries = append(c.Entries, ListEntry[T]{e.id, record})
		}
	}
	return c, nil
}

// Find reads the record of the list that has that id. It fails with ErrNotFound.
func (l List[T]) Find(ctx context.Context, t *Table, id string) (T, error) {
	var record T
	out, err := t.db.QueryPage(ctx, l.between(ulidOf(id), ulidOf(id)), 1)
	if err != nil {
		return record, err
	}
	if len(out.Items) == 0 {
		return record, ErrNotFound
	}
	var entry dynamo.Key
	if err := dynamo.Unmarshal(out.Items[0], &entry); err != nil {
		return record, err
	}
	if err := t.db.Get(ctx, l.recordKey(id, entry), &record); err != nil {
		return record, err
	}
	if l.deleted != nil && l.deleted(record) {
		return record, ErrNotFound
	}
	return record, nil
}

// indexEntry is an entry of a list, in the index or in the table.
type indexEntry struct {
	dynamo.Key
	dynamo.IndexKey
	Deleted bool   `dynamodbav:"deleted"` // a soft-deleted membership
	id      string // of the record
}

func (l List[T]) entries(ctx context.Context, t *Table, from string, newest bool, limit int) (entries []indexEntry, more bool, err error) {
	first, last := "0", "~" // every ULID is between these
	switch u := ulidOf(from); {
	case u == "":
	case newest:
		last = beforeULID(u)
	default:
		first = u + "~"
	}
	in := l.between(first, last)
	in.ScanIndexForward = aws.Bool(!newest)
	// One more shows whether entries follow.
	for e, err := range dynamo.Records[indexEntry](t.db.Query(ctx, in, limit+1)) {
		if err != nil {
			return nil, false, err
		}
		if len(entries) == limit {
			return entries, true, nil
		}
		sk := e.Key.SK
		if l.index {
			sk = e.IndexKey.SK
		}
		e.id = l.idKind.Of(sk[len(l.prefix):])
		entries = append(entries, e)
	}
	return entries, false, nil
}

// beforeULID sorts before the ULID u and after every smaller ULID.
func beforeULID(u string) string { return u[:len(u)-1] + string(u[len(u)-1]-1) + "~" }

// between is a query for the entries between two ULIDs, both included.
func (l List[T]) between(first, last string) dynamodb.QueryInput {
	if l.index {
		return dynamo.IndexBetween(l.pk, l.prefix+first, l.prefix+last)
	}
	return dynamo.Between(l.pk, l.prefix+first, l.prefix+last)
}
