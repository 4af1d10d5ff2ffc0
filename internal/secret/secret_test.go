package secret_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"dsync/internal/secret"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// A secret is read once in five minutes, and again after that. What cannot be read is no
// secret, and is asked for again.
func TestRead(t *testing.T) {
	value, asked, status := "first", 0, http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		var in struct{ SecretId string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.SecretId != "arn:x" || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" {
			t.Errorf("asked for %+v: %v", in, err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(map[string]string{"ARN": in.SecretId, "Name": "x", "SecretString": value}); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	r := secret.NewReader(aws.Config{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1,
	}, &server.URL, func() time.Time { return now })
	read := func(want string, times int) {
		t.Helper()
		got, err := r.Read(t.Context(), "arn:x")
		if got != want || (err == nil) != (want != "") || asked != times {
			t.Errorf("%q, %v, asked %d times: want %q and %d", got, err, asked, want, times)
		}
	}
	status = http.StatusBadRequest
	read("", 1)
	status = http.StatusOK
	read("first", 2)
	value = "second"
	now = now.Add(5*time.Minute - time.Second)
	read("first", 2)
	now = now.Add(time.Second)
	read("second", 3)
}
