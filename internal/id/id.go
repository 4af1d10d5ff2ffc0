// Package id makes and checks ids: a prefix for the kind, an underscore and a
// ULID (workos.md section 1.1). Ids are URL-safe. The ids of a kind sort by the
// millisecond in which they were made.
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
	AuditEvent   Kind = "audit_event"
	// ConsoleSession is a person's session of the console.
	ConsoleSession Kind = "console_session"
	// SetupLink is a customer's admin's way to the setup page of a directory.
	SetupLink Kind = "setup_link"
)

// New makes an id of a kind from a time, in milliseconds, and 80 bits of
// entropy. It fails when entropy fails or the time is after the year 10889.
func New(kind Kind, at time.Time, entropy io.Reader) (string, error) {
	u, err := ulid.New(ulid.Timestamp(at), entropy)
	if err != nil {
		return "", err
	}
	return kind.Of(u.String()), nil
}

// Of returns the id of the kind with that ULID.
func (k Kind) Of(u string) string { return string(k) + "_" + u }

// ULID is the ULID of an id, without the prefix.
func ULID(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

// Valid reports whether s is an id of the kind, with the ULID in upper case, as
// New makes it.
func (k Kind) Valid(s string) bool {
	u, ok := strings.CutPrefix(s, string(k)+"_")
	if !ok || len(u) != ulid.EncodedSize {
		return false
	}
	parsed, err := ulid.ParseStrict(u)
	return err == nil && parsed.String() == u
}
