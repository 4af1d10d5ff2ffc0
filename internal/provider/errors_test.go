package provider

import (
	"testing"
	"time"

	"dsync/internal/fault"
)

func TestRetryAfter(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Minute: "60"} {
		e := fault.New(fault.RateLimited, "", "")
		e.RetryAfter = d
		if got := errorResponse(e, nil).header[retryAfter]; got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

// Each kind of failure has its status.
func TestStatuses(t *testing.T) {
	for kind, want := range map[fault.Kind]int{
		fault.Invalid: 400, fault.Unauthorized: 401, fault.Paused: 403, fault.Forbidden: 403, fault.NotFound: 404, fault.NotAllowed: 405, fault.Conflict: 409,
		fault.PreconditionFailed: 412, fault.TooLarge: 413, fault.UnsupportedFormat: 415, fault.RateLimited: 429, fault.Busy: 429, fault.Unsupported: 501, fault.Internal: 500,
	} {
		if got := errorResponse(fault.New(kind, "", ""), nil).status; got != want {
			t.Errorf("%v: %d, want %d", kind, got, want)
		}
	}
}
