package table

import (
	"slices"
	"time"

	"dsync/internal/id"
	"dsync/internal/table/count"
)

// Timestamp is a time in the precision of records and events: milliseconds, in
// UTC.
func Timestamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Actor identifies what made a change: the id of the request and of the token
// that authenticated it. The events of the change carry both.
type Actor struct {
	RequestID string `dynamodbav:"rid,omitempty"`
	TokenID   string `dynamodbav:"tid,omitempty"`
}

// softDeletion marks a record as deleted. Only the relay still reads it.
type softDeletion struct {
	Deleted bool  `dynamodbav:"deleted,omitempty"`
	TTL     int64 `dynamodbav:"ttl,omitempty"` // seconds since the epoch
}

// DeletedRetention is how long a soft-deleted record is retained. The relay
// reads it for events of earlier changes, and the stream retains those for 24
// hours.
const DeletedRetention = 7 * 24 * time.Hour

func softDelete(at time.Time) softDeletion {
	return softDeletion{Deleted: true, TTL: at.Add(DeletedRetention).Unix()}
}

// Organization is a customer.
type Organization struct {
	ID         string            `dynamodbav:"id"`
	Name       string            `dynamodbav:"name"`
	ExternalID string            `dynamodbav:"external_id,omitempty"` // the team's own id for it: unique
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

// VerifiedDomains are the verified domains, sorted.
func (o Organization) VerifiedDomains() []string {
	var verified []string
	for _, d := range o.Domains {
		if d.State == DomainVerified {
			verified = append(verified, d.Domain)
		}
	}
	slices.Sort(verified)
	return verified
}

// DomainVerified is the state of a domain that the organization owns.
const DomainVerified = "verified"

// SCIMConfig is the part of a directory that its SCIM requests need. Each token
// of the directory holds a copy.
type SCIMConfig struct {
	CursorKey  []byte `dynamodbav:"cursor_key"`           // signs the cursors of lists
	Extensions string `dynamodbav:"extensions,omitempty"` // custom schemas of users: a JSON array
	Settings   string `dynamodbav:"settings,omitempty"`   // a JSON object; "" is the default of each setting
	View       string `dynamodbav:"view,omitempty"`       // how events show users (dsync.Projection); "" is the default
	// Type is the type of the directory. Tokens of earlier versions have none.
	Type string `dynamodbav:"type,omitempty"`
	// Pending says that the directory has not received a request yet.
	Pending bool `dynamodbav:"pending,omitempty"`
	Paused  bool `dynamodbav:"paused,omitempty"`
	// AllEmails says that every e-mail address of every user has a look-up. In a
	// directory that an earlier version created, work addresses alone are sure to
	// have one. It never becomes false.
	AllEmails bool `dynamodbav:"all_emails,omitempty"`
}

// Directory is the SCIM connection of one Entra application.
type Directory struct {
	ID             string `dynamodbav:"id"`
	OrganizationID string `dynamodbav:"org"`
	Name           string `dynamodbav:"name"`
	ExternalKey    string `dynamodbav:"external_key"`
	State          State  `dynamodbav:"state"`
	SCIMConfig
	// Tokens are the active tokens. They are part of the directory's record, so
	// that the stream has one order for all changes of the directory.
	Tokens   []TokenRef `dynamodbav:"tokens,omitempty"`
	Version  int64      `dynamodbav:"v"`
	Created  time.Time  `dynamodbav:"created"`
	Modified time.Time  `dynamodbav:"at"`
	Actor
}

// State says whether a directory accepts requests.
type State string

// The states of a directory, as the REST API names them (workos.md section 1.2).
const (
	Linked     State = "linked"     // accepts requests
	Validating State = "validating" // waits for the first request
	Unlinked   State = "unlinked"   // paused
	Deleting   State = "deleting"   // deleted; a job deletes its records
)

// TokenRef is a token in the record of its directory.
type TokenRef struct {
	ID      string    `dynamodbav:"id"`
	Hash    string    `dynamodbav:"hash"` // SHA-256 of the secret, hexadecimal
	Suffix  string    `dynamodbav:"suffix"`
	Created time.Time `dynamodbav:"created"`
	Expires time.Time `dynamodbav:"expires,omitempty,omitzero"`
}

// Token is a SCIM bearer token. It holds all that authentication needs, so that
// authentication is one read.
type Token struct {
	TokenRef
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	ExternalKey    string `dynamodbav:"external_key"`
	SCIMConfig            // a copy of the directory's
	Revoked        bool   `dynamodbav:"revoked,omitempty"`
	LastUsed       string `dynamodbav:"last_used,omitempty"` // a date: 2026-01-31
	TTL            int64  `dynamodbav:"ttl,omitempty"`       // if revoked, or if it expires
	Watched        int64  `dynamodbav:"watched,omitempty"`   // until then, in Unix time: see limit.Watch
}

// Resource is a user or a group.
type Resource struct {
	Kind           Kind   `dynamodbav:"-"`
	ID             string `dynamodbav:"id"`
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	Document       string `dynamodbav:"doc"` // resource.Encode of the resource
	// View is how events show a user (dsync.Projection): a copy of the directory's, so
	// that an event follows from the record alone. "" is the default.
	View string `dynamodbav:"view,omitempty"`
	// Generation counts how often a user became visible to consumers again
	// after it was hidden, or came back by a restore of the table. 0 is the first
	// time.
	Generation int64 `dynamodbav:"life,omitempty"`
	// VisibleSince is when the generation began; zero for the first one.
	VisibleSince time.Time `dynamodbav:"since,omitempty,omitzero"`
	// Hidden says that the user is hidden from consumers. It follows from View
	// and Document, and is stored for readers that do not decode them.
	Hidden bool `dynamodbav:"hidden,omitempty"`
	// Normalized says that the keys of the claim and of the look-ups of e-mail
	// addresses have scim.FoldName and scim.Fold of the values. Otherwise they have
	// scim.EarlierFold, as earlier versions wrote them. Package table sets it, and
	// only if the two differ; a caller copies it to the next version.
	Normalized bool `dynamodbav:"normalized,omitempty"`
	// Emptied is the version of a group in which all members were removed that
	// have a Membership of an earlier version: a job is removing their records. 0 if
	// there is no such job.
	Emptied int64 `dynamodbav:"emptied,omitempty"`
	// Switched is the time of the last activation or deactivation, in milliseconds
	// since the epoch; 0 if there was none since the user was created.
	Switched int64     `dynamodbav:"switched,omitempty"`
	Version  int64     `dynamodbav:"v"`
	Created  time.Time `dynamodbav:"created"`
	// Modified is the time of the last change. Where the clocks of two functions
	// differ, a creation, an activation, a deactivation or a deletion is not
	// earlier than the change before it.
	Modified time.Time `dynamodbav:"at"`
	Actor
	softDeletion
}

// Keys are the values that a resource is found by.
type Keys struct {
	Name       string   // userName or displayName, case-insensitive; a userName is unique
	ExternalID string   // case-sensitive, not unique; "" for none
	Emails     []string // e-mail addresses, case-insensitive, not unique
}

// Membership says that a user is in a group.
type Membership struct {
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	GroupID        string `dynamodbav:"group"`
	UserID         string `dynamodbav:"user"`
	Display        string `dynamodbav:"display,omitempty"`
	// Generation is the generation of the user for which an event announced
	// the membership. Hidden says that no event did, because the user was
	// hidden from consumers.
	Generation int64 `dynamodbav:"life,omitempty"`
	Hidden     bool  `dynamodbav:"hidden,omitempty"`
	// Version is that of the group with which the membership was written: see
	// Resource.Emptied. 0 if an earlier version of the code wrote it.
	Version int64     `dynamodbav:"gv,omitempty"`
	At      time.Time `dynamodbav:"at"` // time of the last change
	Actor
	softDeletion
}

// JobState says whether a job has ended.
type JobState string

// The states of a job.
const (
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobFailed  JobState = "failed" // it was stopped before its end: see Job.Error
)

// Task is the work of a job.
type Task string

// The tasks.
const (
	// ClearMemberships deletes the memberships of a deleted user or group.
	ClearMemberships Task = "clear memberships"
	// RemoveMembers removes the members that a group had before the version Until.
	RemoveMembers Task = "remove members"
	// Announce has events announce the memberships of a user who became visible
	// to consumers again.
	Announce Task = "announce memberships"
	// Project writes the current view of a directory to all its resources.
	Project Task = "project users"
	// Purge deletes all records of a deleted directory.
	Purge Task = "purge directory"
	// Erase deletes the event log of a purged directory.
	Erase Task = "erase directory"
	// Count counts the users and groups of a directory.
	Count Task = "count directory"
	// StartCounts starts a Count of each directory that has no counts. It has no
	// directory.
	StartCounts Task = "start counts"
	// MigrateLog moves the event log of an earlier version to the present form.
	// It has no directory.
	MigrateLog Task = "migrate event log"
	// CompleteRecords gives records of earlier versions what they lack: users and
	// groups the claim of their id, directories the verified domains of their
	// organization. It has no directory.
	CompleteRecords Task = "complete records"
	// ApplyDomains gives the directories of an organization, the subject, its
	// verified domains. It has no directory.
	ApplyDomains Task = "apply domains"
)

// Job is long work as a record. Each step processes one page and writes the
// record again; the stream starts the next step. A job that waits for a time
// is started by a schedule, which finds it in the list of running jobs.
type Job struct {
	ID          string       `dynamodbav:"id"`
	DirectoryID string       `dynamodbav:"dir"`
	Task        Task         `dynamodbav:"task"`
	Kind        Kind         `dynamodbav:"kind,omitempty"`    // of the subject
	Subject     string       `dynamodbav:"subject,omitempty"` // the id of a user or group
	Cursor      string       `dynamodbav:"cursor,omitempty"`  // where the next step starts; "" is the beginning
	State       JobState     `dynamodbav:"state"`
	Steps       int          `dynamodbav:"steps"`           // number of steps done
	Done        int          `dynamodbav:"done"`            // number of records processed
	Pass        int          `dynamodbav:"pass,omitempty"`  // number of complete passes over the records
	Counts      count.Counts `dynamodbav:"counts"`          // of Count: the cut, and what was counted so far
	Tries       int          `dynamodbav:"tries,omitempty"` // of Count: how often it has begun again
	Until       int64        `dynamodbav:"until,omitempty"` // of RemoveMembers
	Created     time.Time    `dynamodbav:"created"`
	Modified    time.Time    `dynamodbav:"at"`
	// Begins is when a job begins that was created to run later, else zero. Due
	// is when the next step may run; zero is at once.
	Begins time.Time `dynamodbav:"begins,omitempty,omitzero"`
	Due    time.Time `dynamodbav:"due,omitempty,omitzero"`
	// Failures counts the failed attempts of the next step. Error is why the
	// last of them failed, or why the job is JobFailed.
	Failures int    `dynamodbav:"failures,omitempty"`
	Error    string `dynamodbav:"error,omitempty"`
	// Listed says that the list of running jobs has the job.
	Listed bool `dynamodbav:"listed,omitempty"`
	Actor
	TTL int64 `dynamodbav:"ttl,omitempty"`
}

// idKind is the kind of the ids of such resources.
func (k Kind) idKind() id.Kind {
	if k == Group {
		return id.Group
	}
	return id.User
}

// ValidID reports whether s can be the id of such a resource.
func (k Kind) ValidID(s string) bool { return k.idKind().Valid(s) }

// IDForm describes the ids of such resources.
func (k Kind) IDForm() string { return k.idKind().Of("") + " and a ULID in upper case" }

// isDeleted reports whether the resource is soft-deleted.
func (r Resource) isDeleted() bool { return r.Deleted }
