// Package enginetest gives tests the real engine: one DynamoDB Local in memory
// for a test binary, and a table of its own for each test.
package dsynctest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	localdynamodb "dsync/internal/awslocal/dynamodb"

	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

var (
	start   sync.Once
	running *localdynamodb.Server
	failed  error
	tables  atomic.Int64
)

// Main runs the tests and stops the engine, if one of them started it. Call it
// from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if running != nil {
		_ = running.Stop()
	}
	os.Exit(code)
}

// Table creates an empty table on the engine and returns its client and name.
func Table(t testing.TB) (*dynamodb.Client, string) {
	t.Helper()
	start.Do(func() {
		running, failed = localdynamodb.Start(context.Background(), localdynamodb.Options{Log: os.Stderr})
	})
	if failed != nil {
		t.Fatal(failed)
	}
	api := dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(running.Endpoint()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
	name := fmt.Sprintf("%s-%d", strings.Map(func(r rune) rune {
		if r < 'A' || r > 'z' || r > 'Z' && r < 'a' && r != '_' {
			return '-'
		}
		return r
	}, t.Name()[:min(len(t.Name()), 80)]), tables.Add(1))
	if err := localdynamodb.CreateTable(t.Context(), api, schema.Dsync(), name); err != nil {
		t.Fatal(err)
	}
	return api, name
}
