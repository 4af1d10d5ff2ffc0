package gateway_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/gateway"
)

// The context of a request ends before that of the invocation, so that there is time
// for the response.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		h := gateway.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			if deadline, _ := ctx.Deadline(); time.Until(deadline) != gateway.ResponseTime {
				t.Errorf("%v are left", time.Until(deadline))
			}
			w.WriteHeader(http.StatusTooManyRequests)
		}))
		if out, err := h.Invoke(ctx, []byte(`{}`)); err != nil {
			t.Errorf("%s, %v", out, err)
		}
	})
}
