package table

import (
	"time"

	"dsync/internal/id"
)

// Cause is what made a change: the ids of a request and of the token it came
// with. The events of the change carry it.
type Cause struct {
	RequestID string `dynamodbav:"rid,omitempty"`
	TokenID   string `dynamodbav:"tid,omitempty"`
}

// tombstone marks a record that is gone for everybody but the stream. TTL
// removes the item: seconds since the epoch.
type tombstone struct {
	Deleted bool  `dynamodbav:"deleted,omitempty"`
	TTL     int64 `dynamodbav:"ttl,omitempty"`
}

// TombstoneLife is how long a deleted record can still be read by the relay,
// which needs it for events that came before. The stream keeps records for one
// day, so a week is ample.
const TombstoneLife = 7 * 24 * time.Hour

func bury(at time.Time) tombstone {
	return tombstone{Deleted: true, TTL: at.Add(TombstoneLife).Unix()}
}

// Organization is a customer.
type Organization struct {
	ID       string    `dynamodbav:"id"`
	Name     string    `dynamodbav:"name"`
	Created  time.Time `dynamodbav:"created"`
	Modified time.Time `dynamodbav:"at"`
}

// Protocol is what answering a directory's requests takes. Its tokens hold a
// copy.
type Protocol struct {
	CursorKey  []byte `dynamodbav:"cursor_key"`           // signs cursors
	Extensions string `dynamodbav:"extensions,omitempty"` // custom schemas of users: a JSON list
}

// Directory is one Entra application's SCIM connection.
type Directory struct {
	ID             string `dynamodbav:"id"`
	OrganizationID string `dynamodbav:"org"`
	Name           string `dynamodbav:"name"`
	Type           string `dynamodbav:"type"`
	ExternalKey    string `dynamodbav:"external_key"`
	State          string `dynamodbav:"state"`
	Protocol
	Created  time.Time `dynamodbav:"created"`
	Modified time.Time `dynamodbav:"at"`
}

// Token is a SCIM bearer token. It says all that a request needs to be let in,
// so that authenticating is one read.
type Token struct {
	ID             string    `dynamodbav:"id"`
	Hash           string    `dynamodbav:"hash"` // SHA-256 of the secret, hexadecimal
	DirectoryID    string    `dynamodbav:"dir"`
	OrganizationID string    `dynamodbav:"org"`
	ExternalKey    string    `dynamodbav:"external_key"`
	Suffix         string    `dynamodbav:"suffix"` // the last 4 characters of the secret
	Protocol                 // the directory's
	Created        time.Time `dynamodbav:"created"`
	Expires        time.Time `dynamodbav:"expires,omitempty,omitzero"`
	Revoked        bool      `dynamodbav:"revoked,omitempty"`
}

// Resource is a user or a group.
type Resource struct {
	Kind           Kind      `dynamodbav:"-"`
	ID             string    `dynamodbav:"id"`
	DirectoryID    string    `dynamodbav:"dir"`
	OrganizationID string    `dynamodbav:"org"`
	Document       string    `dynamodbav:"doc"` // scim.Encode of the resource
	Version        int64     `dynamodbav:"v"`
	Created        time.Time `dynamodbav:"created"`
	Modified       time.Time `dynamodbav:"at"`
	Cause
	tombstone
}

// Gone reports whether the resource was deleted.
func (r Resource) Gone() bool { return r.Deleted }

// Names are the values that a resource is found by.
type Names struct {
	Name       string   // userName or displayName: unique, in any letter case
	ExternalID string   // "" for none; not unique
	Emails     []string // work e-mail addresses; not unique
}

// Membership says that a user is in a group.
type Membership struct {
	DirectoryID    string    `dynamodbav:"dir"`
	OrganizationID string    `dynamodbav:"org"`
	GroupID        string    `dynamodbav:"group"`
	UserID         string    `dynamodbav:"user"`
	Display        string    `dynamodbav:"display,omitempty"`
	At             time.Time `dynamodbav:"at"` // of the last change
	Cause
	tombstone
}

// Gone reports whether the membership was removed.
func (m Membership) Gone() bool { return m.Deleted }

// JobState is how far a job is.
type JobState string

// The states of a job.
const (
	JobRunning JobState = "running"
	JobDone    JobState = "done"
)

// Job is long work as a record: each step does one page and writes the record
// again, which starts the next step.
type Job struct {
	ID          string    `dynamodbav:"id"`
	DirectoryID string    `dynamodbav:"dir"`
	Kind        Kind      `dynamodbav:"kind"`    // what was deleted: its memberships are removed
	Subject     string    `dynamodbav:"subject"` // the id of the user or group
	State       JobState  `dynamodbav:"state"`
	Steps       int       `dynamodbav:"steps"`
	Removed     int       `dynamodbav:"removed"`
	Created     time.Time `dynamodbav:"created"`
	Modified    time.Time `dynamodbav:"at"`
	TTL         int64     `dynamodbav:"ttl,omitempty"`
}

// idKind is the kind of id that resources of the kind have.
func (k Kind) idKind() id.Kind {
	if k == Group {
		return id.Group
	}
	return id.User
}

// ValidID reports whether s can be the id of such a resource.
func (k Kind) ValidID(s string) bool { return k.idKind().Valid(s) }
