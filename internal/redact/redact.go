// Package redact says what of an internal failure may be logged.
package redact

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
)

// Error is what may be logged of an internal failure: which call failed, and
// how. The message of an engine or a decoder may quote a value of a record or a
// request, so only the code or the type of such an error is named.
func Error(err error) string {
	var said strings.Builder
	ours := true // so far
	for err != nil {
		inner := errors.Unwrap(err)
		switch e := err.(type) {
		case smithy.APIError:
			return said.String() + e.ErrorCode()
		case *smithy.OperationError:
			fmt.Fprintf(&said, "%s %s: ", e.Service(), e.Operation())
			ours = false
		case syscall.Errno:
			return said.String() + e.Error()
		default:
			switch kind := fmt.Sprintf("%T", err); {
			case err == context.Canceled, err == context.DeadlineExceeded, ours && kind == "*errors.errorString":
				return said.String() + err.Error()
			case inner == nil:
				return said.String() + kind
			case ours && kind == "*fmt.wrapError":
				said.WriteString(strings.TrimSuffix(err.Error(), inner.Error()))
			default:
				ours = false
			}
		}
		err = inner
	}
	return said.String()
}
