package table

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
)

// Discreet is what may be logged of an error that is a failure of ours: which
// call failed, and how. What an engine or a decoder writes may quote a value of
// a record or request, so of theirs only the code or the type is told.
func Redact(err error) string {
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
