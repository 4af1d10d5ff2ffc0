package api

import (
	"errors"
	"net/http"

	"dsync/internal/fault"
)

func badRequest(code fault.Code, format string, args ...any) error {
	return fault.New(fault.Invalid, code, format, args...)
}

func validation(fields []fault.Field) error { return fault.Invalids(fields) }

// errorResponse is the response to a request that failed (workos.md section 3),
// with headers that were set before. Of an internal failure the caller sees the
// id of the request.
func errorResponse(err error, header map[string]string, requestID string) response {
	message := func(status int, text string) response {
		return response{status: status, header: header, body: map[string]any{"message": text}}
	}
	var e *fault.Error
	if !errors.As(err, &e) {
		return response{status: http.StatusInternalServerError, body: map[string]any{"message": "Internal error", "request_id": requestID}}
	}
	switch e.Kind {
	case fault.Unauthorized:
		header = map[string]string{"WWW-Authenticate": `Bearer realm="dsync"`}
		return message(http.StatusUnauthorized, "Unauthorized")
	case fault.Forbidden:
		return message(http.StatusForbidden, e.Detail)
	case fault.NotAllowed:
		return message(http.StatusMethodNotAllowed, "Method Not Allowed")
	case fault.RateLimited, fault.Busy:
		return response{status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": e.RetrySeconds()}, body: "Ratelimited"}
	case fault.NotFound:
		if e.Entity == "" {
			return message(http.StatusNotFound, "Not Found")
		}
		return response{status: http.StatusNotFound, body: map[string]any{
			"message": e.Entity + " not found: '" + e.ID + "'.", "code": "entity_not_found", "entity_id": e.ID,
		}}
	case fault.Invalid:
		if e.Fields != nil {
			return response{status: http.StatusUnprocessableEntity, body: map[string]any{"message": "Validation failed", "errors": e.Fields}}
		}
	}
	return response{status: statuses[e.Kind], body: map[string]any{"message": e.Detail, "code": string(e.Code)}}
}

// statuses are the HTTP statuses of errors with a message and a code.
var statuses = map[fault.Kind]int{
	fault.Invalid:           http.StatusBadRequest,
	fault.Conflict:          http.StatusConflict,
	fault.TooLarge:          http.StatusRequestEntityTooLarge,
	fault.UnsupportedFormat: http.StatusUnsupportedMediaType,
}
