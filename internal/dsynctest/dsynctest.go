// Package dsynctest provides tests with DynamoDB Local: one in-memory server for
// a test binary, and a separate table for each test.
package dsynctest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dsync/internal/awslocal/awsconfig"
	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

var (
	start  sync.Once
	server *localdynamodb.Server
	failed error
	tables atomic.Int64
)

// Main runs the tests and stops DynamoDB Local if a test has started it. TestMain
// calls it.
func Main(m *testing.M) {
	code := m.Run()
	if server != nil {
		_ = server.Stop()
	}
	os.Exit(code)
}

// Table creates an empty table and returns a client and the name of the table.
func Table(t testing.TB) (*dynamodb.Client, string) {
	t.Helper()
	start.Do(func() {
		server, failed = localdynamodb.Start(context.Background(), localdynamodb.Options{Endpoint: os.Getenv(localdynamodb.EndpointVariable), Log: os.Stderr})
	})
	if failed != nil {
		t.Fatal(failed)
	}
	api := dynamodb.NewFromConfig(awsconfig.Config("us-east-1", server.Endpoint()))
	name := fmt.Sprintf("%s-%d-%d", strings.Map(func(r rune) rune {
		if r < 'A' || r > 'z' || r > 'Z' && r < 'a' && r != '_' {
			return '-'
		}
		return r
	}, t.Name()[:min(len(t.Name()), 80)]), os.Getpid(), tables.Add(1)) // a server that runs already may have tables of another run
	if err := localdynamodb.CreateTable(t.Context(), api, schema.Dsync(), name); err != nil {
		t.Fatal(err)
	}
	return api, name
}
