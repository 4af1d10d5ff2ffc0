package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// FunctionError is the error response of a failed invocation.
type FunctionError struct {
	Type       string          `json:"errorType"`
	Message    string          `json:"errorMessage"`
	StackTrace json.RawMessage `json:"stackTrace,omitempty"`
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// functionError returns the FunctionError that Lambda reports for an error of
// Invoke.
func (f Function) functionError(err error, requestID string) *FunctionError {
	var reported *FunctionError
	switch {
	case errors.As(err, &reported):
		return reported
	case errors.Is(err, ErrTimeout):
		return &FunctionError{Type: "Sandbox.Timedout", Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, f.Timeout.Seconds())}
	case errors.Is(err, ErrResponseTooLarge):
		return &FunctionError{Type: "Function.ResponseSizeTooLarge", Message: err.Error()}
	}
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return &FunctionError{Type: kind.Name(), Message: err.Error()}
}
