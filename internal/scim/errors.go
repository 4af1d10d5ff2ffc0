package scim

import (
	"fmt"
	"net/http"
	"strconv"
)

// Type is a scimType (RFC 7644 section 3.12, table 9).
type Type string

// The error types, in the order of the RFC.
const (
	InvalidFilter Type = "invalidFilter"
	TooMany       Type = "tooMany"
	Uniqueness    Type = "uniqueness"
	Mutability    Type = "mutability"
	InvalidSyntax Type = "invalidSyntax"
	InvalidPath   Type = "invalidPath"
	NoTarget      Type = "noTarget"
	InvalidValue  Type = "invalidValue"
	InvalidVers   Type = "invalidVers" // never returned: the version stands in the path
	Sensitive     Type = "sensitive"   // never returned: nothing sensitive can be asked for
)

// The error types of cursors (RFC 9865 section 2.1).
const (
	InvalidCursor Type = "invalidCursor"
	ExpiredCursor Type = "expiredCursor"
	InvalidCount  Type = "invalidCount"
)

// Error is what a client gets to see when its request fails.
type Error struct {
	Status int
	Type   Type // "" where the RFC names none for the status
	Detail string
	// Path is the attribute, path or parameter that is at fault, where that is
	// known. Unlike the Detail it never holds a value, so it may be logged.
	Path string
	// Operation is the operation of a PATCH or of a bulk request that failed,
	// counted from 1; 0 for none.
	Operation int
	unknown   bool // no schema knows the Path
}

// Errorf makes an Error. The detail is shown to the client: it must hold
// nothing internal.
func Errorf(status int, t Type, format string, args ...any) *Error {
	return &Error{Status: status, Type: t, Detail: fmt.Sprintf(format, args...)}
}

// badRequest makes an Error with status 400.
func badRequest(t Type, format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, t, format, args...)
}

// About says what the error is about, unless that is known already.
func (e *Error) About(path string) *Error {
	if e.Path == "" {
		e.Path = path
	}
	return e
}

// within says that an error arose in a part of a resource. What it is about is
// a part of that, or all of it.
func within(place string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	in := *e
	if in.Path = place; e.Path != "" {
		in.Path += "." + e.Path
	}
	return &in
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d %s: %s", e.Status, e.Type, e.Detail)
}

// Body is the error as a SCIM message. The status is a string (RFC 7644
// section 3.12).
func (e *Error) Body() map[string]any {
	body := map[string]any{
		"schemas": []string{ErrorURN},
		"status":  strconv.Itoa(e.Status),
		"detail":  e.Detail,
	}
	if e.Type != "" {
		body["scimType"] = string(e.Type)
	}
	return body
}
