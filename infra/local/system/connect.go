package system

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"time"

	"dsync/infra/local/runfile"
	"dsync/infra/topology"
	"dsync/internal/awslocal/uuid"
	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/table"
)

// The names of the objects that the first start creates.
const (
	organizationName = "Demo organization"
	directoryName    = "Entra ID"
	apiKeyName       = "local"
)

// connect uses the directory of the last run, or creates one. If a first start
// ends before it writes dsync.json, an unused directory and API key remain, and
// the next start creates others. It also creates others if the table does not have
// those of the last run: DynamoDB is another one, or was one in memory.
func (p *parts) connect(ctx context.Context, o Options) error {
	s := p.system
	kept, err := s.folder.connection()
	if err != nil {
		return err
	}
	t := table.New(s.db, s.TableName())
	if kept != nil {
		d, err := t.Directory(ctx, kept.DirectoryID)
		switch {
		case errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting:
			fmt.Fprintln(o.Log, "The directory of the last run is not in this table: it was deleted, or DynamoDB is another one. Creating a new directory, with another Tenant URL, Secret Token and API key.")
			kept = nil
		case err != nil:
			return fmt.Errorf("looking for the directory of the last run: %w", err)
		case len(o.Extensions) > 0:
			fmt.Fprintln(o.Log, "EXTENSIONS is for the first start and changes nothing now: run make reset first, or change the directory with PATCH /directories/{id}.")
		}
	}
	if kept == nil {
		c, err := Connect(ctx, t, organizationName, directoryName, o.Extensions...)
		if err != nil {
			return fmt.Errorf("connecting the first directory: %w", err)
		}
		kept = &runfile.Run{TenantURL: c.ExternalKey, Token: c.Token, DirectoryID: c.DirectoryID, OrganizationID: c.OrganizationID}
	}
	s.Token, s.DirectoryID, s.OrganizationID, s.APIKey = kept.Token, kept.DirectoryID, kept.OrganizationID, kept.APIKey
	s.TenantURL = s.APIURL + "/scim/v2.0/" + path.Base(kept.TenantURL)
	quiet := slog.New(slog.DiscardHandler)
	_, err = management.NewAuthenticator(t, time.Now, rand.Reader, quiet).Authenticate(ctx, s.APIKey, management.Origin{RequestID: uuid.New()})
	if fault.KindOf(err) == fault.Unauthorized { // revoked, or an older version made none
		s.APIKey, err = p.makeAPIKey(ctx)
	}
	return err
}

// makeAPIKey invokes the function that creates API keys, as an operator does.
func (p *parts) makeAPIKey(ctx context.Context) (string, error) {
	payload, err := json.Marshal(map[string]string{"name": apiKeyName, "scope": "manage keys"})
	if err != nil {
		return "", err
	}
	answer, err := p.functions[p.topology.ByRole(topology.CreatesAPIKeys).Name].Invoke(ctx, uuid.New(), payload)
	if err != nil {
		return "", fmt.Errorf("creating an API key: %w", err)
	}
	var key struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(answer, &key); err != nil {
		return "", fmt.Errorf("creating an API key: %w", err)
	}
	if key.Value == "" {
		return "", errors.New("creating an API key: the function's answer has no value")
	}
	return key.Value, nil
}

// signInLink invokes the function that makes sign-in links, as an operator does.
func (p *parts) signInLink(ctx context.Context, person, role string) (string, error) {
	payload, err := json.Marshal(map[string]string{"person": person, "role": role})
	if err != nil {
		return "", err
	}
	answer, err := p.functions[p.topology.ByRole(topology.ServesConsole).Name].Invoke(ctx, uuid.New(), payload)
	if err != nil {
		return "", fmt.Errorf("making a sign-in link: %w", err)
	}
	var link struct{ Path string }
	if err := json.Unmarshal(answer, &link); err != nil {
		return "", fmt.Errorf("making a sign-in link: %w", err)
	}
	return p.system.APIURL + link.Path, nil
}

// Connection is what an IT admin pastes into Entra, and whose directory it is.
type Connection struct {
	OrganizationID string // org_…
	DirectoryID    string // directory_…
	ExternalKey    string // the last segment of the Tenant URL's path
	Token          string // the Secret Token; it cannot be read again
}

// Connect creates an organization, an Entra directory in it whose users have
// these custom schemas, and a token.
func Connect(ctx context.Context, t *table.Table, organization, name string, extensions ...json.RawMessage) (Connection, error) {
	s := management.Bootstrap(t, time.Now, rand.Reader)
	o, err := s.CreateOrganization(ctx, management.OrganizationUpdate{Name: &organization})
	if err != nil {
		return Connection{}, err
	}
	d, _, secret, err := s.CreateDirectory(ctx, management.NewDirectory{OrganizationID: o.ID, Name: name, Extensions: extensions})
	return Connection{o.ID, d.ID, d.ExternalKey, secret}, err
}
