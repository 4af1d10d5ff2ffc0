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

// api is Lambda's Runtime API for one environment.
func (e *environment) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", e.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", e.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", e.invocationError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.initError)
	return mux
}

// next answers when there is work.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	select {
	case e.polls <- struct{}{}:
	default: // asked before, and not answered
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
		_, _ = w.Write(i.payload) // a process that has gone is seen by its end
	}
}

// traceID is a header of X-Ray that asks for no trace.
func traceID(now time.Time) string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", now.Unix(), b[:12], b[12:])
}

// finish takes the invocation in flight. It answers for the process when the
// id is not of that one.
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
	answer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, lambda.MaxPayload))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		i.result <- result{err: lambda.ErrResponseTooLarge}
		writeJSON(w, http.StatusRequestEntityTooLarge, &lambda.FunctionError{
			Type: "RequestEntityTooLarge", Message: fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", lambda.MaxPayload)})
		return
	}
	// An answer that breaks off in the middle says why in its trailer.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		err = &lambda.FunctionError{Type: kind, Message: "the answer broke off"}
	}
	i.result <- result{answer, err}
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
	default: // it said so before
	}
	writeAccepted(w)
}

// reported is the error that a process sent.
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

func writeJSON(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(what) // a process that has gone is seen by its end
}
