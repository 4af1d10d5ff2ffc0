package dynamodb_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dsync/internal/awslocal/awsconfig"
	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func client(e *localdynamodb.Server) *dynamodb.Client {
	return dynamodb.NewFromConfig(awsconfig.Config("us-east-1", e.Endpoint()))
}

func put(t *testing.T, db *dynamodb.Client, table, sk string) {
	t.Helper()
	if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "D#1"}, "sk": &types.AttributeValueMemberS{Value: sk},
	}}); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *dynamodb.Client, table string) int32 {
	t.Helper()
	out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Count
}

func TestInMemory(t *testing.T) {
	began := time.Now()
	e, err := localdynamodb.Start(t.Context(), localdynamodb.Options{Endpoint: os.Getenv(localdynamodb.EndpointVariable), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("DynamoDB Local responds after %v", time.Since(began).Round(time.Millisecond))
	db, table := client(e), schema.Dsync()
	for range 2 { // the second time the table exists
		if err := localdynamodb.CreateTable(t.Context(), db, table, "engine-test"); err != nil {
			t.Fatal(err)
		}
	}
	put(t, db, "engine-test", "U#1")
	if n := count(t, db, "engine-test"); n != 1 {
		t.Fatalf("%d items, want 1", n)
	}
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	if os.Getenv(localdynamodb.EndpointVariable) != "" {
		return
	}
	if _, err := http.Get(e.Endpoint()); err == nil {
		t.Fatal("the server responds after Stop")
	}
}

// On macOS a server outlives a kill -9 of its parent. The next start on the same
// folder stops it and keeps the data.
func TestStartStopsAStaleServer(t *testing.T) {
	dir := t.TempDir()
	first, err := localdynamodb.Start(t.Context(), localdynamodb.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Stop() })
	if err := localdynamodb.CreateTable(t.Context(), client(first), schema.Dsync(), "kept"); err != nil {
		t.Fatal(err)
	}
	put(t, client(first), "kept", "U#1")

	second, err := localdynamodb.Start(t.Context(), localdynamodb.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Stop() })
	if _, err := http.Get(first.Endpoint()); err == nil {
		t.Error("the stale server still runs")
	}
	if n := count(t, client(second), "kept"); n != 1 {
		t.Errorf("%d items survived, want 1", n)
	}
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "engine.pid")); !os.IsNotExist(err) {
		t.Error("the pid file exists after Stop")
	}
}

// The test runs itself as a process that starts a server, and kills that process.
func TestServerEndsWithItsProcess(t *testing.T) {
	const child = "DSYNC_DYNAMODB_TEST_CHILD"
	if os.Getenv(child) != "" {
		e, err := localdynamodb.Start(t.Context(), localdynamodb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(e.Endpoint())
		select {} // until killed
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("only Linux has parent death signals")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithItsProcess$")
	cmd.Env = append(os.Environ(), child+"=1", localdynamodb.EndpointVariable+"=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	endpoint, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSpace(endpoint), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// The server's end closes the connection. It is far from its idle timeout.
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the server outlives its process")
	}
}

func TestGivenEndpoint(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-amzn-RequestId", "1")
		w.WriteHeader(http.StatusBadRequest)
	}))
	e, err := localdynamodb.Start(t.Context(), localdynamodb.Options{Endpoint: server.URL, DataDir: filepath.Join(t.TempDir(), "untouched")})
	if err != nil {
		t.Fatal(err)
	}
	if e.Endpoint() != server.URL {
		t.Errorf("endpoint %s, want %s", e.Endpoint(), server.URL)
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
	if r, err := http.Get(server.URL); err != nil {
		t.Error("Stop has stopped a server that Start did not start")
	} else {
		_ = r.Body.Close()
	}
	server.Close()
	if _, err := localdynamodb.Start(t.Context(), localdynamodb.Options{Endpoint: server.URL}); err == nil || !strings.Contains(err.Error(), "DYNAMODB_ENDPOINT") {
		t.Errorf("error %v, want one that names DYNAMODB_ENDPOINT", err)
	}
}

func TestNothingInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := localdynamodb.Start(t.Context(), localdynamodb.Options{})
	if err == nil {
		t.Fatal("a server started without Java and Docker")
	}
	for _, word := range []string{"Java " + strconv.Itoa(17), "npm", "Docker"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not contain %s", err, word)
		}
	}
}
