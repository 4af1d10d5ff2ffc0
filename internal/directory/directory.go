// Package directory is the domain: organizations, directories, users, groups,
// memberships and tokens, and what may be done to them.
//
// A tenant is isolated by construction: everything that a SCIM request can do
// is a method of a Session, a Session comes from a token only, and it knows no
// directory but the token's. What the team's application can do is a method of
// an Operator, which comes from an API key only.
//
// What a client did wrong comes back as a *scim.Error from a Session and as a
// *Refusal from an Operator; any other error is a failure of ours. All types
// are safe for concurrent use.
package directory

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"dsync/internal/scim"
	"dsync/internal/table"
)

// Service manages organizations, directories and tokens, and lets requests in.
type Service struct {
	table   *table.Table
	now     func() time.Time
	entropy io.Reader
	log     *slog.Logger
	tokens  secretCache[grant]
	keys    secretCache[pass]
	names   nameCache
	homes   homeCache
}

// New returns a service. now is the clock, entropy the source of ids and
// secrets: crypto/rand.Reader outside tests.
func New(t *table.Table, now func() time.Time, entropy io.Reader, log *slog.Logger) *Service {
	return &Service{table: t, now: now, entropy: entropy, log: log}
}

// clock is the time in the precision that records and events have.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// What the application gets to see as it is stored.
type (
	Organization = table.Organization
	Directory    = table.Directory
	Job          = table.Job
	Request      = table.Request
	Day          = table.Day
)

// RequestKind is the kind of ids that records of requests have.
const RequestKind = table.RequestKind

// Type is a kind of resource with its schema.
type Type struct {
	*scim.ResourceType
	kind table.Kind
	name string // the attribute whose value is unique in a directory
}

// The types of resources. A session knows its directory's own (Session.Type).
var (
	Users  = Type{scim.Users, table.User, "userName"}
	Groups = Type{scim.Groups, table.Group, "displayName"}
)

// MaxWorkEmails is how many work e-mail addresses a user may have: each has a
// look-up record, and all records of a change must fit one transaction.
const MaxWorkEmails = 30

// names are the values that a resource is found by.
func (t Type) names(doc map[string]any) (n table.Keys, err error) {
	n.Name, _ = doc[t.name].(string)
	n.ExternalID, _ = doc["externalId"].(string)
	emails, _ := doc["emails"].([]any)
	for _, e := range emails {
		email, _ := e.(map[string]any)
		kind, _ := email["type"].(string)
		if value, _ := email["value"].(string); value != "" && scim.Fold(kind) == "work" {
			n.Emails = append(n.Emails, value)
		}
	}
	if len(n.Emails) > MaxWorkEmails {
		err = scim.Errorf(http.StatusBadRequest, scim.InvalidValue, "a user has %d work e-mail addresses at most", MaxWorkEmails)
	}
	return n, err
}

// Resource is a user or a group as clients know it, but for its location.
type Resource struct {
	Document map[string]any
	Meta     scim.Meta
	size     int // bytes of JSON
}

func read(r table.Resource) (Resource, error) {
	doc, err := scim.Decode(r.Document)
	return Resource{doc, scim.Meta{ID: r.ID, Created: r.Created, LastModified: r.Modified, Version: r.Version}, len(r.Document)}, err
}
