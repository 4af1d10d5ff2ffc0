// Package awsconfig configures AWS SDK clients for the local services.
package awsconfig

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Credentials are accepted by the local services, which accept any credentials.
var Credentials = aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}

// Config returns the configuration of clients for a local service at endpoint.
func Config(region, endpoint string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials:  aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return Credentials, nil }),
	}
}
