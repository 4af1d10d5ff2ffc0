package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"dsync/internal/awslocal/uuid"
)

// Endpoint is Lambda's Invoke, with which an operator calls a function:
//
//	POST /2015-03-31/functions/{name or ARN}/invocations
//
// The function answers the request (RequestResponse); other types of
// invocation are refused. On AWS, IAM says who may do that. Here it is who can
// reach the machine's own address with a program: what a page in a browser
// sends is refused.
type Endpoint struct {
	ctx       context.Context
	functions map[string]Function
	handler   http.Handler
}

// NewEndpoint returns the endpoint of these functions, by name. As on AWS an
// invocation goes on when its client has gone; it ends with ctx.
func NewEndpoint(ctx context.Context, functions map[string]Function) *Endpoint {
	e := &Endpoint{ctx: ctx, functions: functions}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", e.invoke)
	e.handler = http.NewCrossOriginProtection().Handler(mux)
	return e
}

// ServeHTTP answers as Lambda does.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A name that somebody made point here leads to a browser, too.
	if host := (&url.URL{Host: r.Host}).Hostname(); host != "127.0.0.1" && host != "localhost" {
		http.Error(w, "The functions of this machine are at 127.0.0.1.", http.StatusForbidden)
		return
	}
	e.handler.ServeHTTP(w, r)
}

func (e *Endpoint) invoke(w http.ResponseWriter, r *http.Request) {
	requestID := uuid.New()
	w.Header().Set("x-amzn-RequestId", requestID)
	w.Header().Set("Content-Type", "application/json")

	name := r.PathValue("name")
	if _, function, ok := strings.Cut(name, ":function:"); ok { // of an ARN
		name = function
	}
	name, _, _ = strings.Cut(name, ":") // of a version or alias there is one
	f, ok := e.functions[name]
	if !ok {
		writeError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+Function{Name: name}.ARN())
		return
	}
	if t := r.Header.Get("X-Amz-Invocation-Type"); t != "" && t != "RequestResponse" {
		writeError(w, http.StatusBadRequest, "InvalidParameterValueException", fmt.Sprintf("The functions of one machine are invoked with RequestResponse, not %s.", t))
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		writeError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", MaxPayload))
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}") // as Lambda does
	}
	if err != nil || !json.Valid(payload) {
		writeError(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json")
		return
	}

	answer, err := f.Invoke(e.ctx, requestID, payload)
	if err != nil {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		answer, _ = json.Marshal(f.functionError(err, requestID)) // strings
	}
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	_, _ = w.Write(answer) // a client that has gone is none of ours
}

func writeError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("x-amzn-ErrorType", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": message})
}
