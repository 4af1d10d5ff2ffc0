package runtimeapi

import (
	"os"

	"dsync/internal/awslocal/awsconfig"
)

// Services holds the endpoint URLs of the local AWS services.
type Services struct {
	Region      string
	AccessKey   string // selects the database of DynamoDB Local
	DynamoDB    string // and its streams
	EventBridge string
	S3          string
	SQS         string
}

// Variables returns the environment variables that configure an SDK to use the
// local services, and not the AWS account that the user has configured.
func (s Services) Variables() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB":         s.DynamoDB,
		"AWS_ENDPOINT_URL_DYNAMODB_STREAMS": s.DynamoDB,
		"AWS_ENDPOINT_URL_EVENTBRIDGE":      s.EventBridge,
		"AWS_ENDPOINT_URL_S3":               s.S3,
		"AWS_ENDPOINT_URL_SQS":              s.SQS,
		"AWS_REGION":                        s.Region,
		"AWS_ACCESS_KEY_ID":                 s.AccessKey,
		"AWS_SECRET_ACCESS_KEY":             awsconfig.WithKey(s.AccessKey).SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED":         "true",
		"AWS_CONFIG_FILE":                   os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE":       os.DevNull,
	}
}
