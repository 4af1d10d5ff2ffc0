package directory

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"
	"time"

	"dsync/internal/scim"
	"dsync/internal/table"
)

const (
	// secretPrefix lets secret scanners recognise a leaked token.
	secretPrefix = "dsync_scim_"
	secretBytes  = 32
	// checksumLength is that of a CRC-32 in base64: a typing error, or a
	// string that only looks like a token, is refused without a read.
	checksumLength = 6

	externalKeyLength = 16
	alphanumeric      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// newSecret makes the secret of a token: 256 random bits between a prefix and
// a checksum.
func newSecret(entropy io.Reader) (string, error) {
	random := make([]byte, secretBytes)
	if _, err := io.ReadFull(entropy, random); err != nil {
		return "", fmt.Errorf("directory: secret: %w", err)
	}
	s := secretPrefix + base64.RawURLEncoding.EncodeToString(random)
	return s + checksum(s), nil
}

func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	return base64.RawURLEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// wellFormed tells strings that could be a secret from all others.
func wellFormed(secret string) bool {
	length := len(secretPrefix) + base64.RawURLEncoding.EncodedLen(secretBytes) + checksumLength
	if len(secret) != length || !strings.HasPrefix(secret, secretPrefix) {
		return false
	}
	body, sum := secret[:length-checksumLength], secret[length-checksumLength:]
	return subtle.ConstantTimeCompare([]byte(checksum(body)), []byte(sum)) == 1
}

// hashSecret is what is stored of a secret. With 256 random bits a plain hash
// is enough: there is nothing to guess.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// newExternalKey makes the opaque name of a directory in its Tenant URL.
func newExternalKey(entropy io.Reader) (string, error) {
	key := make([]byte, 0, externalKeyLength)
	var b [1]byte
	for len(key) < externalKeyLength {
		if _, err := io.ReadFull(entropy, b[:]); err != nil {
			return "", fmt.Errorf("directory: external key: %w", err)
		}
		// Bytes past the last whole alphabet would favour its first letters.
		if n := int(b[0]); n < 256/len(alphanumeric)*len(alphanumeric) {
			key = append(key, alphanumeric[n%len(alphanumeric)])
		}
	}
	return string(key), nil
}

// tokenLife is how long a function trusts a token without reading it again: a
// revoked one is refused within 10 seconds everywhere.
const tokenLife = 5 * time.Second

// tokenCacheSize bounds the cache. A function serves one directory's burst at
// a time; when the cache is full it starts anew.
const tokenCacheSize = 1000

// grant is a token with the schema of the users that it opens.
type grant struct {
	table.Token
	users *scim.ResourceType
	until time.Time // trusted without another read
}

// tokenCache remembers tokens that were read lately, by hash.
type tokenCache struct {
	mu sync.Mutex
	m  map[string]grant
}

func (c *tokenCache) get(hash string, now time.Time) (grant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.m[hash]
	return g, ok && now.Before(g.until)
}

func (c *tokenCache) put(g grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= tokenCacheSize {
		c.m = make(map[string]grant)
	}
	c.m[g.Hash] = g
}
