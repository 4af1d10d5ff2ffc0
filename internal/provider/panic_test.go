package provider

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// The value of a panic may be anything of a request: the log has its type. The
// text of an error of the runtime is no value.
func TestPanicIsRedacted(t *testing.T) {
	var log bytes.Buffer
	p := &provider{log: slog.New(slog.NewTextHandler(&log, nil))}
	p.logPanic(t.Context(), "ada@example.com")
	if strings.Contains(log.String(), "ada@") || !strings.Contains(log.String(), "value=string") {
		t.Error(log.String())
	}
	func() {
		defer func() { p.logPanic(t.Context(), recover()) }()
		_ = []int{}[len(log.String())]
	}()
	if !strings.Contains(log.String(), "index out of range") {
		t.Error(log.String())
	}
}

// A caller never sees the text of an internal failure.
func TestInternalFailure(t *testing.T) {
	e, internal := faultOf(errors.New("table dsync-prod is throttled"), "internal error; request id %s", "r1")
	if !internal || e.Detail != "internal error; request id r1" {
		t.Errorf("%+v, %v", e, internal)
	}
	if body := errorResponse(e, nil); body.status != 500 || strings.Contains(fmt.Sprint(body.body), "dsync-prod") {
		t.Errorf("%+v", body)
	}
}
