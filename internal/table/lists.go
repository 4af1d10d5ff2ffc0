package table

import (
	"context"
	"errors"

	"dsync/internal/id"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// List is records of one type in the order of their ids, which is that of
// their creation.
type List[T any] struct {
	kind   id.Kind // of the ids
	index  bool    // the keys below are of the index, which follows writes within moments
	pk     string
	prefix string // of the sort keys; a ULID follows
	record func(id string, at key) key
	gone   func(T) bool // nil: none is
}

// own says that the keys of a list are those of its records.
func own(_ string, at key) key { return at }

// Organizations is all organizations.
func Organizations() List[Organization] {
	return List[Organization]{kind: id.Organization, index: true, pk: organizationsIndex(), record: own}
}

// OrganizationsWith is the organizations that have a domain.
func OrganizationsWith(domain string) List[Organization] {
	return List[Organization]{kind: id.Organization, pk: domainPartition(domain), prefix: domainPrefix,
		record: func(id string, _ key) key { return organizationKey(id) }}
}

// Directories is all directories.
func Directories() List[Directory] {
	return List[Directory]{kind: id.Directory, index: true, pk: directoriesIndex(), record: own}
}

// DirectoriesOf is the directories of an organization.
func DirectoriesOf(organization string) List[Directory] {
	return List[Directory]{kind: id.Directory, pk: organizationPartition(organization), prefix: ownedPrefix,
		record: func(id string, _ key) key { return directoryKey(id) }}
}

// ResourcesOf is the users or the groups of a directory.
func ResourcesOf(k Kind, directoryID string) List[Resource] {
	return List[Resource]{kind: k.idKind(), index: true, pk: k.index(directoryID), record: own, gone: Resource.isDeleted}
}

// UsersIn is the users in a group.
func UsersIn(directoryID, group string) List[Resource] {
	return List[Resource]{kind: id.User, pk: directoryPartition(directoryID), prefix: membershipPrefix(group), gone: Resource.isDeleted,
		record: func(id string, _ key) key { return resourceKey(User, directoryID, id) }}
}

// GroupsWith is the groups that a user is in.
func GroupsWith(directoryID, user string) List[Resource] {
	return List[Resource]{kind: id.Group, index: true, pk: membershipIndex(directoryID, user), prefix: "G#", gone: Resource.isDeleted,
		record: func(id string, _ key) key { return resourceKey(Group, directoryID, id) }}
}

// Tokens is the tokens of a directory, those that were revoked lately included.
func Tokens(directoryID string) List[Token] {
	return List[Token]{kind: id.Token, index: true, pk: tokensIndex(directoryID), record: own}
}

// Jobs is the jobs of a directory.
func Jobs(directoryID string) List[Job] {
	return List[Job]{kind: id.Job, index: true, pk: jobsIndex(directoryID), record: own}
}

// APIKeys is the keys of the REST API, those that were revoked lately included.
func APIKeys() List[APIKey] {
	return List[APIKey]{kind: id.APIKey, index: true, pk: apiKeysIndex(), record: own}
}

// ListEntry is a record of a list.
type ListEntry[T any] struct {
	ID     string
	Record T
}

// Stretch is a part of a list.
type Chunk[T any] struct {
	Entries []ListEntry[T]
	Last    string // where reading stopped: the id of the last record that was looked at
	More    bool   // there is something behind it
}

// IDs lists at most limit ids behind the id from, in the order of creation or
// against it; "" is from the end where that order begins.
func (l List[T]) IDs(ctx context.Context, t *Table, from string, newest bool, limit int) (ids []string, more bool, err error) {
	places, more, err := l.places(ctx, t, from, newest, limit)
	for _, p := range places {
		ids = append(ids, p.id)
	}
	return ids, more, err
}

// Read reads the records of IDs, in one query and one read for each hundred.
// Those that are gone are left out.
func (l List[T]) Read(ctx context.Context, t *Table, from string, newest bool, limit int) (Chunk[T], error) {
	places, more, err := l.places(ctx, t, from, newest, limit)
	if err != nil {
		return Chunk[T]{}, err
	}
	s := Chunk[T]{Last: from, More: more}
	var keys []key
	for _, p := range places {
		s.Last = p.id
		if !p.Deleted {
			keys = append(keys, l.record(p.id, p.key))
		}
	}
	found := make(map[key]T, len(keys))
	err = t.batchGet(ctx, keys, func(i item) error {
		var at key
		var record T
		err := errors.Join(unmarshal(i, &at), unmarshal(i, &record))
		found[at] = record
		return err
	})
	for _, p := range places {
		if record, ok := found[l.record(p.id, p.key)]; ok && (l.gone == nil || !l.gone(record)) {
			s.Entries = append(s.Entries, ListEntry[T]{p.id, record})
		}
	}
	return s, err
}

// Find reads the record of the list that has that id. It fails with ErrNotFound.
func (l List[T]) Find(ctx context.Context, t *Table, id string) (T, error) {
	var record T
	in := l.between(ulidOf(id), ulidOf(id))
	out, err := t.page(ctx, in)
	if err != nil {
		return record, err
	}
	if len(out.Items) == 0 {
		return record, ErrNotFound
	}
	var at key
	if err := unmarshal(out.Items[0], &at); err != nil {
		return record, err
	}
	if err := t.get(ctx, l.record(id, at), &record); err != nil {
		return record, err
	}
	if l.gone != nil && l.gone(record) {
		return record, ErrNotFound
	}
	return record, nil
}

// listed is where a list has a record.
type indexEntry struct {
	key
	indexKey
	Deleted bool   `dynamodbav:"deleted"` // a membership that was removed
	id      string // of the record
}

func (l List[T]) places(ctx context.Context, t *Table, from string, newest bool, limit int) (places []indexEntry, more bool, err error) {
	first, last := "0", "~" // ULIDs are between these
	switch u := ulidOf(from); {
	case u == "":
	case newest:
		last = before(u)
	default:
		first = u + "~"
	}
	in := l.between(first, last)
	in.ScanIndexForward = aws.Bool(!newest)
	in.Limit = aws.Int32(int32(limit) + 1) // one more tells whether there is one
	for at, err := range records[indexEntry](t.query(ctx, in)) {
		if err != nil {
			return nil, false, err
		}
		if len(places) == limit {
			return places, true, nil
		}
		sk := at.key.SK
		if l.index {
			sk = at.indexKey.SK
		}
		at.id = l.kind.Of(sk[len(l.prefix):])
		places = append(places, at)
	}
	return places, false, nil
}

// before sorts behind all ULIDs less than u, and before u.
func before(u string) string { return u[:len(u)-1] + string(u[len(u)-1]-1) + "~" }

// between is a query for the part of the list between two ULIDs, both included.
func (l List[T]) between(first, last string) dynamodb.QueryInput {
	in := dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: marshal(map[string]string{":pk": l.pk, ":from": l.prefix + first, ":to": l.prefix + last}),
	}
	if l.index {
		in.IndexName = aws.String(indexName)
		in.KeyConditionExpression = aws.String("gsi1pk = :pk AND gsi1sk BETWEEN :from AND :to")
	} else {
		in.ConsistentRead = aws.Bool(true)
	}
	return in
}
