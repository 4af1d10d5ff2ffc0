package web

import (
	"cmp"
	"errors"
	"net/http"

	"dsync/internal/fault"
)

// Problem is an error as people read it.
type Problem struct {
	Status                 int
	Title, Text, RequestID string
}

// statuses are the statuses of errors.
var statuses = map[fault.Kind]int{
	fault.Invalid:      http.StatusUnprocessableEntity,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusConflict,
	fault.TooLarge:     http.StatusRequestEntityTooLarge,
	fault.RateLimited:  http.StatusTooManyRequests,
	fault.Busy:         http.StatusServiceUnavailable,
}

// Problem describes an error. Unless it is a fault, nothing of it is shown.
func (x *Exchange) Problem(err error) Problem {
	p := Problem{Status: http.StatusInternalServerError, Title: "Something went wrong", Text: "The request failed, and nothing was changed. Try again; if it happens again, the log of the function has the reason."}
	var e *fault.Error
	if errors.As(err, &e) && statuses[e.Kind] != 0 {
		p.Status = statuses[e.Kind]
		if e.Kind == fault.RateLimited {
			x.Header().Set("Retry-After", e.RetrySeconds())
		}
		p.Title, p.Text = describe(e)
	}
	p.RequestID = x.ID()
	return p
}

func describe(e *fault.Error) (title, text string) {
	switch e.Kind {
	case fault.NotFound:
		return cmp.Or(e.Entity, "Page") + " not found", "It does not exist, or it was deleted."
	case fault.Forbidden:
		return "Not allowed", e.Detail
	case fault.RateLimited:
		return "Too many requests", "Wait some seconds, then load the page again."
	case fault.Busy:
		return "Try again", "Others are changing the same thing right now. Nothing was changed."
	}
	text = e.Detail
	for _, f := range e.Fields {
		text = f.Code
	}
	return "The request was refused", text
}
