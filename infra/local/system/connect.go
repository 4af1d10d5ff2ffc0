package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"dsync/internal/app"
	"dsync/internal/awslocal/uuid"
)

// What a first start creates.
const (
	organizationName = "Demo organization"
	directoryName    = "Entra ID"
	apiKeyName       = "local"
)

// connect takes up the connection of the last run, or creates one. A first
// start that ends before the connection is kept leaves an unused directory and
// API key behind, and the next start creates others.
func (p *parts) connect(ctx context.Context, o Options) error {
	s := p.system
	kept, err := s.folder.connection()
	if err != nil {
		return err
	}
	if kept == nil {
		c, err := app.Connect(ctx, s.Environment(), organizationName, directoryName, o.Extensions...)
		if err != nil {
			return fmt.Errorf("connecting the first directory: %w", err)
		}
		kept = &connection{TenantURL: c.ExternalKey, Token: c.Token, DirectoryID: c.DirectoryID, OrganizationID: c.OrganizationID}
	}
	s.Token, s.DirectoryID, s.OrganizationID, s.APIKey = kept.Token, kept.DirectoryID, kept.OrganizationID, kept.APIKey
	s.TenantURL = s.APIURL + "/scim/v2.0/" + path.Base(kept.TenantURL)
	if s.APIKey == "" { // also that of a folder from before there were any
		s.APIKey, err = p.makeAPIKey(ctx)
	}
	return err
}

// makeAPIKey asks the function that makes API keys, as an operator does.
func (p *parts) makeAPIKey(ctx context.Context) (string, error) {
	payload, err := json.Marshal(map[string]string{"name": apiKeyName, "scope": "manage"})
	if err != nil {
		return "", err
	}
	answer, err := p.functions["apikey"].Call(ctx, uuid.New(), payload)
	if err != nil {
		return "", fmt.Errorf("making an API key: %w", err)
	}
	var key struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(answer, &key); err != nil {
		return "", fmt.Errorf("making an API key: %w", err)
	}
	if key.Value == "" {
		return "", errors.New("making an API key: the function's answer has no value")
	}
	return key.Value, nil
}
