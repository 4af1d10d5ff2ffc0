// Package redact reduces an internal error to what may be logged. An error of
// AWS or of a decoder may quote a value of a record or a request, so its message
// is not logged.
package redact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
)

// The types of errors.New and of fmt.Errorf with %w.
var (
	stringError  = reflect.TypeOf(errors.New(""))
	wrappedError = reflect.TypeOf(fmt.Errorf("%w", io.EOF))
)

// Panic returns what may be logged of the value of a panic: its type, because it may
// be anything of a request. What comes from the runtime quotes nothing.
func Panic(v any) string {
	if e, ok := v.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", v)
}

// Error returns what may be logged of an error: the text that the packages of
// this module put before and around it, the failed AWS operation and its error
// code. Of any other error it returns the type. Errors that are made with
// errors.New or fmt.Errorf in this module must not quote values of requests or
// records.
func Error(err error) string {
	var text strings.Builder
	own := true // whether the text of the error is this module's
	for ; err != nil; err = errors.Unwrap(err) {
		switch e := err.(type) {
		case smithy.APIError:
			return text.String() + e.ErrorCode()
		case *smithy.OperationError:
			fmt.Fprintf(&text, "%s %s: ", e.Service(), e.Operation())
			own = false
			continue
		case syscall.Errno:
			return text.String() + e.Error()
		}
		wrapped := errors.Unwrap(err)
		switch t := reflect.TypeOf(err); {
		case err == context.Canceled, err == context.DeadlineExceeded, own && t == stringError:
			return text.String() + err.Error()
		case wrapped == nil:
			return text.String() + t.String()
		case own && t == wrappedError:
			text.WriteString(strings.TrimSuffix(err.Error(), wrapped.Error()))
		default:
			own = false
		}
	}
	return text.String()
}
