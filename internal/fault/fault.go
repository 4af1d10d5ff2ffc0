// Package fault is the error type of the domain: what a caller did wrong, or
// what the system cannot do for it now.
//
// An Error says what happened in terms of the domain (Kind) and what the
// caller may read (Detail, Code, Path, Fields). It knows no protocol: package
// provider maps it to a SCIM error and package api to an error of the REST API,
// once each. Every other error is an internal failure, whose text no caller
// sees.
//
// An Error holds nothing internal. What this package makes is bounded, whatever
// a client sent: see MaxDetail. All functions are safe for concurrent use;
// an Error must not be changed after it was returned.
package fault

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind says what happened.
type Kind int

// The kinds of errors. The zero Kind is never returned.
const (
	// Invalid: a value or the form of the request is wrong.
	Invalid Kind = iota + 1
	// Unauthorized: there is no valid credential. It never says what was wrong
	// with it, so that unknown, expired and revoked ones look the same.
	Unauthorized
	// Paused: the directory takes no requests until it is resumed.
	Paused
	// Forbidden: the credential does not allow this, whatever the object. Scopes
	// belong to routes: the domain returns it only of a key that is bound to an
	// organization.
	Forbidden
	// NotFound: there is no such object, or the caller may not know of it.
	NotFound
	// NotAllowed: the object does not support the operation. The domain never
	// returns it.
	NotAllowed
	// Conflict: the state of an object does not allow the change, or another
	// object has the value.
	Conflict
	// PreconditionFailed: the object no longer has the version that the caller
	// demands.
	PreconditionFailed
	// TooLarge: the request exceeds a limit on its size.
	TooLarge
	// Full: the directory has as many objects as it may have. Only SCIM creates them.
	Full
	// UnsupportedFormat: the body has another format. The domain never returns
	// it.
	UnsupportedFormat
	// RateLimited: the caller sends more requests than it may. The domain never
	// returns it.
	RateLimited
	// Busy: too many concurrent changes of the same object, or the time of the
	// request was over. Nothing was changed, or a part of what a retry completes; a
	// retry can succeed.
	Busy
	// Unsupported: the function does not exist here. The domain never returns
	// it.
	Unsupported
	// Internal: a failure that the caller did not cause. The domain never
	// returns it: an edge uses it for every error that is not an Error.
	Internal
)

// Code tells programs what happened, within a Kind: a scimType (RFC 7644
// section 3.12) from package scim and the SCIM session, a code of the REST API
// from package management. "" where there is none.
type Code string

// Field is a parameter or a member of a body, and what it must be.
type Field struct {
	Name string `json:"field"`
	Code string `json:"code"`
}

// Error is what a caller sees when its request fails.
type Error struct {
	Kind   Kind
	Code   Code
	Detail string // a sentence for people
	// Path is the attribute, path or parameter that is at fault, where that is
	// known. Unlike Detail it never holds a value, so it may be logged.
	Path string
	// Operation is the operation of a PATCH or of a bulk request that failed,
	// counted from 1; 0 for none.
	Operation int
	// Fields are all wrong parameters and members of a REST request. Only of
	// Invalid.
	Fields []Field
	// Entity and ID are the kind and id of the object of NotFound, such as
	// "Directory". Both are "" where the kind must not be told.
	Entity, ID string
	// RetryAfter is when a retry can succeed. Only of RateLimited.
	RetryAfter time.Duration
	cause      error
}

// New makes an Error. The caller sees the detail: it must hold nothing
// internal.
func New(k Kind, code Code, format string, args ...any) *Error {
	return &Error{Kind: k, Code: code, Detail: Cut(fmt.Sprintf(format, args...), MaxDetail)}
}

// Missing makes a NotFound error. An empty entity does not tell the kind of
// the object.
func Missing(entity, id string) *Error {
	return &Error{Kind: NotFound, Entity: entity, ID: Cut(id, MaxPath)}
}

// InvalidField makes an Invalid error about one field. The text says what the
// field must be.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Fields: bounded([]Field{{field, fmt.Sprintf(format, args...)}}, 0)}
}

// TooManyChanges is the Busy error.
func TooManyChanges() *Error {
	return New(Busy, "", "too many changes of the same resource at once: try again")
}

// InTime is the error of a request under a context. A request that had to end,
// because the function's time was almost over, is Busy: the client sends it again,
// and every change is all or nothing, or goes on where it ended.
func InTime(ctx context.Context, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return New(Busy, "", "the request could not be finished in time: send it again")
}

// Limited returns an Error of kind RateLimited. A retry can succeed after wait.
func Limited(wait time.Duration, detail string, a ...any) *Error {
	e := New(RateLimited, "", detail, a...)
	e.RetryAfter = wait
	return e
}

// RetrySeconds is RetryAfter as the header Retry-After has it: whole seconds, 1 at
// least.
func (e *Error) RetrySeconds() string {
	return strconv.Itoa(max(1, int(math.Ceil(e.RetryAfter.Seconds()))))
}

// KindOf is the kind of an Error, Internal for any other error, and 0 for nil.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Kind
	}
	return Internal
}

// About returns the error with the path that it is about, unless it has one.
func (e *Error) About(path string) *Error {
	if e.Path != "" {
		return e
	}
	about := *e
	about.Path = Cut(path, MaxPath)
	return &about
}

// Because returns the error with the error that caused it, for errors.Is and
// errors.As. The caller does not see the cause.
func (e *Error) Because(cause error) *Error {
	because := *e
	because.cause = cause
	return &because
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.cause }

// Error is for logs and tests of this system: callers see the fields.
func (e *Error) Error() string {
	var said []string
	if e.Code != "" {
		said = append(said, string(e.Code))
	}
	if e.Entity != "" {
		said = append(said, e.Entity+" not found")
	}
	if e.Detail != "" {
		said = append(said, e.Detail)
	}
	for _, f := range e.Fields {
		said = append(said, f.Code)
	}
	return strings.Join(append([]string{e.Kind.String()}, said...), ": ")
}

var names = [...]string{
	Invalid: "invalid", Unauthorized: "unauthorized", Paused: "paused", Forbidden: "forbidden", NotFound: "not found",
	NotAllowed: "not allowed", Conflict: "conflict", PreconditionFailed: "precondition failed", TooLarge: "too large", Full: "full",
	UnsupportedFormat: "unsupported format", RateLimited: "rate limited", Busy: "busy", Unsupported: "unsupported",
	Internal: "internal error",
}

func (k Kind) String() string {
	if k > 0 && int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", int(k))
}
