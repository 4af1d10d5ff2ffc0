package system_test

import (
	"bytes"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dsync/infra/local/system"
	"dsync/internal/awslocal/awsconfig"
	localdynamodb "dsync/internal/awslocal/dynamodb"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Nobody else reaches the data of a system: another host and a web page reach
// DynamoDB Local at most, and find no table there.
func TestClosed(t *testing.T) {
	if os.Getenv(localdynamodb.EndpointVariable) != "" {
		t.Skip("the engine is that of somebody else")
	}
	dir := filepath.Join(t.TempDir(), "local")
	s := start(t, system.Options{DataDir: dir})
	engine := *s.DynamoDB().Options().BaseEndpoint
	for _, host := range append(addresses(t), "127.0.0.1") {
		for _, key := range []string{"local", "test", awsconfig.NewAccessKey()} {
			config := awsconfig.Config("us-east-1", "http://"+net.JoinHostPort(host, port(t, engine)))
			tables, err := dynamodb.NewFromConfig(config, func(o *dynamodb.Options) {
				o.RetryMaxAttempts, o.Credentials = 1, credentials.NewStaticCredentialsProvider(key, "local", "")
			}).ListTables(t.Context(), &dynamodb.ListTablesInput{})
			if err == nil && len(tables.TableNames) > 0 {
				t.Errorf("the access key %s sees %v at %s", key, tables.TableNames, host)
			}
		}
		if host == "127.0.0.1" {
			continue
		}
		for _, service := range []string{s.APIURL, s.LambdaURL} {
			if c, err := net.Dial("tcp", net.JoinHostPort(host, port(t, service))); err == nil {
				_ = c.Close()
				t.Errorf("%s is reachable at %s", service, host)
			}
		}
	}
	stored, err := os.ReadFile(filepath.Join(dir, "access-key"))
	if err != nil || !strings.HasPrefix(string(stored), "LOCAL") {
		t.Errorf("access key %.5s…, error %v", stored, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "access-key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file %v, error %v", info.Mode(), err)
	}
	// A web page of another site tries to make an API key.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.LambdaURL+"/2015-03-31/functions/apikey/invocations", bytes.NewReader([]byte(`{}`)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://evil.example")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another site gets status %d", response.StatusCode)
	}
}

// The data of an earlier version is in a database that all access keys share. The
// next start takes it over.
func TestAdoptsTheSharedDatabase(t *testing.T) {
	if os.Getenv(localdynamodb.EndpointVariable) != "" {
		t.Skip("the engine is that of somebody else")
	}
	dir := filepath.Join(t.TempDir(), "local")
	s, err := system.Start(t.Context(), system.Options{DataDir: dir, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	tenantURL, token := s.TenantURL, s.Token
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "dynamodb", "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("databases %v, error %v", files, err)
	}
	if err := os.Rename(files[0], filepath.Join(dir, "dynamodb", "shared-local-instance.db")); err != nil {
		t.Fatal(err)
	}
	s = start(t, system.Options{DataDir: dir})
	path, _ := strings.CutPrefix(tenantURL, tenantURL[:strings.Index(tenantURL, "/scim")])
	if status, body := send(t, "GET", s.APIURL+path+"/Users", token, ""); status != http.StatusOK {
		t.Errorf("GET /Users: %d %s", status, body)
	}
}

// addresses returns the addresses of this machine that other hosts may reach.
func addresses(t *testing.T) (hosts []string) {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			hosts = append(hosts, n.IP.String())
		}
	}
	return hosts
}

func port(t *testing.T, endpoint string) string {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
