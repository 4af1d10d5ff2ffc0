// Package secret reads secrets of AWS Secrets Manager.
package secret

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// trust is how long a secret that was read is used: one that is replaced works after
// that in every process.
const trust = 5 * time.Minute

// Reader reads secrets. It is safe for concurrent use.
type Reader struct {
	get func(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
	now func() time.Time

	mu    sync.Mutex
	known map[string]entry
}

type entry struct {
	value string
	until time.Time
}

// NewReader returns a Reader. endpoint is that of Secrets Manager, nil for that of the
// Region. It makes no request.
func NewReader(c aws.Config, endpoint *string, now func() time.Time) *Reader {
	api := secretsmanager.NewFromConfig(c, func(o *secretsmanager.Options) { o.BaseEndpoint = endpoint })
	return &Reader{get: api.GetSecretValue, now: now, known: map[string]entry{}}
}

// Read reads the text of a secret by its ARN.
func (r *Reader) Read(ctx context.Context, arn string) (string, error) {
	r.mu.Lock()
	e, ok := r.known[arn]
	r.mu.Unlock()
	if ok && r.now().Before(e.until) {
		return e.value, nil
	}
	out, err := r.get(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	e = entry{aws.ToString(out.SecretString), r.now().Add(trust)}
	r.mu.Lock()
	r.known[arn] = e
	r.mu.Unlock()
	return e.value, nil
}
