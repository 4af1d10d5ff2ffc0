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
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", e.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.initFailure)
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
func (e *environment) finish(w http.ResponseWriter, r *http.Request) *invocation {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.current
	if i == nil || i.id != r.PathValue("id") {
		say(w, http.StatusBadRequest, &lambda.FunctionError{Type: "InvalidRequestID", Message: "Invalid request ID"})
		return nil
	}
	e.current = nil
	return i
}

func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	i := e.finish(w, r)
	if i == nil {
		return
	}
	answer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, lambda.MaxPayload))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		i.outcome <- outcome{err: lambda.ErrAnswerTooLarge}
		say(w, http.StatusRequestEntityTooLarge, &lambda.FunctionError{
			Type: "RequestEntityTooLarge", Message: fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", lambda.MaxPayload)})
		return
	}
	// An answer that breaks off in the middle says why in its trailer.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		err = &lambda.FunctionError{Type: kind, Message: "the answer broke off"}
	}
	i.outcome <- outcome{answer, err}
	accept(w)
}

func (e *environment) failure(w http.ResponseWriter, r *http.Request) {
	if i := e.finish(w, r); i != nil {
		i.outcome <- outcome{err: reported(r)}
		accept(w)
	}
}

func (e *environment) initFailure(w http.ResponseWriter, r *http.Request) {
	select {
	case e.failed <- reported(r):
	default: // it said so before
	}
	accept(w)
}

// reported is the error that a process sent.
func reported(r *http.Request) error {
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

func accept(w http.ResponseWriter) { say(w, http.StatusAccepted, map[string]string{"status": "OK"}) }

func say(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(what) // a process that has gone is seen by its end
}
