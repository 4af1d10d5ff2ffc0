// Package client is a REST API client for the command-line programs. It works
// with a local system and with a deployed stack.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Client calls the API at URL with Key.
type Client struct {
	URL string // https://…, without a trailing slash
	Key string
}

// Error is a response with a status of 300 or above.
type Error struct {
	Method, Path string
	Status       int
	Text         string // the body
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %s: %d %s %s", e.Method, e.Path, e.Status, http.StatusText(e.Status), e.Text)
}

// Call sends a request. It sends body as JSON unless body is nil. It decodes the
// response into answer unless answer is nil. If the status is 300 or above, Call
// returns an *Error.
func (c Client) Call(ctx context.Context, method, path string, body, answer any) error {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.URL+path, text)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.Key)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return &Error{method, path, response.StatusCode, string(bytes.TrimSpace(b))}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(b, answer)
}

// Connection describes the new directory of a customer.
type Connection struct {
	OrganizationID string
	DirectoryID    string
	TenantURL      string
	Token          string
}

// Connect creates an organization with a directory of that type, "" for Entra.
func (c Client) Connect(ctx context.Context, name, directoryType string) (Connection, error) {
	var organization struct {
		ID string `json:"id"`
	}
	if err := c.Call(ctx, http.MethodPost, "/organizations", map[string]any{"name": name}, &organization); err != nil {
		return Connection{}, err
	}
	var directory struct {
		ID        string `json:"id"`
		TenantURL string `json:"tenant_url"`
		Token     struct {
			Secret string `json:"token"`
		} `json:"token"`
	}
	body := map[string]any{"name": name, "organization_id": organization.ID}
	if directoryType != "" {
		body["type"] = directoryType
	}
	// Without a directory, the organization stays: the caller has its id.
	err := c.Call(ctx, http.MethodPost, "/directories", body, &directory)
	return Connection{organization.ID, directory.ID, directory.TenantURL, directory.Token.Secret}, err
}

// Page is a page of events.
type Page struct {
	Data     []json.RawMessage `json:"data"`
	Metadata struct {
		After string `json:"after"`
	} `json:"list_metadata"`
}

// Events lists events.
func (c Client) Events(ctx context.Context, query url.Values) (Page, error) {
	var p Page
	err := c.Call(ctx, http.MethodGet, "/events?"+query.Encode(), nil, &p)
	return p, err
}

// Follow reads the events that follow the event with the ID after, and calls
// visit for each. If after is "", it starts with the first event. It stops at the
// end of the log and returns the ID of the last event.
func (c Client) Follow(ctx context.Context, query url.Values, after string, visit func(json.RawMessage) error) (string, error) {
	for {
		if after != "" {
			query.Set("after", after)
			query.Del("range_start")
		}
		p, err := c.Events(ctx, query)
		if err != nil {
			return after, err
		}
		for _, event := range p.Data {
			var e struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(event, &e); err != nil {
				return after, err
			}
			if err := visit(event); err != nil {
				return after, err
			}
			after = e.ID
		}
		if p.Metadata.After == "" {
			return after, nil
		}
		after = p.Metadata.After
	}
}
