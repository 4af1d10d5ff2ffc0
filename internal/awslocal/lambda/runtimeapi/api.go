package runtimeapi

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"dsync/internal/awslocal/lambda"
)

// api returns the Runtime API of one execution environment.
func (e *environment) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", e.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", e.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", e.invocationError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.initError)
	return mux
}

// next responds when there is an invocation.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	select {
	case e.polls <- struct{}{}:
	default: // the process repeats a request that got no response
	}
	select {
	case <-r.Context().Done():
	case i := <-e.work:
		e.mu.Lock()
		e.current = i
		e.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", i.arn)
		h.Set("Lambda-Runtime-Trace-Id", traceID(time.Now()))
		_, _ = w.Write(i.payload) // fails only when the process has ended, which invoke detects
	}
}

// traceID returns an X-Ray trace header with sampling off.
func traceID(now time.Time) string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", now.Unix(), b[:12], b[12:])
}

// takeCurrent returns the current invocation and clears it. If the request id
// in the path is not that of the current invocation, it writes an error and
// returns nil.
func (e *environment) takeCurrent(w http.ResponseWriter, r *http.Request) *invocation {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.current
	if i == nil || i.id != r.PathValue("id") {
		writeJSON(w, http.StatusBadRequest, &lambda.FunctionError{Type: "InvalidRequestID", Message: "Invalid request ID"})
		return nil
	}
	e.current = nil
	return i
}

func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	i := e.takeCurrent(w, r)
	if i == nil {
		return
	}
	response, err := io.ReadAll(http.MaxBytesReader(w, r.Body, lambda.MaxPayload))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		i.result <- result{err: lambda.ErrResponseTooLarge}
		writeJSON(w, http.StatusRequestEntityTooLarge, &lambda.FunctionError{
			Type: "RequestEntityTooLarge", Message: fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", lambda.MaxPayload)})
		return
	}
	// A streamed response that ends with an error has the error type in a trailer.
	if errorType := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); errorType != "" {
		err = &lambda.FunctionError{Type: errorType, Message: "the response stream ended with an error"}
	}
	i.result <- result{response, err}
	writeAccepted(w)
}

func (e *environment) invocationError(w http.ResponseWriter, r *http.Request) {
	if i := e.takeCurrent(w, r); i != nil {
		i.result <- result{err: readError(r)}
		writeAccepted(w)
	}
}

func (e *environment) initError(w http.ResponseWriter, r *http.Request) {
	select {
	case e.failed <- readError(r):
	default: // reported before
	}
	writeAccepted(w)
}

// readError returns the error that a process reports.
func readError(r *http.Request) error {
	failed := &lambda.FunctionError{Type: r.Header.Get("Lambda-Runtime-Function-Error-Type")}
	text, err := io.ReadAll(io.LimitReader(r.Body, lambda.MaxPayload))
	if err == nil {
		err = json.Unmarshal(text, failed)
	}
	if err != nil || failed.Type == "" {
		failed.Type = "Runtime.Unknown"
	}
	return failed
}

func writeAccepted(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only when the process has ended, which invoke detects
}
