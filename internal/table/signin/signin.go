// Package signin stores how people get into the console: sign-in links, which
// work once, and sessions. Both are found by the hash of their secret.
//
// A link that was used and a session that has ended stay until their TTL, so
// that they cannot be used again. The list of the sessions is in the order of
// creation and follows a write within moments.
package signin

import (
	"context"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Link lets a person sign in once: a sign-in link, or an answer of an identity provider.
type Link struct {
	Hash    string    `dynamodbav:"hash"`   // SHA-256 of the secret, hexadecimal
	Person  string    `dynamodbav:"person"` // as the audit log names the person
	Role    string    `dynamodbav:"role"`
	Subject string    `dynamodbav:"subject,omitempty"` // of an identity provider, "" without one
	Created time.Time `dynamodbav:"created"`
	Expires time.Time `dynamodbav:"expires"`
	Used    bool      `dynamodbav:"used,omitempty"`
	TTL     int64     `dynamodbav:"ttl"`
}

// Session is a person's session of the console.
type Session struct {
	ID        string    `dynamodbav:"id"`
	Hash      string    `dynamodbav:"hash"` // SHA-256 of the secret, hexadecimal
	Person    string    `dynamodbav:"person"`
	Role      string    `dynamodbav:"role"`
	Created   time.Time `dynamodbav:"created"`
	Expires   time.Time `dynamodbav:"expires"`
	SourceIP  string    `dynamodbav:"ip,omitempty"`    // that signed in
	UserAgent string    `dynamodbav:"agent,omitempty"` // that signed in
	Revoked   bool      `dynamodbav:"revoked,omitempty"`
	TTL       int64     `dynamodbav:"ttl"`
}

const (
	linkPrefix    = "CL#"
	linkSort      = "CL"
	sessionPrefix = "CS#"
	sessionSort   = "CS"
	allSessions   = "CONSOLE_SESSIONS" // partition of the index
)

func linkKey(hash string) dynamo.Key    { return dynamo.Key{PK: linkPrefix + hash, SK: linkSort} }
func sessionKey(hash string) dynamo.Key { return dynamo.Key{PK: sessionPrefix + hash, SK: sessionSort} }

// CreateLink writes a new link.
func CreateLink(ctx context.Context, t *table.Table, l Link) error {
	l.TTL = l.Expires.Add(table.DeletedRetention).Unix()
	return t.Client().Put(ctx, *dynamo.PutNew(dynamo.Marshal(linkKey(l.Hash), l)))
}

// FindLink reads a link by the hash of its secret. It fails with
// table.ErrNotFound.
func FindLink(ctx context.Context, t *table.Table, hash string) (Link, error) {
	var l Link
	err := t.Client().Get(ctx, linkKey(hash), &l)
	return l, err
}

// putSession is the write of a new session.
func putSession(s Session) types.TransactWriteItem {
	s.TTL = s.Expires.Add(table.DeletedRetention).Unix()
	return dynamo.PutNewAction(dynamo.Marshal(sessionKey(s.Hash), dynamo.IndexKey{PK: allSessions, SK: id.ULID(s.ID)}, s))
}

// Opening opens a session: Redeem or Open.
type Opening func(context.Context, *table.Table, Link, Session, ...types.TransactWriteItem) error

// Redeem uses a link up, and writes its session and more records, all or nothing.
// It fails with table.ErrNotFound when the link was used before.
func Redeem(ctx context.Context, t *table.Table, l Link, s Session, more ...types.TransactWriteItem) error {
	use := types.Update{
		Key:                       dynamo.Marshal(linkKey(l.Hash)),
		UpdateExpression:          aws.String("SET used = :true"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND attribute_not_exists(used)"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]bool{":true": true}),
	}
	actions := append(more, types.TransactWriteItem{Update: &use}, putSession(s))
	return dynamo.IfConditionFails(t.Client().Transact(ctx, actions), table.ErrNotFound)
}

// Open writes a session, uses up what a provider answers once, and writes more records,
// all or nothing. used is what was used: its hash, and until when it could be. It fails
// with table.ErrNotFound when it was used before.
func Open(ctx context.Context, t *table.Table, used Link, s Session, more ...types.TransactWriteItem) error {
	used.Used = true
	used.TTL = used.Expires.Add(table.DeletedRetention).Unix()
	actions := append(more, dynamo.PutNewAction(dynamo.Marshal(linkKey(used.Hash), used)), putSession(s))
	return dynamo.IfConditionFails(t.Client().Transact(ctx, actions), table.ErrNotFound)
}

// Find reads a session by the hash of its secret, consistently. It fails with
// table.ErrNotFound.
func Find(ctx context.Context, t *table.Table, hash string) (Session, error) {
	var s Session
	err := t.Client().Get(ctx, sessionKey(hash), &s)
	return s, err
}

// Revoke ends a session and writes more records, all or nothing. It does nothing
// if the session was revoked or does not exist.
func Revoke(ctx context.Context, t *table.Table, s Session, at time.Time, more ...types.TransactWriteItem) error {
	actions := append(more, types.TransactWriteItem{Update: table.Revocation(sessionKey(s.Hash), at)})
	return dynamo.IfConditionFails(t.Client().Transact(ctx, actions), nil)
}

// All lists the sessions, with those that ended less than
// table.DeletedRetention ago. It reads the index.
func All() table.List[Session] {
	return table.ListIn[Session](id.ConsoleSession, true, allSessions, func(_ string, listed dynamo.Key) dynamo.Key { return listed })
}
