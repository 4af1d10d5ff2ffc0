// Package app wires each function from its environment. A function's main.go
// starts what is built here, and the local runner calls the same builders, so
// both run one wiring.
package app

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda"
)

// Environment looks up a variable, as os.Getenv does.
type Environment func(name string) string

var errNotBuilt = errors.New("skeleton")

// Users builds the function that serves SCIM /Users.
func Users(ctx context.Context, env Environment) (lambda.Handler, error) { return nil, errNotBuilt }

// Groups builds the function that serves SCIM /Groups.
func Groups(ctx context.Context, env Environment) (lambda.Handler, error) { return nil, errNotBuilt }

// Discovery builds the function that serves SCIM discovery and every other path.
func Discovery(ctx context.Context, env Environment) (lambda.Handler, error) {
	return nil, errNotBuilt
}

// Relay builds the function that turns stream records into events on the bus.
func Relay(ctx context.Context, env Environment) (lambda.Handler, error) { return nil, errNotBuilt }

// Jobs builds the function that does long work a page at a time.
func Jobs(ctx context.Context, env Environment) (lambda.Handler, error) { return nil, errNotBuilt }

// Connection is what an IT admin pastes into Entra, and whose it is.
type Connection struct {
	OrganizationID string // org_…
	DirectoryID    string // directory_…
	ExternalKey    string // the last segment of the Tenant URL's path
	Token          string // the Secret Token; it cannot be read again
}

// Connect creates an organization, an Entra directory in it, and a token.
func Connect(ctx context.Context, env Environment, organization, directory string) (Connection, error) {
	return Connection{}, errNotBuilt
}
