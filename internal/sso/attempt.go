package sso

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// AttemptLifetime is how long a person may take at the provider.
const AttemptLifetime = 10 * time.Minute

// Attempt is a sign-in that has begun. The browser keeps it; each part is 256 random
// bits in base64url.
type Attempt struct {
	state, nonce, verifier string
	begun                  time.Time // whole seconds
}

const randomBytes = 32

func newAttempt(at time.Time, entropy io.Reader) (a Attempt, err error) {
	for _, part := range []*string{&a.state, &a.nonce, &a.verifier} {
		b := make([]byte, randomBytes)
		if _, err := io.ReadFull(entropy, b); err != nil {
			return Attempt{}, fmt.Errorf("sso: %w", err)
		}
		*part = base64.RawURLEncoding.EncodeToString(b)
	}
	a.begun = at.Truncate(time.Second)
	return a, nil
}

// String is the attempt as the value of a cookie.
func (a Attempt) String() string {
	return strings.Join([]string{a.state, a.nonce, a.verifier, strconv.FormatInt(a.begun.Unix(), 10)}, ".")
}

// ParseAttempt reads the value of a cookie.
func ParseAttempt(value string) (a Attempt, ok bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 4 {
		return a, false
	}
	for _, part := range parts[:3] {
		if b, err := base64.RawURLEncoding.DecodeString(part); err != nil || len(b) != randomBytes {
			return a, false
		}
	}
	seconds, err := strconv.ParseInt(parts[3], 10, 64)
	return Attempt{parts[0], parts[1], parts[2], time.Unix(seconds, 0)}, err == nil
}

// Key identifies the attempt: a hash of its state.
func (a Attempt) Key() string {
	sum := sha256.Sum256([]byte(a.state))
	return hex.EncodeToString(sum[:])
}

// Expires is when the attempt ends.
func (a Attempt) Expires() time.Time { return a.begun.Add(AttemptLifetime) }

func (a Attempt) valid(now time.Time) bool {
	return now.Before(a.Expires()) && !now.Before(a.begun.Add(-time.Minute)) // the clocks of two processes
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
