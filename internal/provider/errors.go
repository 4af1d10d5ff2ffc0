package provider

import (
	"errors"
	"net/http"

	"dsync/internal/fault"
	"dsync/internal/scim"
)

// statuses are the HTTP statuses of errors (RFC 7644 section 3.12).
var statuses = map[fault.Kind]int{
	fault.Invalid:            http.StatusBadRequest,
	fault.Unauthorized:       http.StatusUnauthorized,
	fault.Paused:             http.StatusForbidden,
	fault.Forbidden:          http.StatusForbidden,
	fault.NotFound:           http.StatusNotFound,
	fault.NotAllowed:         http.StatusMethodNotAllowed,
	fault.Conflict:           http.StatusConflict,
	fault.PreconditionFailed: http.StatusPreconditionFailed,
	fault.TooLarge:           http.StatusRequestEntityTooLarge,
	fault.Full:               http.StatusRequestEntityTooLarge,
	fault.UnsupportedFormat:  http.StatusUnsupportedMediaType,
	fault.RateLimited:        http.StatusTooManyRequests,
	fault.Busy:               http.StatusTooManyRequests,
	fault.Unsupported:        http.StatusNotImplemented,
	fault.Internal:           http.StatusInternalServerError,
}

const retryAfter = "Retry-After"

// errorResponse is the response to a request that failed, with headers that the
// endpoint has set.
func errorResponse(e *fault.Error, header map[string]string) response {
	status := statuses[e.Kind]
	if status == http.StatusTooManyRequests {
		header = map[string]string{retryAfter: e.RetrySeconds()}
	}
	return response{status, header, scim.ErrorResponse(status, e)}
}

// faultOf is the error that a client sees. Of an internal failure it sees what
// is given here.
func faultOf(err error, format string, args ...any) (e *fault.Error, internal bool) {
	if errors.As(err, &e) {
		return e, false
	}
	return fault.New(fault.Internal, "", format, args...), true
}
