// Package audit stores who changed what through the REST API, the console or the
// function apikey: one event for each change, written in the transaction of the
// change. So no change is without its event, and no event without its change.
//
// An event holds no secret: its members are chosen by the caller, one by one. It
// has a bounded size (MaxValue, MaxChanges). It is never changed, and expires
// after Retention.
package audit

import (
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Retention is how long an event is retained: a year, and a month to look back on
// it.
const Retention = 400 * 24 * time.Hour

// Event is a change and who made it.
type Event struct {
	ID     string    `dynamodbav:"id"`
	At     time.Time `dynamodbav:"at"`
	Action string    `dynamodbav:"action"` // directory.updated
	Target Target    `dynamodbav:"target"`
	// The organization and the directory of the target; "" if it has none.
	OrganizationID string  `dynamodbav:"org,omitempty"`
	DirectoryID    string  `dynamodbav:"dir,omitempty"`
	Actor          Actor   `dynamodbav:"actor"`
	Changes        Changes `dynamodbav:"changes"`
	TTL            int64   `dynamodbav:"ttl"`
}

// Target is what was changed.
type Target struct {
	Type string `dynamodbav:"type"` // directory
	ID   string `dynamodbav:"id"`
}

// Actor is who made a change, and where from.
type Actor struct {
	KeyID   string `dynamodbav:"key,omitempty"` // id of the API key, or Bootstrap; "" for a person
	KeyName string `dynamodbav:"name,omitempty"`
	// SessionID is the session of the console with which a person made the change,
	// Person who that is. Both are "" for an API key.
	SessionID string `dynamodbav:"session,omitempty"`
	Person    string `dynamodbav:"person,omitempty"`
	// SetupLinkID is the setup link with which a customer's admin made the change.
	SetupLinkID string `dynamodbav:"setup,omitempty"`
	SourceIP    string `dynamodbav:"ip,omitempty"` // as API Gateway saw it; "" outside of a request
	UserAgent   string `dynamodbav:"agent,omitempty"`
	RequestID   string `dynamodbav:"rid,omitempty"`
}

// Bootstrap is the KeyID of changes that no API key made: those of the function
// apikey, and of programs that may write the table anyway.
const Bootstrap = "bootstrap"

// entry lists an event in its organization or directory.
type entry struct {
	TTL int64 `dynamodbav:"ttl"`
}

// Partitions of the events and of their entries (schema.AuditPartitions), and the
// partition of the index that has all events.
const (
	eventPrefix        = "A#"
	organizationPrefix = "AO#"
	directoryPrefix    = "AD#"
	eventSort          = "A"
	allEvents          = "AUDIT"
)

func key(eventID string, _ dynamo.Key) dynamo.Key {
	return dynamo.Key{PK: eventPrefix + id.ULID(eventID), SK: eventSort}
}

func partition(prefix, ownerID string) string { return prefix + id.ULID(ownerID) }

// Actions are the writes of an event, for the transaction of its change: at most
// three.
func (e Event) Actions() []types.TransactWriteItem {
	e.TTL = e.At.Add(Retention).Unix()
	ulid := id.ULID(e.ID)
	actions := []types.TransactWriteItem{dynamo.PutNewAction(dynamo.Marshal(key(e.ID, dynamo.Key{}), dynamo.IndexKey{PK: allEvents, SK: ulid}, e))}
	for _, owner := range []struct{ prefix, id string }{{organizationPrefix, e.OrganizationID}, {directoryPrefix, e.DirectoryID}} {
		if owner.id != "" {
			listed := dynamo.Marshal(dynamo.Key{PK: partition(owner.prefix, owner.id), SK: ulid}, entry{e.TTL})
			actions = append(actions, dynamo.PutAction(listed))
		}
	}
	return actions
}

// Actions are the writes of several events.
func Actions(events ...Event) (all []types.TransactWriteItem) {
	for _, e := range events {
		all = append(all, e.Actions()...)
	}
	return all
}

// All lists all events. It reads the index.
func All() table.List[Event] {
	return table.ListIn[Event](id.AuditEvent, true, allEvents, key)
}

// OfOrganization lists the events of an organization and of its directories,
// tokens and keys.
func OfOrganization(organizationID string) table.List[Event] {
	return table.ListIn[Event](id.AuditEvent, false, partition(organizationPrefix, organizationID), key)
}

// OfDirectory lists the events of a directory and of its tokens.
func OfDirectory(directoryID string) table.List[Event] {
	return table.ListIn[Event](id.AuditEvent, false, partition(directoryPrefix, directoryID), key)
}
