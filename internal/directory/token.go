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

	"dsync/internal/dsync"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// prefix begins the secrets of a kind, so that secret scanners recognise a
// leaked one.
type prefix string

const (
	tokenPrefix  prefix = "dsync_scim_"
	apiKeyPrefix prefix = "dsync_api_"
)

const (
	secretBytes = 32
	// checksumLength is that of a CRC-32 in base64: a typing error, or a
	// string that only looks like a secret, is refused without a read.
	checksumLength = 6
	// suffixLength is how much of a secret may be shown, to tell it from others.
	suffixLength = 4

	externalKeyLength = 16
	alphanumeric      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// newSecret makes a secret: 256 random bits between a prefix and a checksum.
func (p prefix) newSecret(entropy io.Reader) (string, error) {
	random := make([]byte, secretBytes)
	if _, err := io.ReadFull(entropy, random); err != nil {
		return "", fmt.Errorf("directory: secret: %w", err)
	}
	s := string(p) + base64.RawURLEncoding.EncodeToString(random)
	return s + checksum(s), nil
}

func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	return base64.RawURLEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// wellFormed tells strings that could be such a secret from all others.
func (p prefix) wellFormed(secret string) bool {
	length := len(p) + base64.RawURLEncoding.EncodedLen(secretBytes) + checksumLength
	if len(secret) != length || !strings.HasPrefix(secret, string(p)) {
		return false
	}
	body, sum := secret[:length-checksumLength], secret[length-checksumLength:]
	return subtle.ConstantTimeCompare([]byte(checksum(body)), []byte(sum)) == 1
}

// wellFormed tells strings that could be a token's secret.
func wellFormed(secret string) bool { return tokenPrefix.wellFormed(secret) }

// hashSecret is what is stored of a secret. With 256 random bits a plain hash
// is enough: there is nothing to guess.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// suffix is what may be shown of a secret.
func suffix(secret string) string { return secret[len(secret)-suffixLength:] }

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

// tokenLife is how long a function trusts a token or key without reading it
// again: a revoked one is refused within 10 seconds everywhere.
const tokenLife = 5 * time.Second

// tokenCacheSize bounds a cache. A function serves one directory's burst at a
// time; when the cache is full it starts anew.
const tokenCacheSize = 1000

// grant is a token with the schemas and settings of what it opens.
type grant struct {
	table.Token
	users    *scim.ResourceType
	groups   *scim.ResourceType
	settings Settings
	view     dsync.Projection
	until    time.Time // trusted without another read
}

func (g grant) trusted() (hash string, until time.Time) { return g.Hash, g.until }

// secretCache remembers what was read of secrets lately, by hash.
type secretCache[T interface {
	trusted() (hash string, until time.Time)
}] struct {
	mu sync.Mutex
	m  map[string]T
}

func (c *secretCache[T]) get(hash string, now time.Time) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.m[hash]
	if !ok {
		return v, false
	}
	_, until := v.trusted()
	return v, now.Before(until)
}

func (c *secretCache[T]) put(v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= tokenCacheSize {
		c.m = make(map[string]T)
	}
	hash, _ := v.trusted()
	c.m[hash] = v
}
