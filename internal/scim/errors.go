package scim

import (
	"errors"
	"fmt"
	"strconv"

	"dsync/internal/fault"
)

// The scimTypes, in the order of RFC 7644 section 3.12, table 9.
const (
	InvalidFilter fault.Code = "invalidFilter"
	TooMany       fault.Code = "tooMany"
	Uniqueness    fault.Code = "uniqueness"
	Mutability    fault.Code = "mutability"
	InvalidSyntax fault.Code = "invalidSyntax"
	InvalidPath   fault.Code = "invalidPath"
	NoTarget      fault.Code = "noTarget"
	InvalidValue  fault.Code = "invalidValue"
	InvalidVers   fault.Code = "invalidVers" // never returned: the version is part of the path
	Sensitive     fault.Code = "sensitive"   // never returned: no attribute is sensitive
)

// The scimTypes of cursors (RFC 9865 section 2.1).
const (
	InvalidCursor fault.Code = "invalidCursor"
	ExpiredCursor fault.Code = "expiredCursor"
	InvalidCount  fault.Code = "invalidCount"
)

// ErrUnknownAttribute is the cause of an error about a path that no schema has.
var ErrUnknownAttribute = errors.New("scim: unknown attribute")

// BadRequest makes an error about the form or a value of a request.
func BadRequest(scimType fault.Code, format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, scimType, format, args...)
}

// TooLarge makes an error about the size of a request.
func TooLarge(format string, args ...any) *fault.Error {
	return fault.New(fault.TooLarge, "", format, args...)
}

// Within puts the path of an error below the path of the attribute that it
// arose in.
func Within(path string, err error) error {
	e, ok := err.(*fault.Error)
	if !ok {
		return err
	}
	in := *e
	in.Path = path
	if e.Path != "" {
		in.Path += "." + e.Path
	}
	return &in
}

// InOperation sets the operation of a PATCH or of a bulk request that an error
// arose in. i counts from 0.
func InOperation(i int, err error) error {
	if e, ok := err.(*fault.Error); ok {
		in := *e
		in.Detail, in.Operation = fmt.Sprintf("operation %d: %s", i+1, e.Detail), i+1
		return &in
	}
	return err
}

// ErrorResponse is an error as a SCIM message, with the HTTP status that it is
// sent with. The status is a string (RFC 7644 section 3.12).
func ErrorResponse(status int, e *fault.Error) map[string]any {
	body := map[string]any{
		"schemas": []string{ErrorURN},
		"status":  strconv.Itoa(status),
		"detail":  e.Detail,
	}
	if e.Code != "" {
		body["scimType"] = string(e.Code)
	}
	return body
}
