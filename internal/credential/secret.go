// Package credential makes and checks the secrets that open the system: SCIM
// tokens and API keys. A secret is 256 random bits with a prefix and a
// checksum. It is shown once, and stored as its SHA-256.
//
// A process trusts what it read of a secret for 5 seconds, so a revoked one is
// refused within 10 seconds everywhere. What it did not find it refuses for 10
// seconds without reading again, and remembers the hash alone. A request with no
// valid credential fails with a fault of kind Unauthorized that says nothing
// about what was wrong. All functions and types are safe for concurrent use.
package credential

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// Prefix begins the secrets of a kind, so that secret scanners recognise a
// leaked one.
type Prefix string

// The prefixes.
const (
	TokenPrefix  Prefix = "dsync_scim_"
	APIKeyPrefix Prefix = "dsync_api_"
	// LinkPrefix begins the secret of a sign-in link of the console, SessionPrefix
	// that of a session, which is in a cookie.
	LinkPrefix    Prefix = "dsync_link_"
	SessionPrefix Prefix = "dsync_session_"
	// SetupLinkPrefix begins the secret of a link to the setup page,
	// SetupSessionPrefix that of the session that it opens.
	SetupLinkPrefix    Prefix = "dsync_setup_"
	SetupSessionPrefix Prefix = "dsync_setup_session_"
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

// Secret is a new secret.
type Secret struct {
	Value  string // shown once
	Hash   string // stored; see Hash
	Suffix string // stored: the last characters, to tell it from others
}

// NewSecret makes a secret: 256 random bits between a prefix and a checksum.
func NewSecret(p Prefix, entropy io.Reader) (Secret, error) {
	random := make([]byte, secretBytes)
	if _, err := io.ReadFull(entropy, random); err != nil {
		return Secret{}, fmt.Errorf("credential: secret: %w", err)
	}
	value := string(p) + base64.RawURLEncoding.EncodeToString(random)
	value += checksum(value)
	return Secret{value, Hash(value), value[len(value)-suffixLength:]}, nil
}

func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	return base64.RawURLEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// Length is how many characters a secret with the prefix has.
func (p Prefix) Length() int {
	return len(p) + base64.RawURLEncoding.EncodedLen(secretBytes) + checksumLength
}

// WellFormed reports whether a string can be a secret with the prefix.
func (p Prefix) WellFormed(secret string) bool {
	length := p.Length()
	if len(secret) != length || !strings.HasPrefix(secret, string(p)) {
		return false
	}
	body, sum := secret[:length-checksumLength], secret[length-checksumLength:]
	return equal(checksum(body), sum)
}

// equal compares two strings in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Hash is the SHA-256 of a secret, hexadecimal. With 256 random bits a plain
// hash is enough: there is nothing to guess.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// NewExternalKey makes the opaque name of a directory in its Tenant URL: 16
// letters and digits.
func NewExternalKey(entropy io.Reader) (string, error) {
	key := make([]byte, 0, externalKeyLength)
	var b [1]byte
	for len(key) < externalKeyLength {
		if _, err := io.ReadFull(entropy, b[:]); err != nil {
			return "", fmt.Errorf("credential: external key: %w", err)
		}
		// Bytes past the last whole alphabet would favour its first letters.
		if n := int(b[0]); n < 256/len(alphanumeric)*len(alphanumeric) {
			key = append(key, alphanumeric[n%len(alphanumeric)])
		}
	}
	return string(key), nil
}
