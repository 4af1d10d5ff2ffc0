package table

import (
	"time"

	"dsync/internal/id"
)

// Cause is what made a change: the ids of a request and of the token it came
// with. The events of the change carry it.
type Actor struct {
	RequestID string `dynamodbav:"rid,omitempty"`
	TokenID   string `dynamodbav:"tid,omitempty"`
}

// tombstone marks a record that is gone for everybody but the stream. TTL
// removes the item: seconds since the epoch.
type softDeletion struct {
	Deleted bool  `dynamodbav:"deleted,omitempty"`
	TTL     int64 `dynamodbav:"ttl,omitempty"`
}

// TombstoneLife is how long a deleted record can still be read by the relay,
// which needs it for events that came before. The stream keeps records for one
// day, so a week is ample.
const DeletedRetention = 7 * 24 * time.Hour

func softDelete(at time.Time) softDeletion {
	return softDeletion{Deleted: true, TTL: at.Add(DeletedRetention).Unix()}
}

// Organization is a customer.
type Organization struct {
	ID         string            `dynamodbav:"id"`
	Name       string            `dynamodbav:"name"`
	ExternalID string            `dynamodbav:"external_id,omitempty"` // the team's own id of it: unique
	Domains    []Domain          `dynamodbav:"domains,omitempty"`
	Metadata   map[string]string `dynamodbav:"metadata,omitempty"`
	Version    int64             `dynamodbav:"v"`
	Created    time.Time         `dynamodbav:"created"`
	Modified   time.Time         `dynamodbav:"at"`
}

// Domain is an e-mail domain of an organization.
type Domain struct {
	ID     string `dynamodbav:"id"` // org_domain_…
	Domain string `dynamodbav:"domain"`
	State  string `dynamodbav:"state"`
}

// Protocol is what answering a directory's requests takes. Its tokens hold a
// copy.
type SCIMConfig struct {
	CursorKey  []byte `dynamodbav:"cursor_key"`           // signs cursors
	Extensions string `dynamodbav:"extensions,omitempty"` // custom schemas of users: a JSON list
	Settings   string `dynamodbav:"settings,omitempty"`   // a JSON object; "" is the default of each
	View       string `dynamodbav:"view,omitempty"`       // how users are shown (dsync.Projection); "" is the default
	// Pending says that no request has come to the directory yet.
	Pending bool `dynamodbav:"pending,omitempty"`
	Paused  bool `dynamodbav:"paused,omitempty"`
}

// Directory is one Entra application's SCIM connection.
type Directory struct {
	ID             string `dynamodbav:"id"`
	OrganizationID string `dynamodbav:"org"`
	Name           string `dynamodbav:"name"`
	Type           string `dynamodbav:"type"`
	ExternalKey    string `dynamodbav:"external_key"`
	State          State  `dynamodbav:"state"`
	SCIMConfig
	// Tokens are those that may be used: all of the directory's changes are
	// in one record, so that the stream has one order for them.
	Tokens   []TokenRef `dynamodbav:"tokens,omitempty"`
	Version  int64      `dynamodbav:"v"`
	Created  time.Time  `dynamodbav:"created"`
	Modified time.Time  `dynamodbav:"at"`
	Actor
}

// State is what a directory does with requests.
type State string

// The states of a directory, as the REST API names them (workos.md section 1.2).
const (
	Linked     State = "linked"     // takes requests
	Validating State = "validating" // waits for the first one
	Unlinked   State = "unlinked"   // paused
	Deleting   State = "deleting"   // deleted, and its records are being removed
)

// TokenRef is a token as its directory knows it.
type TokenRef struct {
	ID      string    `dynamodbav:"id"`
	Hash    string    `dynamodbav:"hash"` // SHA-256 of the secret, hexadecimal
	Suffix  string    `dynamodbav:"suffix"`
	Created time.Time `dynamodbav:"created"`
	Expires time.Time `dynamodbav:"expires,omitempty,omitzero"`
}

// Token is a SCIM bearer token. It says all that a request needs to be let in,
// so that authenticating is one read.
type Token struct {
	TokenRef
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	ExternalKey    string `dynamodbav:"external_key"`
	SCIMConfig            // the directory's
	Revoked        bool   `dynamodbav:"revoked,omitempty"`
	LastUsed       string `dynamodbav:"last_used,omitempty"` // a day, as 2026-01-31
	TTL            int64  `dynamodbav:"ttl,omitempty"`       // of a revoked one
}

// APIKey is a key of the REST API.
type APIKey struct {
	ID       string    `dynamodbav:"id"`
	Hash     string    `dynamodbav:"hash"`
	Name     string    `dynamodbav:"name"`
	Scope    string    `dynamodbav:"scope"` // read or manage
	Suffix   string    `dynamodbav:"suffix"`
	Created  time.Time `dynamodbav:"created"`
	Expires  time.Time `dynamodbav:"expires,omitempty,omitzero"`
	Revoked  bool      `dynamodbav:"revoked,omitempty"`
	LastUsed string    `dynamodbav:"last_used,omitempty"`
	TTL      int64     `dynamodbav:"ttl,omitempty"`
}

// Resource is a user or a group.
type Resource struct {
	Kind           Kind   `dynamodbav:"-"`
	ID             string `dynamodbav:"id"`
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	Document       string `dynamodbav:"doc"` // resource.Encode of the resource
	// View is how a user is shown (dsync.Projection): a copy of the directory's, so
	// that what an event says follows from the record alone. "" is the default.
	View string `dynamodbav:"view,omitempty"`
	// Life counts how often consumers have been told of a user anew, after
	// the first time.
	Generation int64 `dynamodbav:"life,omitempty"`
	// Hidden says that consumers are not shown the user: it follows from View
	// and Document, for those who do not read them.
	Hidden   bool      `dynamodbav:"hidden,omitempty"`
	Version  int64     `dynamodbav:"v"`
	Created  time.Time `dynamodbav:"created"`
	Modified time.Time `dynamodbav:"at"`
	Actor
	softDeletion
}

// Names are the values that a resource is found by.
type Keys struct {
	Name       string   // userName or displayName: unique, in any letter case
	ExternalID string   // "" for none; not unique
	Emails     []string // work e-mail addresses; not unique
}

// Membership says that a user is in a group.
type Membership struct {
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	GroupID        string `dynamodbav:"group"`
	UserID         string `dynamodbav:"user"`
	Display        string `dynamodbav:"display,omitempty"`
	// Life is the life of the user that consumers were told of the membership
	// in, and Hidden says that they were not told, because the user was hidden
	// from them.
	Generation int64     `dynamodbav:"life,omitempty"`
	Hidden     bool      `dynamodbav:"hidden,omitempty"`
	At         time.Time `dynamodbav:"at"` // of the last change
	Actor
	softDeletion
}

// JobState is how far a job is.
type JobState string

// The states of a job.
const (
	JobRunning JobState = "running"
	JobDone    JobState = "done"
)

// Task is what a job does.
type Task string

// The tasks.
const (
	// ClearMemberships removes the memberships of a deleted user or group.
	ClearMemberships Task = "clear memberships"
	// Announce tells consumers anew of the memberships of a user who returned.
	Announce Task = "announce memberships"
	// Project shows all users of a directory as its settings say now.
	Project Task = "project users"
	// Purge removes all records of a deleted directory.
	Purge Task = "purge directory"
)

// Job is long work as a record: each step does one page and writes the record
// again, which starts the next step.
type Job struct {
	ID          string    `dynamodbav:"id"`
	DirectoryID string    `dynamodbav:"dir"`
	Task        Task      `dynamodbav:"task"`
	Kind        Kind      `dynamodbav:"kind,omitempty"`    // of the subject
	Subject     string    `dynamodbav:"subject,omitempty"` // the id of a user or group
	Cursor      string    `dynamodbav:"cursor,omitempty"`  // where the next step begins
	State       JobState  `dynamodbav:"state"`
	Steps       int       `dynamodbav:"steps"`
	Done        int       `dynamodbav:"done"` // how many records were dealt with
	Created     time.Time `dynamodbav:"created"`
	Modified    time.Time `dynamodbav:"at"`
	Actor
	TTL int64 `dynamodbav:"ttl,omitempty"`
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

// isDeleted reports whether the resource is soft-deleted.
func (r Resource) isDeleted() bool { return r.Deleted }
