// Package setuplink stores how a customer's admin gets to the setup page of a
// directory: setup links, which open once, and the sessions that they open. Both
// are found by the hash of their secret. It stores how the page looks, too.
//
// A directory has one active link at most: a new one revokes the one before, in
// one transaction. A session is as good as its link. Links and sessions stay until
// their TTL, so that none can be used again. The list of the links of a directory
// is in the order of creation and follows a write within moments.
package setuplink

import (
	"context"
	"errors"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Link is a setup link of a directory.
type Link struct {
	ID             string    `dynamodbav:"id"`
	Hash           string    `dynamodbav:"hash"` // SHA-256 of the secret, hexadecimal
	DirectoryID    string    `dynamodbav:"dir"`
	OrganizationID string    `dynamodbav:"org"`
	Created        time.Time `dynamodbav:"created"`
	Expires        time.Time `dynamodbav:"expires"` // ends its session, too
	Revoked        bool      `dynamodbav:"revoked,omitempty"`
	Used           bool      `dynamodbav:"used,omitempty"` // it was opened
	Opened         time.Time `dynamodbav:"opened"`         // zero until then
	ReturnURL      string    `dynamodbav:"return,omitempty"`
	SuccessURL     string    `dynamodbav:"success,omitempty"`
	Contacts       []string  `dynamodbav:"contacts,omitempty"` // e-mail addresses
	TTL            int64     `dynamodbav:"ttl"`
}

// Session is the session of the browser that opened a link.
type Session struct {
	Hash      string    `dynamodbav:"hash"` // SHA-256 of the secret, hexadecimal
	LinkHash  string    `dynamodbav:"link"`
	Created   time.Time `dynamodbav:"created"`
	SourceIP  string    `dynamodbav:"ip,omitempty"`
	UserAgent string    `dynamodbav:"agent,omitempty"`
	TTL       int64     `dynamodbav:"ttl"`
}

// latest names the last link of a directory.
type latest struct {
	Hash string `dynamodbav:"hash"`
	TTL  int64  `dynamodbav:"ttl"`
}

// Prefixes of the partitions (schema.SetupReadPartitions).
const (
	linkPrefix    = "SL#"
	linkSort      = "SL"
	sessionPrefix = "SS#"
	sessionSort   = "SS"
	latestPrefix  = "SD#"
	latestSort    = "SD"
)

func linkKey(hash string) dynamo.Key    { return dynamo.Key{PK: linkPrefix + hash, SK: linkSort} }
func sessionKey(hash string) dynamo.Key { return dynamo.Key{PK: sessionPrefix + hash, SK: sessionSort} }
func latestKey(directoryID string) dynamo.Key {
	return dynamo.Key{PK: latestPrefix + id.ULID(directoryID), SK: latestSort}
}

// listPartition is the partition of the index that lists the links of a directory.
func listPartition(directoryID string) string { return linkPrefix + id.ULID(directoryID) }

func retainedUntil(expires time.Time) int64 { return expires.Add(table.DeletedRetention).Unix() }

// Latest reads the last link of a directory. It fails with table.ErrNotFound.
func Latest(ctx context.Context, t *table.Table, directoryID string) (Link, error) {
	var l latest
	if err := t.Client().Get(ctx, latestKey(directoryID), &l); err != nil {
		return Link{}, err
	}
	return Find(ctx, t, l.Hash)
}

// Create writes a new link, revokes the one before if it can still be used, and
// writes more records, all or nothing. before is the last link of the directory,
// nil for none. It fails with table.ErrStale when that is another one, or was
// revoked.
func Create(ctx context.Context, t *table.Table, l Link, before *Link, more ...types.TransactWriteItem) error {
	l.TTL = retainedUntil(l.Expires)
	put := dynamo.PutAction(dynamo.Marshal(latestKey(l.DirectoryID), latest{l.Hash, l.TTL}))
	put.Put.ConditionExpression = aws.String("attribute_not_exists(pk)")
	actions := append(more, put, dynamo.PutNewAction(dynamo.Marshal(linkKey(l.Hash), dynamo.IndexKey{PK: listPartition(l.DirectoryID), SK: id.ULID(l.ID)}, l)))
	if before != nil {
		put.Put.ConditionExpression = aws.String("#hash = :before")
		put.Put.ExpressionAttributeNames = map[string]string{"#hash": "hash"}
		put.Put.ExpressionAttributeValues = dynamo.Marshal(map[string]string{":before": before.Hash})
		if !before.Revoked {
			actions = append(actions, types.TransactWriteItem{Update: table.Revocation(linkKey(before.Hash), l.Created)})
		}
	}
	return dynamo.IfConditionFails(t.Client().Transact(ctx, actions), table.ErrStale)
}

// Find reads a link by the hash of its secret, consistently. It fails with
// table.ErrNotFound.
func Find(ctx context.Context, t *table.Table, hash string) (Link, error) {
	var l Link
	err := t.Client().Get(ctx, linkKey(hash), &l)
	return l, err
}

// Open notes that a link is opened, and writes its session and more records, all or
// nothing. It fails with table.ErrStale when the link was opened or revoked before.
func Open(ctx context.Context, t *table.Table, l Link, s Session, more ...types.TransactWriteItem) error {
	s.TTL = retainedUntil(l.Expires)
	open := types.Update{
		Key:                       dynamo.Marshal(linkKey(l.Hash)),
		UpdateExpression:          aws.String("SET used = :true, opened = :at"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND attribute_not_exists(used) AND attribute_not_exists(revoked)"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{":at": s.Created, ":true": true}),
	}
	actions := append(more, types.TransactWriteItem{Update: &open}, dynamo.PutNewAction(dynamo.Marshal(sessionKey(s.Hash), s)))
	return dynamo.IfConditionFails(t.Client().Transact(ctx, actions), table.ErrStale)
}

// OfSession reads the link that opened the session with that hash, consistently. It
// fails with table.ErrNotFound.
func OfSession(ctx context.Context, t *table.Table, hash string) (Link, error) {
	var s Session
	if err := t.Client().Get(ctx, sessionKey(hash), &s); err != nil {
		return Link{}, err
	}
	return Find(ctx, t, s.LinkHash)
}

// Revoke revokes a link and writes more records, all or nothing. It does nothing if
// the link was revoked.
func Revoke(ctx context.Context, t *table.Table, l Link, at time.Time, more ...types.TransactWriteItem) error {
	actions := append(more, types.TransactWriteItem{Update: table.Revocation(linkKey(l.Hash), at)})
	return dynamo.IfConditionFails(t.Client().Transact(ctx, actions), nil)
}

// Of lists the links of a directory, with those that ended less than
// table.DeletedRetention ago. It reads the index.
func Of(directoryID string) table.List[Link] {
	return table.ListIn[Link](id.SetupLink, true, listPartition(directoryID), func(_ string, listed dynamo.Key) dynamo.Key { return listed })
}

// Page is how the setup page looks, and where it may lead.
type Page struct {
	Name    string   `dynamodbav:"name,omitempty"`
	Logo    string   `dynamodbav:"logo,omitempty"`
	Color   string   `dynamodbav:"color,omitempty"`
	Support string   `dynamodbav:"support,omitempty"`
	Origins []string `dynamodbav:"origins,omitempty"`
	Version int64    `dynamodbav:"v"`
}

var pageKey = dynamo.Key{PK: "SETUP_PAGE", SK: "SETUP_PAGE"}

// ReadPage reads how the setup page looks: the zero Page if nobody has said.
func ReadPage(ctx context.Context, t *table.Table) (Page, error) {
	var p Page
	err := t.Client().Get(ctx, pageKey, &p)
	if errors.Is(err, table.ErrNotFound) {
		return Page{}, nil
	}
	return p, err
}

// WritePage writes the next version of a page and more records, all or nothing. It
// fails with table.ErrStale when the stored version is another.
func WritePage(ctx context.Context, t *table.Table, p Page, more ...types.TransactWriteItem) error {
	put := dynamo.PutAction(dynamo.Marshal(pageKey, p))
	put.Put.ConditionExpression = aws.String("attribute_not_exists(pk)")
	if p.Version > 1 {
		put.Put.ConditionExpression = aws.String("v = :before")
		put.Put.ExpressionAttributeValues = dynamo.Marshal(map[string]int64{":before": p.Version - 1})
	}
	return dynamo.IfConditionFails(t.Client().Transact(ctx, append(more, put)), table.ErrStale)
}
