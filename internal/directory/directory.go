// Package directory is the domain: organizations, directories, users, groups,
// memberships and tokens, and what may be done to them.
//
// A tenant is isolated by construction: everything that a SCIM request can do
// is a method of a Session, a Session comes from a token only, and it knows no
// directory but the token's.
//
// What a client did wrong comes back as a *scim.Error; any other error is a
// failure of ours. All types are safe for concurrent use.
package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// Types of directories, as WorkOS names them (workos.md section 1.2).
const Entra = "azure scim v2.0"

// linked is the state of a directory that takes requests.
const linked = "linked"

// Service manages organizations, directories and tokens, and lets requests in.
type Service struct {
	table   *table.Table
	now     func() time.Time
	entropy io.Reader
	log     *slog.Logger
	tokens  tokenCache
	names   nameCache
}

// New returns a service. now is the clock, entropy the source of ids and
// secrets: crypto/rand.Reader outside tests.
func New(t *table.Table, now func() time.Time, entropy io.Reader, log *slog.Logger) *Service {
	return &Service{table: t, now: now, entropy: entropy, log: log}
}

// clock is the time in the precision that records and events have.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// CreateOrganization creates a customer.
func (s *Service) CreateOrganization(ctx context.Context, name string) (table.Organization, error) {
	at := s.clock()
	o := table.Organization{Name: name, Created: at, Modified: at}
	var err error
	if o.ID, err = id.New(id.Organization, at, s.entropy); err != nil {
		return o, fmt.Errorf("directory: %w", err)
	}
	return o, s.table.CreateOrganization(ctx, o)
}

// NewDirectory describes a directory to be created.
type NewDirectory struct {
	OrganizationID string
	Name           string
	// Extensions are custom schemas of the directory's users, in the JSON form
	// of RFC 7643 section 7.
	Extensions []json.RawMessage
}

// CreateDirectory creates an Entra directory of an organization with its first
// token. The secret is shown here and never again. It fails with a *scim.Error
// for an extension that is not valid.
func (s *Service) CreateDirectory(ctx context.Context, n NewDirectory) (d table.Directory, secret string, err error) {
	at := s.clock()
	d = table.Directory{OrganizationID: n.OrganizationID, Name: n.Name, Type: Entra, State: linked, Created: at, Modified: at}
	if d.Extensions, err = encodeExtensions(n.Extensions); err != nil {
		return d, "", err
	}
	d.CursorKey = make([]byte, cursorKeyBytes)
	if _, err := io.ReadFull(s.entropy, d.CursorKey); err != nil {
		return d, "", fmt.Errorf("directory: cursor key: %w", err)
	}
	if d.ID, err = id.New(id.Directory, at, s.entropy); err != nil {
		return d, "", fmt.Errorf("directory: %w", err)
	}
	if d.ExternalKey, err = newExternalKey(s.entropy); err != nil {
		return d, "", err
	}
	token := table.Token{DirectoryID: d.ID, OrganizationID: d.OrganizationID, ExternalKey: d.ExternalKey, Protocol: d.Protocol, Created: at}
	if token.ID, err = id.New(id.Token, at, s.entropy); err != nil {
		return d, "", fmt.Errorf("directory: %w", err)
	}
	if secret, err = newSecret(s.entropy); err != nil {
		return d, "", err
	}
	token.Hash, token.Suffix = hashSecret(secret), secret[len(secret)-4:]
	return d, secret, s.table.CreateDirectory(ctx, d, token)
}

// cursorKeyBytes is the size of the key that signs a directory's cursors.
const cursorKeyBytes = 32

// encodeExtensions checks custom schemas and brings them into stored form.
func encodeExtensions(extensions []json.RawMessage) (string, error) {
	if len(extensions) == 0 {
		return "", nil
	}
	seen := map[string]bool{}
	for _, e := range extensions {
		schema, err := scim.ParseExtension(e)
		if err != nil {
			return "", err
		}
		if urn := scim.Fold(schema.ID); seen[urn] {
			return "", scim.Errorf(http.StatusBadRequest, scim.InvalidValue, "the extension %s is declared twice", schema.ID)
		} else {
			seen[urn] = true
		}
	}
	b, err := json.Marshal(extensions)
	return string(b), err
}

// extended is the user type of a directory with custom extensions.
func extended(p table.Protocol) (*scim.ResourceType, error) {
	if p.Extensions == "" {
		return scim.Users, nil
	}
	var declared []json.RawMessage
	if err := json.Unmarshal([]byte(p.Extensions), &declared); err != nil {
		return nil, fmt.Errorf("directory: extensions: %w", err)
	}
	schemas := make([]*scim.Schema, len(declared))
	for i, e := range declared {
		var err error
		if schemas[i], err = scim.ParseExtension(e); err != nil {
			return nil, fmt.Errorf("directory: extensions: %w", err)
		}
	}
	return scim.Users.Extend(schemas...), nil
}

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
func (t Type) names(doc map[string]any) (n table.Names, err error) {
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
