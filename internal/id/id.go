// Package id makes and reads ids: a prefix that tells the kind, and a ULID,
// which sorts by time (workos.md section 1.1). Ids are URL-safe.
package id

import (
	"io"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Kind is the prefix of an id, without the underscore.
type Kind string

// The kinds of ids.
const (
	Organization Kind = "org"
	Domain       Kind = "org_domain"
	Directory    Kind = "directory"
	User         Kind = "directory_user"
	Group        Kind = "directory_group"
	Token        Kind = "directory_token"
	Event        Kind = "event"
	Job          Kind = "job"
	APIKey       Kind = "api_key"
)

// New makes an id of the kind from a time and 80 bits of entropy.
func New(kind Kind, at time.Time, entropy io.Reader) (string, error) {
	u, err := ulid.New(ulid.Timestamp(at), entropy)
	if err != nil {
		return "", err
	}
	return kind.Of(u.String()), nil
}

// Of is the id of that kind with the given ULID.
func (k Kind) Of(u string) string { return string(k) + "_" + u }

// Valid reports whether s is an id of the kind: the prefix and a ULID in upper
// case, as they are made.
func (k Kind) Valid(s string) bool {
	u, ok := strings.CutPrefix(s, string(k)+"_")
	if !ok || len(u) != ulid.EncodedSize {
		return false
	}
	parsed, err := ulid.ParseStrict(u)
	return err == nil && parsed.String() == u
}
