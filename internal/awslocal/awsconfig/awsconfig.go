// Package awsconfig configures AWS SDK clients for the local services.
package awsconfig

import (
	"context"
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Credentials are those of this process. The local services accept any
// credentials, but DynamoDB Local has a database of its own for each access key
// ID and region. So the access key ID is a secret, and whoever can reach
// DynamoDB Local without it finds nothing.
var Credentials = WithKey(NewAccessKey())

// NewAccessKey returns a random access key ID, of letters and digits.
func NewAccessKey() string { return "LOCAL" + rand.Text() }

// WithKey returns credentials with that access key ID.
func WithKey(accessKey string) aws.Credentials {
	return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: "local"}
}

// Config returns the configuration of clients for a local service at endpoint.
func Config(region, endpoint string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials:  aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return Credentials, nil }),
	}
}
