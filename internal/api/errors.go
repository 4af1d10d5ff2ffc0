package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"dsync/internal/directory"
	"dsync/internal/scim"
)

// failure is a refusal of the API itself: what the domain never hears of.
type failure answer

func (f *failure) Error() string { return http.StatusText(f.status) }

// errNoPath: no route has that path.
var errNoPath = &failure{status: http.StatusNotFound, body: map[string]any{"message": "Not Found"}}

// errPace: the key is used too fast, or too many write the same at once
// (workos.md section 3).
var errPace = &failure{status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": "1"}, body: "Ratelimited"}

func notAllowed(methods []string) *failure {
	return &failure{status: http.StatusMethodNotAllowed, header: map[string]string{"Allow": strings.Join(methods, ", ")},
		body: map[string]any{"message": "Method Not Allowed"}}
}

func forbidden(scope string) *failure {
	return &failure{status: http.StatusForbidden, body: map[string]any{"message": fmt.Sprintf("The API key does not have the scope %s.", scope)}}
}

func badRequest(code, format string, args ...any) *failure {
	return message(http.StatusBadRequest, code, format, args...)
}

func message(status int, code, format string, args ...any) *failure {
	return &failure{status: status, body: map[string]any{"message": fmt.Sprintf(format, args...), "code": code}}
}

func validation(fields []directory.Field) *failure {
	return &failure{status: http.StatusUnprocessableEntity, body: map[string]any{"message": "Validation failed", "errors": fields}}
}

// refusal is the answer to a request that failed (workos.md section 3). What
// is no refusal is a failure of ours, of which the caller learns nothing.
func refusal(err error, requestID string) answer {
	var own *failure
	var refused *directory.Refusal
	var protocol *scim.Error
	switch {
	case errors.As(err, &own):
		return answer(*own)
	case errors.As(err, &refused):
		return answer(*domain(refused))
	case errors.As(err, &protocol) && protocol.Status == http.StatusTooManyRequests:
		return answer(*errPace)
	}
	return answer{status: http.StatusInternalServerError, body: map[string]any{"message": "Internal error", "request_id": requestID}}
}

func domain(r *directory.Refusal) *failure {
	switch r.Reason {
	case directory.Unauthorized:
		return &failure{status: http.StatusUnauthorized, header: map[string]string{"WWW-Authenticate": `Bearer realm="dsync"`},
			body: map[string]any{"message": "Unauthorized"}}
	case directory.Conflict:
		return message(http.StatusConflict, r.Code, "%s", r.Message)
	case directory.Invalid:
		return validation(r.Fields)
	}
	if r.Entity == "" {
		return errNoPath
	}
	f := message(http.StatusNotFound, "entity_not_found", "%s not found: '%s'.", r.Entity, r.ID)
	f.body.(map[string]any)["entity_id"] = r.ID
	return f
}
