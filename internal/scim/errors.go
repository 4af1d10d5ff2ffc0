package scim

import (
	"errors"
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

// errUnknownAttribute is the cause of an error whose Path no schema knows.
var errUnknownAttribute = errors.New("scim: unknown attribute")

// badRequest makes an error about the form or a value of a request.
func badRequest(scimType fault.Code, format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, scimType, format, args...)
}

// tooLarge makes an error about the size of a request.
func tooLarge(format string, args ...any) *fault.Error {
	return fault.New(fault.TooLarge, "", format, args...)
}

// within says that an error arose in a part of a resource. What it is about is
// a part of that, or all of it.
func within(place string, err error) error {
	e, ok := err.(*fault.Error)
	if !ok {
		return err
	}
	in := *e
	if in.Path = place; e.Path != "" {
		in.Path += "." + e.Path
	}
	return &in
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
